"""The last imports of a project; one is taken back once the person has seen what that does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.project_bar import ProjectBar, author_name, follow

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.container import Services
    from app.services.imports import ImportView, WayBack

__all__ = ["build"]

MOST_LISTED = 20
SELECT = "Select an import to take it back, for instance because of a wrong column."
NONE_YET = "No import of this project is listed yet."
IN_TURN = {"concurrency_id": "import-history", "concurrency_limit": 1}  # what is asked last is what is shown


def build(services: Services, bar: ProjectBar, imported: Callable[..., Any]) -> Callable[..., Any]:
    """Lay out the list and return the event that follows an import taken back; `imported` adds to it."""
    asked = gr.Number(visible=False, precision=0)  # id of the import that the question on the page is about
    with gr.Accordion("Imports so far", open=True, elem_id="import-history"):
        table = markup.clickable("imports-table")
        told = gr.HTML(elem_id="import-way-back")
        with gr.Row(visible=False) as answers:
            do = gr.Button("Take it back", variant="primary", size="sm", min_width=100, elem_id="import-take-back")
            leave = gr.Button("Leave it as it is", size="sm", min_width=120, elem_id="import-leave")

    def listed(project_id: int) -> str:
        found = services.imports.listed(project_id, MOST_LISTED) if project_id else []
        rows = (
            markup.Row(
                [row.file_name, row.author, markup.moment(row.created_at), f"{row.added:,}", _taken_back(row)],
                key=None if row.taken_back_at else row.id,
            )
            for row in found
        )
        headers = "File", "By", "When (UTC)", "Added", "Taken back"
        hint = markup.note(SELECT, "plain") if any(not row.taken_back_at for row in found) else ""
        return markup.table(headers, rows, empty=NONE_YET, numeric=[3]) + hint

    def ask(event: gr.EventData) -> tuple[Any, ...]:
        found = services.imports.way_back(int(event.key))
        told = markup.note(_told("Takes out", found), "warning")
        return int(event.key), told, gr.Row(visible=True), gr.Button(visible=found.untouched > 0)

    def take_back(import_id: int, project_id: int, author: str) -> tuple[Any, ...]:
        done = services.imports.take_back(int(import_id), author_name(author))
        return listed(project_id), markup.note(_told("Took out", done), "done"), gr.Row(visible=False)

    def nothing_asked() -> tuple[Any, ...]:
        return "", gr.Row(visible=False)

    follow(bar, "projects", listed, [bar.project], table, **IN_TURN)
    on(imported, listed, bar.project, table, show_progress="hidden", **IN_TURN)
    on(table.select, ask, None, [asked, told, answers, do], show_progress="hidden", trigger_mode="multiple",
       **IN_TURN)  # fmt: skip
    taken = on(do.click, take_back, [asked, bar.project, bar.author], [table, told, answers], show_progress_on=told,
               **IN_TURN)  # fmt: skip
    for event in (leave.click, imported, bar.project.change):
        on(event, nothing_asked, None, [told, answers], show_progress="hidden", **IN_TURN)
    return taken.success


def _taken_back(row: ImportView) -> str:
    return f"by {row.taken_back_by}, {markup.moment(row.taken_back_at)}" if row.taken_back_at else markup.NOTHING


def _told(takes: str, found: WayBack) -> str:
    """What goes with an import, and what stays and why."""
    said = f"{takes} {_number(found.untouched, 'document')} that '{found.file_name}' added"
    if found.reviewed:
        stay, them = ("stays", "it") if found.reviewed == 1 else ("stay", "them")
        said += f"; {found.reviewed:,} {stay}, because somebody reviewed {them}"
    kept = []
    if found.labelled:
        kept.append(f"the labels that it gave to {_number(found.labelled, 'document')} of before")
    if found.created_labels:
        kept.append(f"{_number(found.created_labels, 'label')} that it created")
    return f"{said}. Not taken back: {' and '.join(kept)}." if kept else f"{said}."


def _number(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{format(number, ',') if number else 'no'} {what}s"
