"""All labels refined by the chat model in the background, with progress, cancel, retry and a cap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.project_bar import author_name, require_project
from app.errors import AppError
from lagamc.descriptions.refine import Budget

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_refine import ChatConnection
    from app.services.refine_jobs import BatchView

__all__ = ["build"]

POLL_SECONDS = 1.0
HELP = (
    "Uses the connection above. For every label the prompt with its two best examples is sent, one after the other; "
    "every answer is kept as a draft at once."
)


def build(services: Services, bar: ProjectBar, connection: ChatConnection, made: gr.State) -> None:
    """Lay out the batch; its end raises the number in `made`."""
    gr.HTML(markup.note(HELP, "plain"))
    with gr.Row(elem_classes="lg-bottom"):
        tokens = gr.Number(label="Stop before this many tokens", value=100_000, minimum=1, precision=0, min_width=140,
                           elem_id="batch-tokens")  # fmt: skip
        money = gr.Number(label="Stop before this cost", value=None, minimum=0, min_width=140)
        start = gr.Button("Refine all labels", size="sm", min_width=120, elem_id="batch-start")
        retry = gr.Button("Try the failed ones again", size="sm", min_width=140, visible=False, elem_id="batch-retry")
        cancel = gr.Button("Cancel", size="sm", min_width=80, visible=False, elem_id="batch-cancel")
    status = gr.HTML(elem_id="batch-status")
    timer = gr.Timer(POLL_SECONDS, active=False)
    live = [status, retry, cancel, timer, made]

    def poll(project_id: int, count: int) -> tuple[Any, ...]:
        view = services.refine_jobs.view(project_id) if project_id else None
        running = view is not None and view.status == "running"
        return (
            _status(view),
            gr.Button(visible=view is not None and not running and bool(view.failed)),
            gr.Button(visible=running),
            gr.Timer(active=running),
            count if running else count + 1,
        )

    def begin(
        project_id: int, author: str, unit: str, cap: float | None, cost: float | None, count: int, *fields: Any
    ) -> tuple[Any, ...]:
        _start(project_id, author, unit, cap, cost, fields, ())
        return poll(project_id, count)

    def again(
        project_id: int, author: str, unit: str, cap: float | None, cost: float | None, count: int, *fields: Any
    ) -> tuple[Any, ...]:
        view = services.refine_jobs.view(require_project(project_id))
        if view is None or not view.failed:
            raise AppError("No label failed in the last batch.")
        _start(project_id, author, unit, cap, cost, fields, view.failed)
        return poll(project_id, count)

    def _start(
        project_id: int, author: str, unit: str, cap: float | None, cost: float | None, fields: Any, only: Any
    ) -> None:
        settings, wanted = connection.read(*fields)
        services.refine_jobs.start(
            require_project(project_id),
            author_name(author),
            settings=settings,
            drafts_wanted=wanted,
            unit=unit,
            budget=Budget(max_tokens=int(cap) if cap else None, max_cost=cost or None),
            only=only,
        )

    def stop(project_id: int, count: int) -> tuple[Any, ...]:
        services.refine_jobs.cancel(project_id)
        return poll(project_id, count)

    asked = [bar.project, bar.author, connection.unit, tokens, money, made, *connection.fields]
    on(start.click, begin, asked, live, show_progress_on=status)
    on(retry.click, again, asked, live, show_progress_on=status)
    on(cancel.click, stop, [bar.project, made], live)
    on(timer.tick, poll, [bar.project, made], live, queue=False, show_progress="hidden")


def _status(view: BatchView | None) -> str:
    if view is None:
        return ""
    share = view.done / view.total if view.total else 1.0
    spent = f"{view.tokens:,} tokens" + (f", cost {view.cost:.5f}" if view.cost else "")
    text = markup.progress_bar(share, f"{view.status} · {view.done:,} of {view.total:,} labels · {spent}")
    rows = (markup.Row([row.label, row.drafts, row.error or ""]) for row in view.rows)
    return text + markup.table(("Label", "Drafts", "What went wrong"), rows, empty="", numeric=(1,))
