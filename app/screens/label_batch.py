"""Drafts for all labels in the background, from any source, with progress, cancel, retry and a cap on spending."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup
from app.components.events import on
from app.components.project_bar import author_name, follow, require_project
from app.screens.label_refine import at_most
from app.services.draft_jobs import BatchRunning
from lagamc.descriptions.refine import Budget

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_refine import ChatConnection
    from app.services.draft_jobs import BatchView

__all__ = ["build"]

POLL_SECONDS = 1.0
HELP = (
    "Works through all labels, one after the other, with the contact and the connection typed above; every draft is "
    "kept at once. The names of the labels go to Wikipedia, or a prompt a label with two of your documents goes to "
    "the chat model, after an estimate."
)
EXAMPLE = Markup(
    "<details><summary>The first prompt, exactly as it will be sent; the others are made alike</summary>"
    '<pre class="lg-pre">{}</pre></details>'
)


def build(services: Services, bar: ProjectBar, connection: ChatConnection, asked: list[Any], made: gr.State) -> None:
    """Lay out the batch; its end raises the number in `made`."""
    gr.HTML(markup.note(HELP, "plain"))
    with gr.Row(elem_classes="lg-bottom"):
        tokens = gr.Number(label="Stop before this many tokens (0: no such cap)", value=100_000, precision=0,
                           min_width=140, elem_id="batch-tokens")  # fmt: skip
        money = gr.Number(label="Stop before this cost (0: no such cap)", value=None, min_width=140,
                          elem_id="batch-cost")  # fmt: skip
    with gr.Row():
        seed = gr.Button("Seed all from Wikipedia", size="sm", min_width=190, scale=0, elem_id="batch-seed")
        assemble = gr.Button("Scaffold all from the data", size="sm", min_width=190, scale=0, elem_id="batch-scaffold")
        ask = gr.Button("Refine all", size="sm", min_width=120, scale=0, elem_id="batch-ask")
        rest = gr.Button("Do the rest", size="sm", min_width=120, visible=False, scale=0, elem_id="batch-rest")
        cancel = gr.Button("Cancel", size="sm", min_width=80, visible=False, scale=0, elem_id="batch-cancel")
    with gr.Column(visible=False) as question:
        estimate = gr.HTML(elem_id="batch-estimate")
        with gr.Row():
            start = gr.Button("Send the prompts", variant="primary", size="sm", min_width=150, scale=0,
                              elem_id="batch-start")  # fmt: skip
    status = gr.HTML(elem_id="batch-status")
    timer = gr.Timer(POLL_SECONDS, active=False)
    live = [status, rest, cancel, timer, made]
    only = gr.State(())  # the labels asked about, none for all

    def view_of(project_id: int) -> BatchView | None:
        return services.draft_jobs.view(project_id) if project_id else None

    def opened(project_id: int) -> tuple[Any, ...]:
        return _live(view_of(project_id))

    def poll(project_id: int, count: int) -> tuple[Any, ...]:
        view = view_of(project_id)
        return *_live(view), count if _running(view) else count + 1

    def estimated(project_id: int, unit: str, *fields: Any, only: tuple[int, ...] = ()) -> tuple[Any, ...]:
        settings, wanted = connection.read(*fields)
        found = services.draft_jobs.estimate(
            require_project(project_id), settings=settings, drafts_wanted=wanted, unit=unit, only=only
        )
        said = markup.note(at_most(wanted * found.labels, found.tokens, found.cost), "plain")
        return gr.Column(visible=True), said + str(EXAMPLE.format(found.prompt)), only

    def begin(
        project_id: int, author: str, count: int, only: tuple[int, ...], unit: str, cap: float | None,
        cost: float | None, *fields: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        settings, wanted = connection.read(*fields)
        with _one_at_a_time():
            services.draft_jobs.refine(
                require_project(project_id),
                author_name(author),
                settings=settings,
                drafts_wanted=wanted,
                unit=unit,
                budget=Budget(max_tokens=int(cap) if cap else None, max_cost=cost or None),
                only=only,
            )
        return poll(project_id, count)

    def seed_all(
        project_id: int, author: str, count: int, contact: str, language: str, *, only: Sequence[int] = ()
    ) -> tuple[Any, ...]:
        with _one_at_a_time():
            services.draft_jobs.seed(
                require_project(project_id), author_name(author), contact=contact, language=language, only=only
            )
        return poll(project_id, count)

    def assemble_all(project_id: int, author: str, count: int, *, only: Sequence[int] = ()) -> tuple[Any, ...]:
        with _one_at_a_time():
            services.draft_jobs.scaffold(require_project(project_id), author_name(author), only=only)
        return poll(project_id, count)

    def go_on(
        project_id: int, author: str, count: int, contact: str, language: str, unit: str, *fields: Any
    ) -> tuple[Any, ...]:
        """With the name and the connection of who asks for it, not of who began; prompts only after an estimate."""
        kind, left = services.draft_jobs.left(require_project(project_id))
        if kind == "refine":
            return *(gr.skip() for _ in live), *estimated(project_id, unit, *fields, only=left)
        if kind == "seed":
            begun = seed_all(project_id, author, count, contact, language, only=left)
        else:
            begun = assemble_all(project_id, author, count, only=left)
        return *begun, gr.skip(), gr.skip(), gr.skip()

    def stop(project_id: int, count: int) -> tuple[Any, ...]:
        services.draft_jobs.cancel(project_id)
        return poll(project_id, count)

    who = [bar.project, bar.author, made]
    asking = [connection.unit, *connection.fields]
    asked_about = [question, estimate, only]
    on(seed.click, seed_all, [*who, *asked], live, show_progress_on=status)
    on(assemble.click, assemble_all, who, live, show_progress_on=status)
    on(ask.click, estimated, [bar.project, *asking], asked_about, show_progress_on=status)
    on(start.click, lambda: gr.Column(visible=False), None, question, show_progress="hidden")
    on(start.click, begin, [*who, only, connection.unit, tokens, money, *connection.fields], live,
       show_progress_on=status)  # fmt: skip
    on(rest.click, go_on, [*who, *asked, *asking], [*live, *asked_about], show_progress_on=status)
    on(cancel.click, stop, [bar.project, made], live)
    on(timer.tick, poll, [bar.project, made], live, queue=False, show_progress="hidden")
    on(bar.project.change, lambda: gr.Column(visible=False), None, question, show_progress="hidden")
    follow(bar, "labels", opened, [bar.project], live[:-1])


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Where somebody's batch runs already, say so and go on: the page then shows that one, with its Cancel."""
    try:
        yield
    except BatchRunning as running:
        gr.Warning(str(running))


def _running(view: BatchView | None) -> bool:
    return view is not None and view.status == "running"


def _live(view: BatchView | None) -> tuple[Any, ...]:
    """Status, both buttons and the timer."""
    running = _running(view)
    left = 0 if view is None or running else len(view.left)
    return (
        _status(view),
        gr.Button(f"Do the rest ({left:,})", visible=left > 0),
        gr.Button(visible=running),
        gr.Timer(active=running),
    )


def _status(view: BatchView | None) -> str:
    if view is None:
        return ""
    done, total = len(view.rows), len(view.wanted)
    most = "at most " if view.estimated else ""
    spent = f"{most}{view.tokens:,} tokens" + (f", cost {view.cost:.5f}" if view.cost else "")
    text = markup.progress_bar(done / total, f"{view.status} · {done:,} of {total:,} labels · {spent}")
    rows = (markup.Row([row.label, row.drafts, row.error or ""]) for row in view.rows)
    return text + markup.table(("Label", "Drafts", "What went wrong"), rows, empty="", numeric=(1,))
