"""The editor of one label: name and description, checked at every key, with undo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup, wording
from app.components.events import on
from app.components.project_bar import ProjectBar
from app.errors import AppError
from lagamc.errors import LagamcError

if TYPE_CHECKING:
    from app.container import Services
    from app.services.labels import LabelView
    from app.services.studio import LintView

__all__ = ["LabelEditor", "blank", "judged", "label_editor", "near_rival", "proposed", "shown", "wire"]

NEW = "<h3>New label</h3>"
# Marks the row of the open label without laying out the table again, which would scroll it back to its top.
OPEN = Markup('<style>#labels-table tr[data-key="{}"] {{ --lg-open: var(--color-accent) }}</style>')
CLEAR = "Nothing to mend."
REMEMBERED = 100  # wordings that undo can go back to


@dataclass(frozen=True, slots=True)
class LabelEditor:
    """The elements that the panels around the editor read and set.

    `label_id` is None for a new label; `version` is the number of the description as it was loaded, so that a
    later save is noticed; `draft_id` is the draft that the text began as.
    """

    label_id: gr.State
    version: gr.State
    draft_id: gr.State
    past: gr.State  # wordings before the present one, oldest first
    seen: gr.State  # the wording that was checked last
    heading: gr.HTML
    name: gr.Textbox
    description: gr.Textbox
    lint: gr.HTML
    fixes: gr.State
    facts: gr.HTML
    save: gr.Button
    new: gr.Button
    retire: gr.Button
    restore: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """The elements that `shown` and `blank` set."""
        return [
            self.label_id, self.version, self.draft_id, self.past, self.seen, self.heading, self.name,
            self.description, self.retire, self.restore,
        ]  # fmt: skip

    @property
    def proposal(self) -> list[Any]:
        """The elements that a draft or a fix sets: its text, where it began, and the wording before it."""
        return [self.description, self.draft_id, self.past]


def label_editor() -> LabelEditor:
    """Lay out the editor; `wire` makes it live."""
    with gr.Column(elem_id="label-editor", elem_classes="lg-panel"):
        heading = gr.HTML(NEW, elem_classes="lg-heading")
        name = gr.Textbox(label="Name", elem_id="label-name")
        description = gr.Textbox(
            label="Description",
            info="One or two sentences: what the label means in this collection, and what sets it apart.",
            lines=4,
            elem_id="label-description",
        )
        facts = gr.HTML(elem_id="label-facts")
        with gr.Row():
            save = gr.Button("Save", variant="primary", size="sm", min_width=70, elem_id="label-save")
            undo = gr.Button("Undo", size="sm", min_width=70, elem_id="label-undo")
            retire = gr.Button("Retire", size="sm", min_width=70, visible=False, elem_id="label-retire")
            restore = gr.Button("Restore", size="sm", min_width=70, visible=False, elem_id="label-restore")
            new = gr.Button("New label", size="sm", min_width=90, elem_id="label-new")
        lint = markup.clickable("label-lint")
    editor = LabelEditor(
        label_id=gr.State(None), version=gr.State(None), draft_id=gr.State(None), past=gr.State([]), seen=gr.State(""),
        heading=heading, name=name, description=description, lint=lint, fixes=gr.State([]), facts=facts, save=save,
        new=new, retire=retire, restore=restore,
    )  # fmt: skip
    on(
        undo.click,
        _undone,
        [editor.description, editor.past],
        [editor.description, editor.seen, editor.past],
        show_progress="hidden",
    )
    on(lint.select, _mended, [editor.description, editor.fixes, editor.past], [editor.description, editor.past],
       show_progress="hidden")  # fmt: skip
    return editor


def wire(services: Services, bar: ProjectBar, editor: LabelEditor) -> None:
    """Check the description whenever it changes, by hand or by a panel."""

    def check(project_id: int, key: int | None, text: str, seen: str, past: list[str]) -> tuple[Any, ...]:
        if len(text.split()) != len(seen.split()) and seen.strip() and past[-1:] != [seen]:
            past = [*past, seen][-REMEMBERED:]
        return *checked(services, project_id, key, text), text, past

    for event in (editor.description.change, editor.label_id.change):
        on(
            event,
            check,
            [bar.project, editor.label_id, editor.description, editor.seen, editor.past],
            [editor.lint, editor.fixes, editor.facts, editor.seen, editor.past],
            show_progress="hidden",
            trigger_mode="always_last",
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


def near_rival(services: Services, project_id: int, key: int | None, text: str) -> str:
    """Return what to warn of when a text is saved, or nothing; a model that cannot be loaded keeps no one from it."""
    try:
        return services.studio.nearer(project_id, key, text)
    except (AppError, LagamcError):
        return ""


def checked(services: Services, project_id: int, key: int | None, text: str) -> tuple[Any, ...]:
    """Return findings, their mended wordings and the facts under the text."""
    if not project_id or (key is None and not text.strip()):
        return "", [], ""
    try:
        view = services.studio.lint(project_id, key, text)
    except (AppError, LagamcError) as error:  # a model that cannot be loaded must not keep anyone from writing
        return markup.note(error, "warning"), [], ""
    return wording.findings(view.findings, clear=CLEAR), [finding.fixed for finding in view.findings], _facts(view)


def shown(label: LabelView, *, known: int | None = None) -> tuple[Any, ...]:
    """Return the updates that open a label, or that keep what is being written about it at the version `known`."""
    kept = known is not None and known == label.version
    retired = " (retired)" if label.retired else ""
    name = Markup("<h3>{}{}{}{}</h3>").format(markup.dot(label.colour), label.name, retired, markup.under(label.parent))
    heading = OPEN.format(label.id) + name
    return (
        label.id,
        label.version,
        gr.skip() if kept else None,
        gr.skip() if kept else [],
        gr.skip() if kept else label.description,
        str(heading),
        label.name,
        gr.skip() if kept else label.description,
        gr.Button(visible=not label.retired),
        gr.Button(visible=label.retired),
    )


def blank() -> tuple[Any, ...]:
    """Return the updates that empty the editor for a new label."""
    hidden = gr.Button(visible=False)
    return None, None, None, [], "", NEW, "", "", hidden, hidden


def proposed(text: str, draft_id: int | None, before: str, past: list[str]) -> tuple[Any, ...]:
    """Return the updates that put a text into the editor, so that undo brings the former one back."""
    return text, draft_id, [*past, before][-REMEMBERED:]


def _undone(text: str, past: list[str]) -> tuple[Any, ...]:
    past = list(past)
    while past:
        earlier = past.pop()
        if earlier != text:
            return earlier, earlier, past
    gr.Info("There is nothing to undo.")
    return gr.skip(), gr.skip(), past


def _mended(text: str, fixes: list[str | None], past: list[str], event: gr.EventData) -> tuple[Any, ...]:
    place = int(event.key)
    fixed = fixes[place] if place < len(fixes) else None
    if fixed is None:
        raise AppError("The text has changed since. Look at the findings again.")
    return fixed, [*past, text][-REMEMBERED:]


def _facts(view: LintView) -> str:
    parts = [f"{view.tokens} of {view.budget} tokens"]
    near = False
    if view.rival is not None and view.cosine is not None:
        near = view.cosine >= view.threshold
        place = "not below" if near else "below"
        parts.append(f"nearest: {view.rival}, cosine {view.cosine:.3f}, {place} the threshold {view.threshold:.2f}")
    parts.append(f"measured by {view.measured_by}")
    return markup.note(" · ".join(parts), "warning" if near else "plain")
