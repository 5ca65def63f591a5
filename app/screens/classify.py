"""Classify: a text or a document of the project, with every sentence, label and cosine shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup
from app.components.events import INFERENCE, on
from app.components.project_bar import NO_PROJECT, ProjectBar, require_project
from app.errors import AppError
from app.screens import classify_file
from app.screens.evidence import evidence, origin

if TYPE_CHECKING:
    from app.container import Services
    from app.services.classification import ClassificationView

__all__ = ["build"]

NOTHING_YET = (
    "Paste a text and press 'Classify'. The sentences that the model generates appear here, with their labels."
)
PAGE_SIZE = 8
MAX_EXCERPT_CHARACTERS = 110


def build(services: Services, bar: ProjectBar) -> None:
    """Lay out the Classify screen."""
    result = gr.State(None)  # the ClassificationView on show
    own_threshold = gr.State(None)  # as set by hand in this session; None for the model's
    with gr.Row():
        with gr.Column(scale=2, min_width=300), gr.Tabs():
            with gr.Tab("Text"):
                text = gr.Textbox(
                    show_label=False,
                    placeholder="Paste the text of one document",
                    lines=8,
                    max_lines=20,
                    elem_id="classify-text",
                )
                classify = gr.Button("Classify", variant="primary", elem_id="classify-run")
            with gr.Tab("Document of the project") as documents_tab:
                query = gr.Textbox(
                    show_label=False,
                    placeholder="Words to look for; Enter searches",
                    elem_id="document-query",
                )
                documents = markup.clickable("documents-table")
            with gr.Tab("File"):
                classify_file.build(services, bar, own_threshold)
        with gr.Column(scale=3, min_width=320):
            passage = gr.HTML(elem_id="classify-passage")
            answered = gr.HTML(elem_id="classify-origin")
            decided = gr.HTML(markup.note(NOTHING_YET), elem_id="classify-labels")
            threshold = gr.Slider(
                0,
                1,
                value=0.4,
                step=0.01,
                label="Threshold",
                info="A sentence whose cosine lies below it is abstained: shown, and assigned to no label. "
                "Moving it decides again; nothing is generated.",
                buttons=[],
                visible=False,
                elem_id="threshold",
            )
            table = gr.HTML(elem_id="classify-table")

    shown = [result, passage, answered, decided, threshold, table]

    def run_text(project_id: int, text: str, own: float | None) -> tuple[Any, ...]:
        if not text.strip():
            raise AppError("There is no text to classify. Paste one first.")
        view = services.classification.classify_text(require_project(project_id), text, threshold=own)
        return view, "", *_answer(view)

    def run_document(own: float | None, event: gr.EventData) -> tuple[Any, ...]:
        document_id = int(event.key)
        view = services.classification.classify_document(document_id, threshold=own)
        return view, markup.passage(services.documents.get(document_id).text), *_answer(view)

    def decide(view: ClassificationView | None, value: float) -> tuple[Any, ...]:
        if view is None:
            return None, gr.skip(), gr.skip(), value
        view = services.classification.decide(view, value)
        return view, _decided(view), evidence(view.rows, trained=view.trained), value

    def find(project_id: int, words: str) -> str:
        if not project_id:
            return markup.note(NO_PROJECT)
        found = services.documents.page(project_id, 0, PAGE_SIZE, query=words.strip() or None)
        rows = (markup.Row([row.external_id, _excerpt(row.text), row.split], key=row.id) for row in found.rows)
        listed = markup.table(("Id", "Text", "Split"), rows, empty="No document of the project holds these words.")
        more = f"{found.total:,} documents; the first {PAGE_SIZE} are listed. Select one to classify it."
        return listed + markup.note(more, "plain")

    def reset(project_id: int) -> tuple[Any, ...]:
        hint = NOTHING_YET if project_id else NO_PROJECT
        return None, "", "", markup.note(hint), gr.Slider(visible=False), "", None

    on(bar.project.change, reset, bar.project, [*shown, own_threshold], show_progress="hidden")
    on(
        classify.click,
        run_text,
        [bar.project, text, own_threshold],
        shown,
        show_progress_on=decided,
        **INFERENCE,
    )
    on(documents.select, run_document, own_threshold, shown, show_progress_on=decided, **INFERENCE)
    on(
        threshold.input,
        decide,
        [result, threshold],
        [result, decided, table, own_threshold],
        trigger_mode="always_last",
        show_progress="hidden",
    )
    for event in (documents_tab.select, query.submit):
        on(event, find, [bar.project, query], documents, show_progress="hidden")


def _answer(view: ClassificationView) -> tuple[Any, ...]:
    return (
        origin(view.model_name, trained=view.trained),
        _decided(view),
        gr.Slider(value=view.threshold, visible=True),
        evidence(view.rows, trained=view.trained),
    )


def _decided(view: ClassificationView) -> str:
    empty = f"no label: every sentence lies below {view.threshold:.2f}"
    return str(Markup("<p><b>Labels</b> {}</p>").format(markup.chips(view.labels, empty=empty)))


def _excerpt(text: str) -> str:
    return text if len(text) <= MAX_EXCERPT_CHARACTERS else f"{text[:MAX_EXCERPT_CHARACTERS]}…"
