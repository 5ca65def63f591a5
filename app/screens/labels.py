"""Labels: the table with current descriptions, an editor, and earlier versions to restore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup
from app.components.events import on
from app.components.project_bar import NO_PROJECT, ProjectBar, author_name, require_project
from app.errors import AppError

if TYPE_CHECKING:
    from app.container import Services
    from app.services.labels import LabelView

__all__ = ["build"]

NEW = "<h3>New label</h3>"
NO_VERSIONS = "Select a label in the table to see the earlier wordings of its description."


def build(services: Services, bar: ProjectBar) -> None:
    """Lay out the Labels screen."""
    label_id = gr.State(None)  # of the label in the editor; None for a new one
    version = gr.State(None)  # number of its description as it was loaded, so that a later save is noticed
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            labels = markup.clickable("labels-table")
            with_retired = gr.Checkbox(label="Show retired labels")
        with gr.Column(scale=2, min_width=300):
            with gr.Column(elem_id="label-editor", elem_classes="lg-panel"):
                heading = gr.HTML(NEW, elem_classes="lg-heading")
                name = gr.Textbox(label="Name", elem_id="label-name")
                description = gr.Textbox(
                    label="Description",
                    info="One or two sentences: what the label means in this collection, and what sets it apart.",
                    lines=4,
                    elem_id="label-description",
                )
                with gr.Row():
                    save = gr.Button("Save", variant="primary", size="sm", min_width=80, elem_id="label-save")
                    retire = gr.Button("Retire", size="sm", min_width=80, visible=False, elem_id="label-retire")
                    restore = gr.Button("Restore label", size="sm", min_width=80, visible=False)
                    new = gr.Button("New label", size="sm", min_width=80, elem_id="label-new")
            versions = markup.clickable("label-versions")
            with gr.Row(visible=False, elem_classes="lg-bottom") as restore_row:
                number = gr.Dropdown([], label="Earlier version", min_width=140, elem_id="version-picker")
                restore_version = gr.Button("Restore this wording", size="sm", min_width=140, elem_id="version-restore")

    editor = [label_id, version, heading, name, description, retire, restore, versions, restore_row, number]

    def table(project_id: int, retired: bool) -> str:
        if not project_id:
            return markup.note(NO_PROJECT)
        return _table(services.labels.list(project_id, include_retired=retired))

    def blank() -> tuple[Any, ...]:
        hidden = gr.Button(visible=False)
        return None, None, NEW, "", "", hidden, hidden, markup.note(NO_VERSIONS), gr.Row(visible=False), None

    def load(project_id: int, key: int) -> tuple[Any, ...]:
        found = services.labels.list(project_id, include_retired=True)
        label = next((label for label in found if label.id == key), None)
        if label is None:
            raise AppError("That label is not in the open project any more. Reload the page.")
        wordings = services.labels.versions(key)
        older = [
            (f"version {wording.number}", wording.number) for wording in wordings if wording.number != label.version
        ]
        rows = [markup.Row([w.number, w.text, w.author, markup.moment(w.created_at)], key=w.number) for w in wordings]
        heading = Markup("<h3>{}</h3>").format(label.name)
        return (
            label.id,
            label.version,
            str(heading),
            label.name,
            label.description,
            gr.Button(visible=not label.retired),
            gr.Button(visible=label.retired),
            markup.table(("Version", "Description", "By", "When (UTC)"), rows, empty=NO_VERSIONS),
            gr.Row(visible=bool(older)),
            gr.Dropdown(choices=older, value=older[0][1] if older else None),
        )

    def refresh(project_id: int, retired: bool) -> tuple[Any, ...]:
        return table(project_id, retired), *blank()

    def select(project_id: int, event: gr.EventData) -> tuple[Any, ...]:
        return load(project_id, int(event.key))

    def save_label(
        project_id: int,
        retired: bool,
        key: int | None,
        known: int | None,
        name: str,
        description: str,
        author: str,
    ) -> tuple[Any, ...]:
        project_id, author = require_project(project_id), author_name(author)
        if key is None:
            key = services.labels.add(project_id, name, description, author)
            gr.Info("Label added.")
        else:
            now = services.labels.save(key, name, description, author, expected_version=known)
            gr.Info("Nothing had changed." if now == known else f"Saved as version {now}.")
        return table(project_id, retired), *load(project_id, key)

    def retire_label(project_id: int, retired: bool, key: int) -> tuple[Any, ...]:
        services.labels.retire(key)
        gr.Info("Retired. 'Show retired labels' brings it into view again.")
        return refresh(project_id, retired)

    def restore_label(project_id: int, retired: bool, key: int) -> tuple[Any, ...]:
        services.labels.restore_label(key)
        return table(project_id, retired), *load(project_id, key)

    def restore_wording(project_id: int, retired: bool, key: int, chosen: int | None, author: str) -> tuple[Any, ...]:
        if chosen is None:
            raise AppError("Choose an earlier version first.")
        now = services.labels.restore_version(key, chosen, author_name(author))
        gr.Info(f"The wording of version {chosen} is back, as version {now}.")
        return table(project_id, retired), *load(project_id, key)

    def pick_version(event: gr.EventData) -> int:
        return int(event.key)

    where = [bar.project, with_retired]
    everything = [labels, *editor]
    on(bar.project.change, refresh, where, everything, show_progress="hidden")
    on(bar.tab.change, table, where, labels, show_progress="hidden")
    on(with_retired.input, table, where, labels, show_progress="hidden")
    on(labels.select, select, bar.project, editor, show_progress="hidden")
    on(new.click, blank, None, editor, show_progress="hidden")
    on(save.click, save_label, [*where, label_id, version, name, description, bar.author], everything)
    on(retire.click, retire_label, [*where, label_id], everything)
    on(restore.click, restore_label, [*where, label_id], everything)
    on(versions.select, pick_version, None, number, show_progress="hidden")
    on(restore_version.click, restore_wording, [*where, label_id, number, bar.author], everything)


def _table(labels: list[LabelView]) -> str:
    return markup.table(
        ("Label", "Description", "By", "When (UTC)", "Documents"),
        (
            markup.Row(
                [
                    f"{label.name} (retired)" if label.retired else label.name,
                    label.description or "— not described yet",
                    label.author,
                    markup.moment(label.updated_at),
                    f"{label.documents:,}",
                ],
                kind="lg-abstained" if label.retired or not label.description else "",
                key=label.id,
            )
            for label in labels
        ),
        empty="No labels yet. Add the first one here, or import a file that names its labels.",
        numeric=(4,),
    )
