"""The editor of one label: name and description, checked at every key, with undo."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup, wording
from app.components.events import on
from app.components.past import Past
from app.components.project_bar import ProjectBar
from app.components.unsaved import ask_before_leaving
from app.errors import AppError
from app.services.naming import MAX_NAME_CHARACTERS
from lagamc.errors import LagamcError

if TYPE_CHECKING:
    from app.container import Services
    from app.screens.label_writing import Writing
    from app.services.labels import LabelView
    from app.services.studio import LintView

__all__ = ["LabelEditor", "blank", "judged", "label_editor", "proposed", "shown", "warned", "wire"]

NEW = '<h2 data-name="" data-text="">New label</h2>'
NOT_AS_STORED = """
const typed = (id) => document.querySelector(`#${id} :is(textarea, input)`)?.value.trim() ?? '';
const {name, text} = element.querySelector('h2').dataset;
return typed('label-name') !== name || typed('label-description') !== text;
"""
# Marks the row of the open label without laying out the table again, which would scroll it back to its top.
OPEN = Markup('<style>#labels-table tr[data-key="{}"] {{ --lg-open: var(--color-accent) }}</style>')
CLEAR = "Nothing to mend."
CLEAR_BUT = "Nothing else to mend."


@dataclass(frozen=True, slots=True)
class LabelEditor:
    """The elements that the panels around the editor read and set.

    `label_id` is None for a new label; `version` is the number of the description as it was loaded, so that a
    later save is noticed; `draft_id` is the draft that the text began as.
    """

    label_id: gr.State
    seen: gr.Number  # the same, as the page shows it
    version: gr.State
    draft_id: gr.State
    past: gr.State  # a Past
    loaded: gr.State  # the name as it was loaded
    left: gr.State  # the texts of new labels that were left unsaved
    heading: gr.HTML
    name: gr.Textbox
    description: gr.Textbox
    note: gr.Textbox
    lint: gr.HTML
    fixes: gr.State
    facts: gr.HTML
    save: gr.Button
    keep: gr.Button
    new: gr.Button
    retire: gr.Button
    restore: gr.Button
    questions: gr.Column  # where a panel lays out what it asks about the open label

    @property
    def outputs(self) -> list[Any]:
        """The elements that `shown` and `blank` set."""
        return [
            self.label_id, self.seen, self.version, self.draft_id, self.past, self.loaded, self.heading, self.name,
            self.description, self.note, self.retire, self.restore,
        ]  # fmt: skip

    @property
    def writing(self) -> list[Any]:
        """The elements whose values make a `Writing`."""
        return [self.label_id, self.seen, self.loaded, self.name, self.description, self.past, self.left]

    @property
    def proposal(self) -> list[Any]:
        """The elements that a draft or a fix sets: its text, where it began, and the wording before it."""
        return [self.description, self.draft_id, self.past]


def label_editor() -> LabelEditor:
    """Lay out the editor; `wire` makes it live."""
    with gr.Column(elem_id="label-editor", elem_classes="lg-panel"):
        heading = gr.HTML(NEW, elem_classes="lg-heading", js_on_load=ask_before_leaving(NOT_AS_STORED))
        # the texts have a value: another project is opened before anybody opens this tab, and would get None
        name = gr.Textbox("", label="Name", elem_id="label-name")
        description = gr.Textbox(
            "",
            label="Description",
            info="One or two sentences: what the label means in this collection, and what sets it apart.",
            lines=4,
            elem_id="label-description",
        )
        note = gr.Textbox(
            "",
            label="Note",
            placeholder="optional: why it reads so now; goes into the history",
            max_lines=1,
            max_length=MAX_NAME_CHARACTERS,
            elem_id="label-note",
        )
        with gr.Row():
            save = gr.Button("Save", variant="primary", size="sm", min_width=70, elem_id="label-save")
            undo = gr.Button("Undo", size="sm", min_width=70, elem_id="label-undo")
            keep = gr.Button("Keep as draft", size="sm", min_width=110, elem_id="label-keep")
            retire = gr.Button("Retire", size="sm", min_width=70, visible=False, elem_id="label-retire")
            restore = gr.Button("Restore", size="sm", min_width=70, visible=False, elem_id="label-restore")
            new = gr.Button("New label", size="sm", min_width=90, elem_id="label-new")
        # what comes a moment after the text stands below every button, so that none moves under a click
        questions = gr.Column(elem_id="label-questions")
        facts = gr.HTML(elem_id="label-facts")
        lint = markup.clickable("label-lint")
    editor = LabelEditor(
        label_id=gr.State(None), seen=gr.Number(visible=False, precision=0), version=gr.State(None),
        draft_id=gr.State(None), past=gr.State(Past()),
        loaded=gr.State(""), left=gr.State(()), heading=heading, name=name, description=description, note=note,
        lint=lint, fixes=gr.State([]), facts=facts, save=save, keep=keep, new=new, retire=retire, restore=restore,
        questions=questions,
    )  # fmt: skip
    on(undo.click, _undone, [editor.description, editor.past], [editor.description, editor.past],
       show_progress="hidden")  # fmt: skip
    on(lint.select, _mended, [editor.description, editor.fixes, editor.past], [editor.description, editor.past],
       show_progress="hidden")  # fmt: skip
    return editor


def wire(services: Services, bar: ProjectBar, editor: LabelEditor) -> None:
    """Check the description whenever it changes, by hand or by a panel."""

    def check(project_id: int, key: int | None, text: str, past: Past) -> tuple[Any, ...]:
        # the check of a label that was left a moment ago may have brought its past along
        now = past.typed(text) if past.label_id == key else Past(key, text)
        return *checked(services, project_id, key, text), gr.skip() if now is past else now

    on(
        [editor.description.change, editor.label_id.change],
        check,
        [bar.project, editor.label_id, editor.description, editor.past],
        [editor.lint, editor.fixes, editor.facts, editor.past],
        show_progress="hidden",
    )


def judged(services: Services, project_id: int, key: int | None, text: str) -> str:
    """Return tokens, nearest rival and number of findings of a wording in a line, or nothing without a model."""
    try:
        view = services.studio.lint(project_id, key, text)
    except (AppError, LagamcError):
        return markup.NOTHING
    parts = [f"{view.tokens} tokens"]
    if view.rival is not None and view.cosine is not None:
        parts.append(f"{view.rival} {view.cosine:.3f}")
    parts += [finding.code for finding in view.findings]
    return " · ".join(parts)


@contextmanager
def warned(services: Services, project_id: int, key: int | None, text: str) -> Iterator[None]:
    """Around the saving of a text: warn with the figures where it came nearer to a rival than the threshold."""
    try:
        warning = services.studio.nearer(project_id, key, text)
    except (AppError, LagamcError):  # a model that cannot be loaded keeps no one from saving
        warning = ""
    yield
    if warning:
        gr.Warning(html.escape(warning), title="Saved, but look at this", duration=20)


def checked(services: Services, project_id: int, key: int | None, text: str) -> tuple[Any, ...]:
    """Return findings, their mended wordings and the facts under the text."""
    if not project_id or (key is None and not text.strip()):
        return "", [], ""
    try:
        view = services.studio.lint(project_id, key, text)
    except (AppError, LagamcError) as error:  # a model that cannot be loaded must not keep anyone from writing
        return markup.note(error, "warning"), [], ""
    return (
        wording.findings(view.findings, clear=CLEAR_BUT if _near(view) else CLEAR),
        [finding.fixed for finding in view.findings],
        _facts(view),
    )


def shown(label: LabelView, writing: Writing, *, known: int | None = None, saved: bool = False) -> tuple[Any, ...]:
    """Return the updates that open a label, or that keep what is being written about it at the version `known`.

    A text of the same label that gives way to another stays in reach of undo. What was just saved as it was written
    is left alone on the page, where somebody may be typing on.
    """
    kept = known is not None and known == label.version
    same = writing.past.label_id == label.id
    as_written = saved and writing.text.strip() == label.description
    name_kept = (saved and writing.name.strip() == label.name) or (kept and writing.loaded == label.name)
    past = writing.past.put(writing.text, label.description) if same else Past(label.id, label.description)
    retired = " (retired)" if label.retired else ""
    name = Markup('<h2 data-name="{}" data-text="{}">{}{}{}{}</h2>').format(
        label.name, label.description, markup.dot(label.colour), label.name, retired, markup.under(label.parent)
    )
    heading = OPEN.format(label.id) + name
    return (
        label.id,
        label.id,
        label.version,
        gr.skip() if kept else None,
        gr.skip() if kept or (as_written and same) else past,
        label.name,
        str(heading),
        gr.skip() if name_kept else label.name,
        gr.skip() if kept or as_written else label.description,
        gr.skip() if kept else "",
        gr.Button(visible=not label.retired),
        gr.Button(visible=label.retired),
    )


def blank(left: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the updates that empty the editor for a new label; undo brings `left` back."""
    hidden = gr.Button(visible=False)
    return None, None, None, None, Past(steps=left), "", NEW, "", "", "", hidden, hidden


def proposed(text: str, draft_id: int | None, before: str, past: Past) -> tuple[Any, ...]:
    """Return the updates that put a text into the editor, so that undo brings the former one back."""
    return text, draft_id, past.put(before, text)


def _undone(text: str, past: Past) -> tuple[Any, ...]:
    if (earlier := past.back(text)) is None:
        gr.Info("There is nothing to undo.")
        return gr.skip(), gr.skip()
    return earlier.seen, earlier


def _mended(text: str, fixes: list[str | None], past: Past, event: gr.EventData) -> tuple[Any, ...]:
    place = int(event.key)
    fixed = fixes[place] if place < len(fixes) else None
    if fixed is None:
        raise AppError("The text has changed since. Look at the findings again.")
    return fixed, past.put(text, fixed)


def _facts(view: LintView) -> str:
    parts = [f"{view.tokens} of {view.budget} tokens"]
    if view.rival is not None and view.cosine is not None:
        place = "not below" if _near(view) else "below"
        parts.append(f"nearest: {view.rival}, cosine {view.cosine:.3f}, {place} the threshold {view.threshold:.2f}")
    parts.append(f"measured by {view.measured_by}")
    return markup.note(" · ".join(parts), "warning" if _near(view) else "plain")


def _near(view: LintView) -> bool:
    """Whether a sentence of the nearest rival's could be taken for this label."""
    return view.cosine is not None and view.cosine >= view.threshold
