"""The open project retired, once the person has seen what stops with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.project_bar import ProjectBar, require_project
from app.errors import AppError
from lagamc.errors import few

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.container import Services

__all__ = ["build"]

RETIRES = (
    "Puts '{}' away, with its {:,} documents, labels and models. Nobody can open it, review in it or train "
    "on it, until it is restored under 'Retired projects'. Nothing is deleted."
)
STOPS = "This stops, and can be gone on with after that: {}."
ANOTHER = "Nothing was changed: another project was just opened. Look at it, then ask again."
IN_TURN = {"concurrency_id": "project-retiring", "concurrency_limit": 1}  # what is asked last is what is shown


def build(services: Services, bar: ProjectBar, ask: gr.Button) -> Callable[..., Any]:
    """Lay out the question under the button that asks it, and return the event that follows a yes."""
    asked = gr.Number(visible=False, precision=0)  # id of the project that the question on the page is about
    with gr.Column(visible=False, elem_id="project-retiring", elem_classes="lg-panel") as question:
        said = gr.HTML(elem_id="project-impact")
        with gr.Row():
            do = gr.Button("Retire it", variant="primary", size="sm", min_width=100, elem_id="project-retire-do")
            leave = gr.Button("Leave it as it is", size="sm", min_width=120, elem_id="project-leave")

    def asking(project_id: int) -> tuple[Any, ...]:
        project = services.projects.get(require_project(project_id))
        told = markup.note(RETIRES.format(project.name, sum(project.documents.values())), "warning")
        if stops := services.stopped_by_retiring(project_id):
            told += markup.note(STOPS.format(few(stops)), "warning")
        return project_id, told, gr.Column(visible=True)

    def retire(asked: int, project_id: int) -> Any:
        if asked != project_id:
            raise AppError(ANOTHER)
        services.retire_project(project_id)
        gr.Info("Retired. It can be restored under 'Retired projects'.")
        return gr.Column(visible=False)

    on(ask.click, asking, bar.project, [asked, said, question], show_progress="hidden", **IN_TURN)
    retired = on(do.click, retire, [asked, bar.project], question)
    for event in (leave.click, bar.project.change):
        on(event, lambda: gr.Column(visible=False), None, question, show_progress="hidden", **IN_TURN)
    return retired.success
