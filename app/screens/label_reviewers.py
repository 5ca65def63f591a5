"""What reviewers see beside a label: parent, group, colour, key, guideline and examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components.events import on
from app.components.project_bar import author_name
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


def build(services: Services, bar: ProjectBar, editor: LabelEditor, changed: gr.State) -> None:
    """Lay out the panel of the open label."""
    opened = gr.State(LabelAttributes())  # as they were when the label was opened
    with gr.Row():
        parent = gr.Dropdown([("none", NO_PARENT)], value=NO_PARENT, label="Parent", min_width=140,
                             elem_id="label-parent")  # fmt: skip
        group = gr.Textbox(label="Group", placeholder="a heading", min_width=140)
        colour = gr.Textbox(label="Colour", placeholder="#1d6b57", min_width=100, elem_id="label-colour")
        digit = gr.Dropdown(list(DIGITS), value=NO_KEY, label="Key in review", min_width=100, elem_id="label-digit")
    guideline = gr.Textbox(
        label="Guideline", info="For people: when to give this label and when not.", lines=3, elem_id="label-guideline"
    )
    with gr.Row():
        positive = gr.Textbox(label="Examples", info="Clear cases, one a line.", lines=3, min_width=240)
        tricky = gr.Textbox(label="Tricky examples", info="One a line, with the reason.", lines=3, min_width=240)
    save = gr.Button("Save for reviewers", size="sm", variant="primary", elem_id="label-reviewers-save")

    def show(project_id: int, key: int | None) -> tuple[Any, ...]:
        found = LabelAttributes() if key is None else services.lifecycle.attributes(key)
        listed = services.labels.list(project_id, include_retired=True) if key is not None else []
        parents = [
            (f"{one.name} (retired)" if one.retired else one.name, one.id)
            for one in listed
            if one.id != key and (not one.retired or one.id == found.parent_id)
        ]
        return (
            found,
            gr.Dropdown(choices=[("none", NO_PARENT), *parents], value=found.parent_id or NO_PARENT),
            found.group,
            found.colour,
            found.digit or NO_KEY,
            found.guideline,
            "\n".join(found.examples_positive),
            "\n".join(found.examples_tricky),
        )

    def keep(key: int | None, before: LabelAttributes, *values: Any) -> int:
        parent_id, group, colour, digit, guideline, positive, tricky, author, count = values
        if key is None:
            raise AppError("Open a label in the table first.")
        attributes = LabelAttributes(
            group=group,
            colour=colour,
            digit=None if digit == NO_KEY else digit,
            guideline=guideline,
            examples_positive=_lines(positive),
            examples_tricky=_lines(tricky),
            parent_id=parent_id or None,
        )
        services.lifecycle.edit(key, attributes, author_name(author), opened=before)
        gr.Info("Saved; reviewers see it beside the label.")
        return int(count) + 1

    fields = [parent, group, colour, digit, guideline, positive, tricky]
    for event in (editor.label_id.change, changed.change):
        on(event, show, [bar.project, editor.label_id], [opened, *fields], show_progress="hidden")
    on(save.click, keep, [editor.label_id, opened, *fields, bar.author, changed], changed)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line.strip())
