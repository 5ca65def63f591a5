"""What reviewers see beside a label: parent, group, colour, key, guideline and examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from app.components.events import on
from app.components.project_bar import author_name
from app.components.unsaved import ask_before_leaving
from app.errors import AppError
from app.services.label_lifecycle import LabelAttributes

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor

__all__ = ["build"]

NO_KEY = "by position"
NO_PARENT = 0
DIGITS = (NO_KEY, *"1234567890")

LEFT = "What was typed for reviewers was not saved. It is there again when the label is opened again."
NOT_AS_STORED = """
const {left, label, ...stored} = element.querySelector('span').dataset;
return left || Object.entries(stored).some(([name, value]) => {
  const box = document.querySelector(`#label-${name} :is(textarea, input)`);
  return box && box.value.trim() !== value.trim();
});
"""


class Opened(NamedTuple):
    """A label in the panel: its attributes as they were when it was opened, and what is in the fields."""

    label_id: int | None = None
    attributes: LabelAttributes = LabelAttributes()
    fields: tuple[Any, ...] = (NO_PARENT, "", "", NO_KEY, "", "", "")


def build(services: Services, bar: ProjectBar, editor: LabelEditor, changed: gr.State) -> None:
    """Lay out the panel of the open label."""
    opened = gr.State(Opened())
    # The server may be ahead of the page, whose fields are then those of the label before: it says itself of which.
    seen = gr.Number(visible=False, precision=0)
    unsaved = gr.State({})  # {label id: Opened with what was typed} of labels that were left
    with gr.Row():
        parent = gr.Dropdown([("none", NO_PARENT)], value=NO_PARENT, label="Parent", min_width=140,
                             elem_id="label-parent")  # fmt: skip
        group = gr.Textbox(label="Group", placeholder="a heading", min_width=140, elem_id="label-group")
        colour = gr.Textbox(label="Colour", placeholder="#1d6b57", min_width=100, elem_id="label-colour")
        digit = gr.Dropdown(list(DIGITS), value=NO_KEY, label="Key in review", min_width=100, elem_id="label-digit")
    guideline = gr.Textbox(
        label="Guideline", info="For people: when to give this label and when not.", lines=3, elem_id="label-guideline"
    )
    with gr.Row():
        positive = gr.Textbox(label="Examples", info="Clear cases, one a line.", lines=3, min_width=240,
                              elem_id="label-positive")  # fmt: skip
        tricky = gr.Textbox(label="Tricky examples", info="One a line, with the reason.", lines=3, min_width=240,
                            elem_id="label-tricky")  # fmt: skip
    told = gr.HTML(
        _told(Opened(), {}),
        visible="hidden",
        js_on_load=ask_before_leaving(NOT_AS_STORED),
        elem_id="label-reviewers-told",
    )
    save = gr.Button("Save for reviewers", size="sm", variant="primary", elem_id="label-reviewers-save")

    def show(
        project_id: int, key: int | None, before: Opened, kept: dict[int, Opened], of: int | None, *values: Any
    ) -> tuple[Any, ...]:
        """The label as it is stored, but for what is typed and not saved; of a label that was left that is kept.

        A field that stays what it was is left alone: somebody may have typed into it since the page asked.
        """
        unsaved = dict(kept)
        if before.label_id is not None and before.label_id == of and values != _fields(before.attributes):
            unsaved[before.label_id] = before._replace(fields=values)
            if before.label_id != key:
                gr.Warning(LEFT)
        now = Opened() if key is None else unsaved.pop(key, None) or stored(key)
        listed = services.labels.list(project_id, include_retired=True) if key is not None else []
        parents = [
            (f"{one.name} (retired)" if one.retired else one.name, one.id)
            for one in listed
            if one.id != key and (not one.retired or one.id == now.fields[0])
        ]
        parent_id, *texts = now.fields
        choices = gr.Dropdown(choices=[("none", NO_PARENT), *parents], value=parent_id)
        changed = (gr.skip() if new == sent else new for new, sent in zip(texts, values[1:], strict=True))
        return now, unsaved, key, _told(now, unsaved), choices, *changed

    def stored(key: int) -> Opened:
        found = services.lifecycle.attributes(key)
        return Opened(key, found, _fields(found))

    def keep(
        key: int | None, before: Opened, of: int | None, unsaved: dict[int, Opened], *values: Any
    ) -> tuple[Any, ...]:
        parent_id, group, colour, digit, guideline, positive, tricky, author, count = values
        if key is None:
            raise AppError("Open a label in the table first.")
        if not key == before.label_id == of:
            raise AppError("Nothing was saved: another label was just opened. Look at its fields, then save again.")
        attributes = LabelAttributes(
            group=group,
            colour=colour,
            digit=None if digit == NO_KEY else digit,
            guideline=guideline,
            examples_positive=_lines(positive),
            examples_tricky=_lines(tricky),
            parent_id=parent_id or None,
        )
        services.lifecycle.edit(key, attributes, author_name(author), opened=before.attributes)
        gr.Info("Saved; reviewers see it beside the label.")
        now = stored(key)
        return now, _told(now, unsaved), *now.fields, int(count) + 1

    fields = [parent, group, colour, digit, guideline, positive, tricky]
    for event in (editor.label_id.change, changed.change):
        on(event, show, [bar.project, editor.label_id, opened, unsaved, seen, *fields],
           [opened, unsaved, seen, told, *fields], show_progress="hidden")  # fmt: skip
    on(save.click, keep, [editor.label_id, opened, seen, unsaved, *fields, bar.author, changed],
       [opened, told, *fields, changed])  # fmt: skip


def _told(now: Opened, unsaved: dict[int, Opened]) -> str:
    """What the page knows of what is stored, to see what somebody has typed and not saved."""
    _, group, colour, _, guideline, positive, tricky = _fields(now.attributes)
    told = Markup(
        '<span data-left="{}" data-label="{}" data-group="{}" data-colour="{}" data-guideline="{}" data-positive="{}" '
        'data-tricky="{}"></span>'
    )
    return str(told.format("yes" if unsaved else "", now.label_id or "", group, colour, guideline, positive, tricky))


def _fields(found: LabelAttributes) -> tuple[Any, ...]:
    """What the fields hold of a label."""
    return (
        found.parent_id or NO_PARENT,
        found.group,
        found.colour,
        found.digit or NO_KEY,
        found.guideline,
        "\n".join(found.examples_positive),
        "\n".join(found.examples_tricky),
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line.strip())
