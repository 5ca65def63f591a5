"""Labels, the studio of descriptions: the table, the editor with live checks, and the panels around it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup
from app.components.events import on
from app.components.project_bar import NO_PROJECT, ProjectBar, author_name, require_project
from app.errors import AppError
from app.screens import (
    corrections,
    label_collisions,
    label_drafts,
    label_editor,
    label_exchange,
    label_retire,
    label_reviewers,
    label_split,
    label_versions,
    label_what_if,
    lifecycle,
)

if TYPE_CHECKING:
    from app.container import Services
    from app.services.labels import LabelView

__all__ = ["build"]


def build(services: Services, bar: ProjectBar) -> None:
    """Lay out the Labels screen; every panel is an inner tab of its own."""
    changed = gr.State(0)  # raised by a panel that gave the label in the editor another description
    chosen = gr.State(None)  # a label that a panel wants opened; None again once it is
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            labels = markup.clickable("labels-table")
            with_retired = gr.Checkbox(label="Show retired labels")
        with gr.Column(scale=2, min_width=300):
            editor = label_editor.label_editor()
            label_retire.build(services, bar, editor, changed)
    with gr.Tabs(elem_id="studio", overflow_behavior="wrap"):
        with gr.Tab("Versions", id="versions"):
            label_versions.build(services, bar, editor, changed)
        with gr.Tab("Drafts", id="drafts"):
            connection = label_drafts.build(services, bar, editor, changed)
        with gr.Tab("What-if", id="what-if"):
            label_what_if.build(services, bar, editor)
        with gr.Tab("Collisions", id="collisions"):
            label_collisions.build(services, bar, chosen)
        with gr.Tab("For reviewers", id="reviewers"):
            label_reviewers.build(services, bar, editor, changed)
        with gr.Tab("Merge and history", id="lifecycle"):
            lifecycle.build(services, bar, editor, changed)
        with gr.Tab("Split", id="split"):
            label_split.build(services, bar, editor, changed)
        with gr.Tab("Corrections", id="corrections"):
            corrections.build(services, bar, connection, chosen, changed)
        with gr.Tab("Import and export", id="exchange"):
            label_exchange.build(services, bar, changed)
    label_editor.wire(services, bar, editor)

    def table(project_id: int, retired: bool) -> str:
        if not project_id:
            return markup.note(NO_PROJECT)
        return _table(
            services.labels.list(project_id, include_retired=retired), services.drafts.open_counts(project_id)
        )

    def entered(tab: str, project_id: int, retired: bool) -> Any:
        return table(project_id, retired) if tab == "labels" else gr.skip()

    def find(project_id: int, key: int) -> LabelView:
        found = services.labels.list(project_id, include_retired=True)
        label = next((label for label in found if label.id == key), None)
        if label is None:
            raise AppError("That label is not in the open project any more. Reload the page.")
        return label

    def load(project_id: int, key: int) -> tuple[Any, ...]:
        return label_editor.shown(find(project_id, key))

    def refresh(project_id: int, retired: bool) -> tuple[Any, ...]:
        return table(project_id, retired), *label_editor.blank()

    def select(project_id: int, event: gr.EventData) -> tuple[Any, ...]:
        return load(project_id, int(event.key))

    def open_chosen(project_id: int, key: int | None, before: int | None, known: int | None) -> tuple[Any, ...]:
        if key is None:
            return None, *(gr.skip() for _ in editor.outputs)
        return None, *label_editor.shown(find(project_id, key), known=known if key == before else None)

    def reload(project_id: int, retired: bool, key: int | None, known: int | None) -> tuple[Any, ...]:
        if key is None:
            return table(project_id, retired), *(gr.skip() for _ in editor.outputs)
        return table(project_id, retired), *label_editor.shown(find(project_id, key), known=known)

    def save_label(
        project_id: int,
        retired: bool,
        key: int | None,
        known: int | None,
        draft_id: int | None,
        name: str,
        description: str,
        author: str,
    ) -> tuple[Any, ...]:
        project_id, author = require_project(project_id), author_name(author)
        warning = label_editor.near_rival(services, project_id, key, description)
        if key is None:
            key = services.labels.add(project_id, name, description, author)
            gr.Info("Label added.")
        else:
            now = services.labels.save(key, name, description, author, expected_version=known, draft_id=draft_id)
            gr.Info("Nothing had changed." if now == known else f"Saved as version {now}.")
        if warning:
            gr.Warning(html.escape(warning), title="Saved, but look at this", duration=20)
        return table(project_id, retired), *load(project_id, key)

    where = [bar.project, with_retired]
    everything = [labels, *editor.outputs]
    saved = [editor.label_id, editor.version, editor.draft_id, editor.name, editor.description, bar.author]
    on(bar.project.change, refresh, where, everything, show_progress="hidden")
    on(bar.tab.change, entered, [bar.tab, *where], labels, show_progress="hidden")
    on(with_retired.input, table, where, labels, show_progress="hidden")
    on(labels.select, select, bar.project, editor.outputs, show_progress="hidden")
    on(chosen.change, open_chosen, [bar.project, chosen, editor.label_id, editor.version], [chosen, *editor.outputs],
       show_progress="hidden")  # fmt: skip
    on(changed.change, reload, [*where, editor.label_id, editor.version], everything, show_progress="hidden")
    on(editor.new.click, label_editor.blank, None, editor.outputs, show_progress="hidden")
    on(editor.save.click, save_label, [*where, *saved], everything)


def _name(label: LabelView) -> Markup:
    retired = " (retired)" if label.retired else ""
    return Markup("{}{}{}{}").format(markup.dot(label.colour), label.name, retired, markup.under(label.parent))


def _table(labels: list[LabelView], drafts: dict[int, int]) -> str:
    return markup.table(
        ("Label", "Description", "By", "When (UTC)", "Documents", "Drafts"),
        (
            markup.Row(
                [
                    _name(label),
                    label.description or "— not described yet",
                    label.author,
                    markup.moment(label.updated_at),
                    f"{label.documents:,}",
                    drafts.get(label.id, ""),
                ],
                kind="lg-abstained" if label.retired or not label.description else "",
                key=label.id,
            )
            for label in labels
        ),
        empty="No labels yet. Add the first one here, or import a file that names its labels.",
        numeric=(4, 5),
    )
