"""Labels, the studio of descriptions: the table, the editor with live checks, and the panels around it."""

from __future__ import annotations

import html
from collections.abc import Mapping
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
    label_rename,
    label_retire,
    label_reviewers,
    label_split,
    label_versions,
    label_what_if,
    lifecycle,
)
from app.screens.label_writing import Writing, leave

if TYPE_CHECKING:
    from app.container import Services
    from app.services.labels import LabelView

__all__ = ["build"]

UNDESCRIBED = "Saved without a description. It can be drafted now, under Drafts; training waits until there is one."
UNCHANGED = "Nothing had changed, so there is no new version."


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
            with editor.questions:
                label_retire.build(services, bar, editor, changed)
                label_rename.build(services, editor)
    with gr.Tabs(elem_id="studio", overflow_behavior="wrap"):
        with gr.Tab("Versions", id="versions"):
            label_versions.build(services, bar, editor, changed)
        with gr.Tab("Drafts", id="drafts"):
            connection, made = label_drafts.build(services, bar, editor, changed)
        with gr.Tab("What-if", id="what-if"):
            label_what_if.build(services, bar, editor)
        with gr.Tab("Collisions", id="collisions"):
            label_collisions.build(services, bar, editor, chosen, changed)
        with gr.Tab("For reviewers", id="reviewers"):
            label_reviewers.build(services, bar, editor, changed)
        with gr.Tab("Merge and history", id="lifecycle"):
            lifecycle.build(services, bar, editor, changed)
        with gr.Tab("Split", id="split"):
            label_split.build(services, bar, editor, changed)
        with gr.Tab("Corrections", id="corrections"):
            corrections.build(services, bar, connection, chosen, made)
        with gr.Tab("Import and export", id="exchange"):
            label_exchange.build(services, bar, changed)
    label_editor.wire(services, bar, editor)

    def table(project_id: int, retired: bool) -> str:
        if not project_id:
            return markup.note(NO_PROJECT)
        return _table(
            services.labels.list(project_id, include_retired=retired),
            services.labels.documents(project_id),
            services.drafts.open_counts(project_id),
        )

    def entered(tab: str, project_id: int, retired: bool) -> Any:
        return table(project_id, retired) if tab == "labels" else gr.skip()

    def find(project_id: int, key: int) -> LabelView:
        label = services.labels.get(key)
        if label.project_id != project_id:
            raise AppError("That label is not in the open project any more. Reload the page.")
        return label

    def refresh(project_id: int, retired: bool, author: str, *written: Any) -> tuple[Any, ...]:
        writing = Writing(*written)
        try:
            left = leave(services, writing, author)
        except AppError as error:  # the project is another one now, whatever was being written
            gr.Warning(html.escape(f"{error} 'New label', then 'Undo' brings it back."))
            left = (*writing.left, writing.text)
        return table(project_id, retired), left, *label_editor.blank(left)

    def opened(project_id: int, author: str, key: int, writing: Writing) -> tuple[Any, ...]:
        label = find(project_id, key)
        left = writing.left if key == writing.label_id else leave(services, writing, author)
        return left, *label_editor.shown(label, writing)

    def select(event: gr.EventData, project_id: int, author: str, *written: Any) -> tuple[Any, ...]:
        return opened(project_id, author, int(event.key), Writing(*written))

    def open_chosen(project_id: int, author: str, key: int | None, known: int | None, *written: Any) -> tuple[Any, ...]:
        writing = Writing(*written)
        if key is None:
            return None, *(gr.skip() for _ in edited)
        if key == writing.label_id:
            return None, gr.skip(), *label_editor.shown(find(project_id, key), writing, known=known)
        return None, *opened(project_id, author, key, writing)

    def begin(author: str, *written: Any) -> tuple[Any, ...]:
        left = leave(services, Writing(*written), author)
        return left, *label_editor.blank(left)

    def reload(project_id: int, retired: bool, known: int | None, *written: Any) -> tuple[Any, ...]:
        writing = Writing(*written)
        if writing.label_id is None:
            return table(project_id, retired), *(gr.skip() for _ in edited)
        label = find(project_id, writing.label_id)
        return table(project_id, retired), gr.skip(), *label_editor.shown(label, writing, known=known)

    def save_label(
        project_id: int,
        retired: bool,
        author: str,
        known: int | None,
        draft_id: int | None,
        note: str,
        *written: Any,
    ) -> tuple[Any, ...]:
        project_id, author, writing = require_project(project_id), author_name(author), Writing(*written)
        key, name, text = writing.label_id, writing.name, writing.text
        if key != writing.seen:
            raise AppError("Nothing was saved: another label was just opened. Look at it, then save again.")
        with label_editor.warned(services, project_id, key, text):
            if key is None:
                key = services.labels.add(project_id, name, text, author, note=note)
                gr.Info("Label added." if text.strip() else UNDESCRIBED)
            else:
                now = services.labels.save(
                    key, name, text, author, expected_version=known, expected_name=writing.loaded, draft_id=draft_id,
                    note=note,
                )  # fmt: skip
                gr.Info(UNDESCRIBED if not now else UNCHANGED if now == known else f"Saved as version {now}.")
        return table(project_id, retired), gr.skip(), *label_editor.shown(find(project_id, key), writing, saved=True)

    # One after another: what two of them say about a label must not be mixed, and no late table lacks a label saved.
    in_turn = {"concurrency_id": "label editor", "concurrency_limit": 1}
    where = [bar.project, with_retired]
    edited = [editor.left, *editor.outputs]
    everything = [labels, *edited]
    writing = editor.writing
    on(bar.project.change, refresh, [*where, bar.author, *writing], everything, show_progress="hidden", **in_turn)
    on(bar.tab.change, entered, [bar.tab, *where], labels, show_progress="hidden", **in_turn)
    on(made.change, table, where, labels, show_progress="hidden", **in_turn)
    on(with_retired.input, table, where, labels, show_progress="hidden", **in_turn)
    on(labels.select, select, [bar.project, bar.author, *writing], edited, show_progress="hidden", **in_turn)
    on(chosen.change, open_chosen, [bar.project, bar.author, chosen, editor.version, *writing], [chosen, *edited],
       show_progress="hidden", **in_turn)  # fmt: skip
    on(changed.change, reload, [*where, editor.version, *writing], everything, show_progress="hidden", **in_turn)
    on(editor.new.click, begin, [bar.author, *writing], edited, show_progress="hidden", **in_turn)
    on(editor.save.click, save_label,
       [*where, bar.author, editor.version, editor.draft_id, editor.note, *writing],
       everything, **in_turn)  # fmt: skip


def _name(label: LabelView) -> Markup:
    retired = " (retired)" if label.retired else ""
    return Markup("{}{}{}{}").format(markup.dot(label.colour), label.name, retired, markup.under(label.parent))


def _table(labels: list[LabelView], documents: Mapping[int, int], drafts: Mapping[int, int]) -> str:
    return markup.table(
        ("Label", "Description", "By", "When (UTC)", "Documents", "Drafts"),
        (
            markup.Row(
                [
                    _name(label),
                    label.description or "— not described yet",
                    label.author,
                    markup.moment(label.updated_at),
                    f"{documents.get(label.id, 0):,}",
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
