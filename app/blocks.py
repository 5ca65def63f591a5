"""The one page: a bar over five tabs, and the named endpoints of the API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import gradio as gr

from app import endpoints
from app.components.events import focus, on
from app.components.project_bar import ProjectBar, active_model, picker_update, project_bar
from app.screens import classify, labels, projects, review, train

if TYPE_CHECKING:
    from app.container import Services

__all__ = ["build_blocks"]

SCREENS = {
    "projects": ("Projects", projects.build),
    "labels": ("Labels", labels.build),
    "train": ("Train", train.build),
    "classify": ("Classify", classify.build),
    "review": ("Review", review.build),
}
# Gradio sums up all events so far after each event, for a monitoring page that is switched off: a third of the time
# of an answer, and more the longer the server runs.
UNCOUNTED = {"GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000", "GRADIO_ANALYTICS_MAX_EVENTS": "100"}
# In the page itself: on its way back from the server what is remembered could meet what is typed or clicked by then.
REMEMBERED_AUTHOR = "(typed, memory) => typed || memory?.author || ''"
REMEMBERED_PROJECT = """(memory) => {
  const own = Number(sessionStorage.getItem('lagamc-project'));  // of this tab: another may work elsewhere
  return own ? {...memory, project: own} : memory;
}"""
KEEP_PROJECT = "(project) => { if (project) sessionStorage.setItem('lagamc-project', project); }"
# A tab has an address of its own (#labels), so that Back leads to the tab before, and a colleague can be sent there.
REMEMBERED_TAB = """(memory) => {
  const asked = location.hash.slice(1);
  const tab = KNOWN.includes(asked) ? asked : memory?.tab ?? 'projects';
  history.replaceState(null, '', '#' + tab);
  window.tabHasAddress = true;  // the first tab tells of itself while the page loads
  window.addEventListener('popstate', () =>
    document.querySelector(`#screens button[data-tab-id="${CSS.escape(location.hash.slice(1))}"]`)?.click());
  return {__type__: 'update', selected: tab};
}""".replace("KNOWN", str([*SCREENS]))
IN_TURN = {"concurrency_id": "tab", "concurrency_limit": 1}
REMEMBERING = {"concurrency_id": "memory", "concurrency_limit": 1}  # each writes all of it, and the last one counts
# The tab that was clicked last is the one in front, whichever click the network brings last.
CLICKED_AT = """() => {{
  document.title = '{1} · lagamc workbench';
  if (window.tabHasAddress && location.hash !== '#{0}') history.pushState(null, '', '#{0}');
  return [performance.now(), 0];
}}"""
TEMPORARY = (3600, 86_400)  # every hour uploads older than a day go; what is worked on was copied, or read
CONCURRENT_EVENTS = 16  # of one kind; all but inference are short


def build_blocks(services: Services) -> gr.Blocks:
    """Build the page; nothing heavy is imported and no model is loaded."""
    for name, value in UNCOUNTED.items():
        os.environ.setdefault(name, value)
    with gr.Blocks(title="lagamc workbench", analytics_enabled=False, fill_width=True, delete_cache=TEMPORARY) as page:
        bar = project_bar()
        clicked = gr.Number(visible=False)
        latest = gr.State(-1.0)  # milliseconds since the page was opened, of the last click so far
        with gr.Tabs(elem_id="screens", overflow_behavior="wrap") as tabs:
            for key, (title, build) in SCREENS.items():
                with gr.Tab(title, id=key) as tab:
                    build(services, bar)
                on(tab.select, _naming(key), [clicked, latest], [bar.tab, latest], js=CLICKED_AT.format(key, title),
                   show_progress="hidden", **IN_TURN)  # fmt: skip
        _wire(page, services, bar, tabs)
        endpoints.register(services)
    return page.queue(default_concurrency_limit=CONCURRENT_EVENTS)


def _naming(key: str) -> Any:
    def selected(clicked: float, latest: float) -> tuple[Any, Any]:
        return (key, clicked) if clicked >= latest else (gr.skip(), gr.skip())

    return selected


def _wire(page: gr.Blocks, services: Services, bar: ProjectBar, tabs: gr.Tabs) -> None:
    def restore(memory: dict[str, Any] | None) -> tuple[Any, int]:
        memory = memory or {}
        choices = services.projects.names()
        known = [key for _, key in choices]
        project_id = memory.get("project") if memory.get("project") in known else next(iter(known), None)
        return picker_update(choices, project_id), project_id or 0

    def remember(author: str, project_id: int, tab: str) -> dict[str, Any]:
        return {"author": author, "project": project_id, "tab": tab}

    def opened(project_id: int | None) -> int:
        return project_id or 0

    def listed() -> Any:
        """A colleague may have made or renamed a project; the choice on the page is left alone."""
        return gr.Dropdown(choices=services.projects.names())

    def model(project_id: int) -> str:
        return active_model(services.projects.get(project_id).active_model) if project_id else ""

    on(page.load, restore, bar.memory, [bar.picker, bar.project], js=REMEMBERED_PROJECT, show_progress="hidden")
    bar.picker.change(None, bar.picker, None, js=KEEP_PROJECT, api_visibility="private")
    page.load(None, [bar.author, bar.memory], bar.author, js=REMEMBERED_AUTHOR, api_visibility="private")
    page.load(None, bar.memory, tabs, js=REMEMBERED_TAB, api_visibility="private")  # its `select` then tells `bar.tab`
    on(bar.asked.change, lambda: gr.Tabs(selected="review"), None, tabs, show_progress="hidden").then(
        None, None, None, js=focus("#review-labels input"), api_visibility="private"
    )
    on(bar.picker.input, opened, bar.picker, bar.project, show_progress="hidden")
    on(bar.tab.change, listed, None, bar.picker, show_progress="hidden")
    for event in (bar.project.change, bar.tab.change):
        on(event, model, bar.project, bar.model, show_progress="hidden")
    remembered = [bar.author, bar.project, bar.tab]
    for event in (bar.author.blur, bar.project.change, bar.tab.change):
        on(event, remember, remembered, bar.memory, show_progress="hidden", **REMEMBERING)
