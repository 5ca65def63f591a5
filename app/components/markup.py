"""Read-only HTML made on the server, where every text is escaped once and for good.

All of it goes through the plain `value` of gr.HTML. Handlebars templates would not do: Gradio evaluates what
they render as a JavaScript template literal, so a document that holds `${...}` would run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import gradio as gr
from markupsafe import Markup

__all__ = [
    "ANNOUNCED",
    "CHOSEN",
    "NOTHING",
    "Row",
    "chips",
    "clickable",
    "dot",
    "facts",
    "moment",
    "note",
    "passage",
    "progress_bar",
    "score",
    "table",
    "under",
]

NOTHING = "—"  # where there is no value
CHOSEN = "lg-chosen"  # the class of the row that is on show
ANNOUNCED = "element.setAttribute('aria-live', 'polite');"
"""`js_on_load` of an element whose changes a screen reader says."""
_HEADER = Markup("<th{}>{}</th>")
_CELL = Markup("<td{}>{}</td>")
_RIGHT = Markup(' class="lg-number"')
_SELECT_ROW = """
const choose = (event) => {
  const row = event.target.closest('tr[data-key]');
  if (row) trigger('select', {key: row.dataset.key});
};
element.addEventListener('click', choose);
element.addEventListener('keydown', (event) => {
  const row = event.target.closest('tr[data-key]');
  if (!row) return;
  const way = {ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling'}[event.key];
  if (!way && event.key !== 'Enter' && event.key !== ' ') return;
  event.preventDefault();
  if (!way) return choose(event);
  let next = row[way];
  while (next && !next.dataset.key) next = next[way];
  if (!next) return;
  element.querySelectorAll('tr[tabindex="0"]').forEach((stop) => { stop.tabIndex = -1; });  // one a table
  next.tabIndex = 0;
  next.focus();
});
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A table row. `kind` is its CSS class; a row with a `key` can be selected."""

    cells: Sequence[object]
    kind: str = ""
    key: int | str | None = None


def clickable(elem_id: str) -> gr.HTML:
    """Make the element for a table whose rows with a key fire `select`, with `key` as the event's text."""
    return gr.HTML(js_on_load=_SELECT_ROW, elem_id=elem_id)


def table(headers: Sequence[str], rows: Iterable[Row], *, empty: str, numeric: Iterable[int] = ()) -> str:
    """Lay out rows under headers; `numeric` columns are right-aligned. Without rows, show `empty` instead."""
    right, rows = set(numeric), list(rows)
    keyed = [row for row in rows if row.key is not None]
    stop = next((row for row in keyed if CHOSEN in row.kind), keyed[0] if keyed else None)  # of the Tab key
    body = Markup("").join(_row(row, right, stops=row is stop) for row in rows)
    if not body:
        return str(Markup('<p class="lg-empty">{}</p>').format(empty))
    head = _cells(_HEADER, headers, right)
    return str(
        Markup('<div class="lg-scroll"><table class="lg-table"><thead><tr>{}</tr></thead>{}</table></div>').format(
            head, Markup("<tbody>{}</tbody>").format(body)
        )
    )


def _row(row: Row, right: set[int], *, stops: bool) -> Markup:
    key = Markup("") if row.key is None else Markup(' data-key="{}" tabindex="{}"').format(row.key, 0 if stops else -1)
    current = Markup(' aria-current="true"') if CHOSEN in row.kind else Markup("")
    return Markup('<tr class="{}"{}{}>{}</tr>').format(row.kind, key, current, _cells(_CELL, row.cells, right))


def _cells(template: Markup, contents: Iterable[object], right: set[int]) -> Markup:
    return Markup("").join(
        template.format(_RIGHT if index in right else "", content) for index, content in enumerate(contents)
    )


def dot(colour: str) -> Markup:
    """Show the colour of a label in front of its name; nothing without one."""
    return Markup('<i class="lg-dot" style="background:{}"></i>').format(colour) if colour else Markup("")


def chips(names: Iterable[str], colours: Mapping[str, str], *, empty: str = "no label") -> Markup:
    """Label names side by side, those in `colours` with a dot."""
    found = Markup("").join(
        Markup('<span class="lg-chip">{}{}</span>').format(dot(colours.get(name, "")), name) for name in names
    )
    return Markup('<span class="lg-chips">{}</span>').format(
        found or Markup('<i class="lg-muted">{}</i>').format(empty)
    )


def under(parent: str) -> Markup:
    """Say behind a label's name which label it stands under; nothing without one."""
    return Markup(' <span class="lg-muted">under {}</span>').format(parent) if parent else Markup("")


def facts(values: Mapping[str, object]) -> str:
    """Figures with their names underneath."""
    items = Markup("").join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value) for name, value in values.items()
    )
    return str(Markup('<dl class="lg-facts">{}</dl>').format(items))


def note(text: object, kind: str = "info") -> str:
    """Return a short remark; kinds are info, warning, error and done. Nothing for an empty text."""
    return str(Markup('<p class="lg-note lg-{}">{}</p>').format(kind, text)) if text else ""


def passage(text: str) -> str:
    """Return a document's text as it is, line breaks included."""
    return str(Markup('<div class="lg-passage">{}</div>').format(text))


def progress_bar(share: float, caption: str) -> str:
    """Return a bar filled to `share` in [0, 1]."""
    bar = Markup(
        '<div class="lg-progress" role="progressbar" aria-label="Progress" aria-valuenow="{0}">'
        '<i style="width:{0}%"></i></div>'
    )
    return str(bar.format(round(100 * share)) + Markup('<p class="lg-muted">{}</p>').format(caption))


def score(value: float | None) -> str:
    """Return a cosine, probability or F1 with three decimals, or a dash."""
    return NOTHING if value is None else f"{value:.3f}"


def moment(value: datetime | None) -> str:
    """Return a UTC time to the minute, or a dash."""
    return NOTHING if value is None else f"{value:%Y-%m-%d %H:%M}"
