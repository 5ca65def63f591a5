"""What-if: the text in the editor tried on all documents before it is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import MEASURING, on
from app.components.project_bar import NO_PROJECT, require_project

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor
    from app.services.preparation import PreparationView
    from app.services.what_if import AffectedRow, WhatIfView

__all__ = ["build"]

POLL_SECONDS = 1.0
HELP = "What the text in the editor would change; nothing is saved. With a trained model, prepare once, then try."
NOT_YET = (
    "Once a model, its sentences about all documents but the test ones are generated and stored; after that any "
    "wording is tried in a moment."
)
UNTRAINED = "Nothing is trained yet, so no sentences can be matched again; these are the documents nearest to the text."
ADDED = (
    "This label was added since {} was trained, which writes nothing about it. So only the documents nearest to the "
    "text are shown; after the next training every wording can be tried."
)


def build(services: Services, bar: ProjectBar, editor: LabelEditor) -> None:
    """Lay out the panel."""
    gr.HTML(markup.note(HELP, "plain"))
    with gr.Row():
        attempt = gr.Button(
            "Try the text in the editor", variant="primary", size="sm", scale=0, min_width=200, elem_id="what-if-try"
        )
        prepare = gr.Button("Prepare", size="sm", scale=0, min_width=110, elem_id="what-if-prepare")
        cancel = gr.Button("Cancel", size="sm", visible=False, scale=0, min_width=110)
    status = gr.HTML(elem_id="what-if-status")
    result = gr.HTML(elem_id="what-if-result")
    timer = gr.Timer(POLL_SECONDS, active=False)
    live = [status, cancel, timer]

    def poll(project_id: int) -> tuple[Any, ...]:
        if not project_id:
            return markup.note(NO_PROJECT), gr.Button(visible=False), gr.Timer(active=False)
        return _live(services.what_if.preparation(project_id))

    def opened(project_id: int) -> tuple[Any, ...]:
        return _live(services.what_if.running(project_id) if project_id else None)

    def entered(tab: str, project_id: int) -> tuple[Any, ...]:
        """What somebody else prepares is shown; else what stands here stays."""
        running = services.what_if.running(project_id) if project_id and tab == "labels" else None
        return _live(running) if running else tuple(gr.skip() for _ in live)

    def start(project_id: int) -> tuple[Any, ...]:
        services.what_if.prepare(require_project(project_id))
        return poll(project_id)

    def stop(project_id: int) -> tuple[Any, ...]:
        services.what_if.cancel(project_id)
        return poll(project_id)

    def run(project_id: int, key: int | None, text: str) -> str:
        return _result(services.what_if.try_text(require_project(project_id), key, text), new=key is None)

    on(prepare.click, start, bar.project, live, show_progress_on=status, **MEASURING)
    on(timer.tick, poll, bar.project, live, queue=False, show_progress="hidden")
    on(cancel.click, stop, bar.project, live)
    on(attempt.click, run, [bar.project, editor.label_id, editor.description], result, show_progress_on=result,
       **MEASURING)  # fmt: skip
    for turn in ({}, MEASURING):  # at once, and again behind an answer that is on its way
        for event in (editor.label_id.change, bar.project.change):
            on(event, lambda: "", None, result, show_progress="hidden", **turn)
    on(bar.tab.change, entered, [bar.tab, bar.project], live, show_progress="hidden")
    on(bar.project.change, opened, bar.project, live, show_progress="hidden")


def _live(view: PreparationView | None) -> tuple[Any, ...]:
    """Status, Cancel and the timer."""
    running = view is not None and view.status == "running"
    return _status(view) if view else "", gr.Button(visible=running), gr.Timer(active=running)


def _status(view: PreparationView) -> str:
    if view.status == "failed":
        return markup.note(view.error, "error")
    if view.status == "ready":
        return markup.note(f"Ready: what {view.model_name} says about {view.total:,} documents is stored.", "done")
    if view.status == "running":
        share = view.done / view.total if view.total else 0.0
        return markup.progress_bar(share, f"{view.model_name} · {view.done:,} of {view.total:,} steps")
    return markup.note(NOT_YET, "plain")


def _result(view: WhatIfView, *, new: bool) -> str:
    parts = []
    if view.trained and not view.added:
        figures = {
            "documents": f"{view.documents:,}",
            "gain the label": f"{view.gained:,}",
            "lose it": f"{view.lost:,}",
            "micro-F1 on dev": _change(view.micro_f1),
            "macro-F1 on dev": _change(view.macro_f1),
            "seconds": f"{view.seconds:.2f}",
        }
        parts.append(markup.facts(figures))
        if view.changes:
            parts.append(_changes(view))
        parts.append(_documents("Most affected documents", view.affected, empty="No document changes its labels."))
    else:
        parts.append(markup.note(ADDED.format(view.model_name) if view.added else UNTRAINED))
    if new or view.added or not view.trained:
        parts.append(_documents("Documents nearest to the text", view.nearest, empty="There is no document."))
    return "".join(parts)


def _change(pair: tuple[float | None, float | None] | None) -> str:
    if pair is None or pair == (None, None):
        return markup.NOTHING
    return f"{markup.score(pair[0])} → {markup.score(pair[1])}"


def _changes(view: WhatIfView) -> str:
    rows = (
        markup.Row(
            [
                row.label,
                f"{row.gained:,}",
                f"{row.lost:,}",
                *(
                    _change((row.before and getattr(row.before, name), row.after and getattr(row.after, name)))
                    for name in ("precision", "recall", "f1")
                ),
                f"{row.after.support:,}" if row.after else markup.NOTHING,
            ]
        )
        for row in view.changes
    )
    headers = ("Label", "Gains", "Loses", "Precision on dev", "Recall", "F1", "Dev documents")
    return markup.table(headers, rows, empty="", numeric=range(1, 7))


def _documents(title: str, rows: tuple[AffectedRow, ...], *, empty: str) -> str:
    shown = (
        markup.Row(
            [
                row.external_id,
                row.excerpt,
                row.sentence or markup.NOTHING,
                f"{markup.score(row.cosine_before)} → {markup.score(row.cosine_after)}"
                if row.sentence
                else markup.score(row.cosine_after),
                ", ".join(row.labels_before) or markup.NOTHING,
                ", ".join(row.labels_after) or markup.NOTHING,
            ]
        )
        for row in rows
    )
    headers = (title, "Text", "Sentence", "Cosine", "Labels before", "Labels after")
    return markup.table(headers, shown, empty=empty, numeric=(3,))
