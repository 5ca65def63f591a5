"""Projects: the demo, new projects, changing and retiring, counts, and the import of documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.project_bar import ProjectBar, author_name, follow, picker_update, require_project
from app.components.unsaved import ask_before_leaving
from app.errors import AppError
from app.screens import importing, project_retire

if TYPE_CHECKING:
    from app.container import Services

__all__ = ["build"]

TASK = "One sentence; chat models that word descriptions read it, and models that follow instructions."
NOT_SAVED = """
const value = (box) => document.querySelector(`${box} :is(textarea, input)`)?.value ?? '';
const loaded = value('#project-loaded');
const [, name, task] = loaded ? JSON.parse(loaded) : [0, '', ''];
return value('#new-project-name') || value('#new-project-task')
  || value('#project-name') !== name || value('#project-task') !== task;
"""
WELCOME = """
<h2>Describe your labels, and train a model that writes the descriptions</h2>
<p>Load the demo to see the whole loop on messages to a city council: classify, train, correct, train again.
Or create a project below and import your own documents.</p>
"""


def build(services: Services, bar: ProjectBar) -> None:
    """Lay out the Projects screen."""
    with gr.Column(visible=False, elem_id="welcome", elem_classes="lg-panel") as welcome:
        gr.HTML(WELCOME)
        demo = gr.Button("Load the demo project", variant="primary", elem_id="load-demo")
    with gr.Row():
        with gr.Column(scale=3, min_width=320, visible=False) as open_project:
            overview = gr.HTML(elem_id="project-overview")
            counts = gr.HTML(elem_id="label-counts")
            filled = importing.build(services, bar)
        with gr.Column(scale=2, min_width=300, elem_id="project-forms"):
            name, task, create_button, demo_again = _create_form()
            with gr.Accordion("Change, retire, restore", open=False, elem_id="manage-project"):
                # What was put into the boxes: JSON, and on the page like them, so that both are of one moment.
                loaded = gr.Textbox("", visible="hidden", elem_id="project-loaded")
                gr.HTML(visible="hidden", js_on_load=ask_before_leaving(NOT_SAVED))
                new_name = gr.Textbox("", label="Name of the open project", elem_id="project-name")
                new_task = gr.Textbox("", label="What is classified", info=TASK, lines=2, elem_id="project-task")
                save = gr.Button("Save name and sentence", size="sm", elem_id="save-project")
                retire = gr.Button("Retire the open project", size="sm", elem_id="retire-project")
                put_away = project_retire.build(services, bar, retire)
                retired = gr.Dropdown([], label="Retired projects", info="Nothing of them is deleted.")
                restore = gr.Button("Restore", size="sm")

    def refresh(project_id: int, name: str, task: str, before: str) -> tuple[Any, ...]:
        """What is typed and not saved yet stays, as long as the project is the same one."""
        gone = [
            (project.name, project.id) for project in services.projects.list(include_retired=True) if project.retired
        ]
        restorable = gr.Dropdown(choices=gone, value=None)
        if not project_id:
            hidden = gr.Column(visible=False)
            return gr.Column(visible=True), hidden, gr.Button(visible=False), "", "", "", "", "", restorable
        project = services.projects.get(project_id)
        of, *was = _loaded(before)
        typing = of == project_id and [name, task] != was
        return (
            gr.Column(visible=False),
            gr.Column(visible=True),
            gr.Button(visible=True),
            _overview(project),
            _counts(services, project_id),
            name if typing else project.name,
            task if typing else project.task,
            before if typing else json.dumps([project_id, project.name, project.task]),
            restorable,
        )

    shown = [welcome, open_project, demo_again, overview, counts, new_name, new_task, loaded, retired]
    showing = [bar.project, new_name, new_task, loaded]
    opened = [bar.picker, bar.project]

    def opening(project_id: int | None) -> tuple[Any, Any]:
        choices = services.projects.names()
        if project_id is None and choices:
            project_id = choices[0][1]
        return picker_update(choices, project_id), project_id or 0

    def load_demo(author: str) -> tuple[Any, ...]:
        project_id = services.projects.load_demo(author_name(author))
        return opening(project_id)

    def create(name: str, task: str) -> tuple[Any, ...]:
        project_id = services.projects.create(name, task)
        gr.Info("Project created. Add its labels on the Labels tab, or import documents that carry labels.")
        return *opening(project_id), "", ""

    def change_project(project_id: int, name: str, task: str, before: str) -> tuple[Any, ...]:
        of, was_name, was_task = _loaded(before)
        services.projects.change(require_project(of), name, task, opened=(was_name, was_task))
        return *opening(project_id), *refresh(project_id, "", "", "")

    def restore_project(project_id: int | None) -> tuple[Any, ...]:
        if not project_id:
            raise AppError("Choose one of the retired projects first.")
        services.projects.restore(project_id)
        return opening(project_id)

    for button in (demo, demo_again):
        on(button.click, load_demo, bar.author, opened)
    on(create_button.click, create, [name, task], [*opened, name, task])
    on(put_away, lambda: opening(None), None, opened, show_progress="hidden")
    on(restore.click, restore_project, retired, opened)
    in_turn = {"concurrency_id": "projects", "concurrency_limit": 1}  # no late count is that of another project
    on(save.click, change_project, showing, [*opened, *shown], **in_turn)
    for event in filled:
        on(event, refresh, showing, shown, show_progress="hidden", **in_turn)
    follow(bar, "projects", refresh, showing, shown, **in_turn)


def _create_form() -> tuple[gr.Textbox, gr.Textbox, gr.Button, gr.Button]:
    with gr.Column(elem_classes="lg-panel"):
        name = gr.Textbox(label="New project", placeholder="Name", elem_id="new-project-name")
        task = gr.Textbox(
            label="What is classified",
            placeholder="Messages from the public to a city council",
            info=TASK,
            lines=2,
            elem_id="new-project-task",
        )
        create = gr.Button("Create project", elem_id="create-project")
        demo = gr.Button("Load the demo project", size="sm", visible=False)
    return name, task, create, demo


def _loaded(before: str) -> tuple[int, str, str]:
    """The project whose name and sentence were put into the boxes, and both of them; 0 before the first."""
    project_id, name, task = json.loads(before) if before else (0, "", "")
    return project_id, name, task


def _overview(project: Any) -> str:
    figures: dict[str, object] = {split: f"{number:,}" for split, number in project.documents.items()}
    return markup.facts(
        {"documents": f"{sum(project.documents.values()):,}", **figures, "labels": project.labels}
    ) + markup.note(project.task, "plain")


def _counts(services: Services, project_id: int) -> str:
    return markup.table(
        ("Label", "train", "dev", "test", "unassigned", "all"),
        (
            markup.Row([count.name, count.train, count.dev, count.test, count.unassigned, count.total])
            for count in services.projects.label_counts(project_id)
        ),
        empty="No labels yet. Add them on the Labels tab, or import a file that names them.",
        numeric=range(1, 6),
    )
