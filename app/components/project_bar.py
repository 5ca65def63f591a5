"""The bar above the tabs: which project is open, who is working, which model answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.components.events import on
from app.errors import AppError

__all__ = [
    "MAX_AUTHOR_CHARACTERS",
    "NO_PROJECT",
    "Asked",
    "ProjectBar",
    "active_model",
    "author_name",
    "follow",
    "picker_update",
    "project_bar",
    "require_project",
]

MAX_AUTHOR_CHARACTERS = 100
NO_PROJECT = "No project is open. Load the demo project or create one of your own on the Projects tab."
RESTARTED = "If this page shows one, the server was started anew meanwhile: copy what you typed, then reload the page."


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A document that another screen asks Review to show; asked for again, it is another request."""

    project_id: int
    document_id: int


@dataclass(frozen=True, slots=True)
class ProjectBar:
    """What every screen reads. `project` holds the id of the open project, or 0; screens follow its changes."""

    project: gr.State
    tab: gr.State  # id of the tab in front
    asked: gr.State  # what Review was asked for last, or None; a change brings its tab to the front
    picker: gr.Dropdown
    author: gr.Textbox
    model: gr.HTML
    memory: gr.BrowserState  # survives a reload: {"author", "project", "tab"}


def project_bar() -> ProjectBar:
    """Lay out the bar; `app.blocks` wires it."""
    with gr.Row(elem_id="project-bar", equal_height=True):
        gr.HTML("<h1><strong>lagamc</strong><span>workbench</span></h1>", elem_id="brand", min_width=120, scale=0)
        picker = gr.Dropdown([], label="Project", elem_id="project-picker", scale=2, min_width=200)
        author = gr.Textbox(
            label="Your name",
            placeholder="who saves",
            max_length=MAX_AUTHOR_CHARACTERS,
            elem_id="author",
            scale=1,
            min_width=140,
        )
        model = gr.HTML(elem_id="active-model", scale=2, min_width=200)
    return ProjectBar(
        project=gr.State(None),
        tab=gr.State("projects"),
        asked=gr.State(None),
        picker=picker,
        author=author,
        model=model,
        memory=gr.BrowserState({}, storage_key="lagamc", secret="lagamc"),  # noqa: S106 (preferences, nothing to hide)
    )


def follow(
    bar: ProjectBar, screen: str, handler: Callable[..., Any], inputs: list[Any], outputs: Any, **options: Any
) -> None:
    """Run `handler` when another project is opened, and when the tab with the id `screen` comes to the front.

    `options` are as `on` has them.
    """

    def entered(tab: str, *values: Any) -> Any:
        return handler(*values) if tab == screen else gr.skip()

    on(bar.project.change, handler, inputs, outputs, show_progress="hidden", **options)
    on(bar.tab.change, entered, [bar.tab, *inputs], outputs, show_progress="hidden", **options)


def author_name(author: str | None) -> str:
    """Return the name to save under."""
    return (author or "").strip() or "unnamed"


def require_project(project_id: int | None) -> int:
    """Return the id of the open project. Raises AppError when none is open."""
    if not project_id:
        raise AppError(f"{NO_PROJECT} {RESTARTED}")
    return project_id


def picker_update(choices: Sequence[tuple[str, int]], project_id: int | None) -> Any:
    """Return the picker with `project_id` chosen from (name, id) pairs."""
    known = any(key == project_id for _, key in choices)
    return gr.Dropdown(choices=list(choices), value=project_id if known else None)


def active_model(name: str | None) -> str:
    """Return the line that says which model version answers."""
    shown = name or "none yet"
    return str(Markup('<span class="lg-muted">Active model</span> <b>{}</b>').format(shown))
