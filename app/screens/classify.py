"""Classify: a text or a document of the project, with every sentence, label and cosine shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from app.components import markup
from app.components.events import INFERENCE, on
from app.components.project_bar import NO_PROJECT, Asked, ProjectBar, require_project
from app.errors import AppError
from app.screens import classify_file
from app.screens.evidence import added_labels, evidence, excerpt, neighbours, origin, rule_in_words
from app.services.documents import SEARCH_REACH
from storage.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.container import Services
    from app.services.answer_view import ClassificationView
    from app.services.documents import DocumentRow

__all__ = ["build"]

NOTHING_YET = (
    "Paste a text and press 'Classify'. The sentences that the model generates appear here, with their labels."
)
CUT = "The text reaches the {:,} tokens that the model reads of a document: anything after them had no say here."
NO_DOCUMENTS = "No document yet. Import some under Projects."
GONE = "The document is not in the project any more: its import was taken back."
NOWHERE = "No document from here on holds these words."
NOT_HERE = f"None of the next {SEARCH_REACH:,} documents holds these words. 'Next' looks further."
PAGE_SIZE = 8
LISTING = {"concurrency_id": "documents", "concurrency_limit": 1}  # no late list takes the place of a search
TYPED_THRESHOLD = "(project, view, typed, slider) => [project, view, slider, 0]"


class Pages(NamedTuple):
    """Where the list of documents is: its words, ids behind which the pages so far begin, the next one's if any."""

    words: str = ""
    begins: tuple[int, ...] = (0,)
    next_after: int | None = None


def build(services: Services, bar: ProjectBar) -> None:
    """Lay out the Classify screen."""
    result = gr.State(None)  # the ClassificationView on show
    source = gr.State(None)  # the id of the document that it is of; None for a text
    own_threshold = gr.State(None)  # as set by hand in this session; None for the model's
    pages = gr.State(Pages())
    with gr.Row():
        with gr.Column(scale=2, min_width=300), gr.Tabs():
            with gr.Tab("Text"):
                text = gr.Textbox(
                    label="Text of one document",
                    show_label=False,
                    placeholder="Paste the text of one document",
                    lines=8,
                    max_lines=20,
                    elem_id="classify-text",
                )
                classify = gr.Button("Classify", variant="primary", elem_id="classify-run")
            with gr.Tab("Document of the project") as documents_tab:
                query = gr.Textbox(
                    "",
                    label="Search the documents",
                    show_label=False,
                    placeholder="Words or an id to look for; Enter searches",
                    elem_id="document-query",
                )
                documents = markup.clickable("documents-table")
                with gr.Row():
                    previous = gr.Button("Previous", size="sm", interactive=False, elem_id="documents-previous")
                    following = gr.Button("Next", size="sm", interactive=False, elem_id="documents-next")
            with gr.Tab("File"):
                classify_file.build(services, bar, own_threshold)
        with gr.Column(scale=3, min_width=320):
            passage = gr.HTML(elem_id="classify-passage")
            answered = gr.HTML(elem_id="classify-origin")
            decided = gr.HTML(markup.note(NOTHING_YET), js_on_load=markup.ANNOUNCED, elem_id="classify-labels")
            correct = gr.Button("Correct its labels in Review", size="sm", visible=False, scale=0, min_width=220,
                                elem_id="classify-correct")  # fmt: skip
            threshold = gr.Slider(
                0,
                1,
                value=0.4,
                step=0.01,
                label="Threshold",
                info="A sentence whose cosine lies below it assigns no label; a label that is probable without any is "
                "given all the same. Moving it decides again; nothing is generated.",
                buttons=[],
                visible=False,
                elem_id="threshold",
            )
            by_model = gr.Button("Back to the model's threshold", size="sm", visible=False, elem_id="threshold-model")
            typed = gr.Number(visible=False)  # the threshold as typed: a slider refuses what is out of its range
            table = gr.HTML(elem_id="classify-table")
            alike = markup.clickable("classify-neighbours")

    shown = [result, source, correct, passage, answered, decided, threshold, table, alike]

    def run_text(project_id: int, text: str, own: float | None) -> tuple[Any, ...]:
        if not text.strip():
            raise AppError("There is no text to classify. Paste one first.")
        view = services.classification.classify_text(require_project(project_id), text, threshold=own)
        return view, None, gr.Button(visible=False), "", *_answer(view, services.labels.colours(project_id))

    def run_document(project_id: int, own: float | None, event: gr.EventData) -> tuple[Any, ...]:
        document_id = int(event.key)
        document, colours = services.documents.get(document_id), services.labels.colours(project_id)
        if document.project_id != project_id:
            raise AppError("That document is not in the open project. Search again, and select one from the list.")
        view = services.classification.classify_document(document_id, threshold=own)
        return view, document_id, gr.Button(visible=True), _document(document, colours), *_answer(view, colours)

    def decide(
        project_id: int, view: ClassificationView | None, value: float | None, _slider: float
    ) -> tuple[Any, ...]:
        if value is None:  # emptied, to type another
            return tuple(gr.skip() for _ in range(4))
        if view is None:
            return None, gr.skip(), gr.skip(), value
        view = services.classification.decide(view, value)
        colours = services.labels.colours(project_id)
        return (
            view,
            _decided(view, colours),
            evidence(view.rows, view.threshold, colours, trained=view.trained, added=view.added),
            value,
        )

    def settled(project_id: int, view: ClassificationView | None, own: float | None) -> tuple[Any, ...]:
        """Decide again where the threshold was moved, or set back, while the answer was on its way."""
        if view is None or view.threshold == (wanted := view.model_threshold if own is None else own):
            return tuple(gr.skip() for _ in range(4))
        *again, _ = decide(project_id, view, wanted, 0.0)
        return *again, wanted

    def decide_by_model(project_id: int, view: ClassificationView) -> tuple[Any, ...]:
        *again, _ = decide(project_id, view, view.model_threshold, 0.0)
        return *again, view.model_threshold, None

    def listed(project_id: int, words: str, begins: tuple[int, ...] = (0,)) -> tuple[Any, ...]:
        if not project_id:
            return markup.note(NO_PROJECT), Pages(), gr.Button(interactive=False), gr.Button(interactive=False)
        words = words.strip()
        page = services.documents.page(project_id, PAGE_SIZE, begins[-1], words)
        if not page.total:
            return markup.note(NO_DOCUMENTS), Pages(), gr.Button(interactive=False), gr.Button(interactive=False)
        rows = (markup.Row([row.external_id, excerpt(row.text), row.split], key=row.id) for row in page.rows)
        table = markup.table(("Id", "Text", "Split"), rows, empty=NOT_HERE if page.next_after else NOWHERE)
        number = f"Page {len(begins):,} · {page.total:,} documents in the project. Select one to classify it."
        return (
            table + markup.note(number, "plain"),
            Pages(words, begins, page.next_after),
            gr.Button(interactive=len(begins) > 1),
            gr.Button(interactive=page.next_after is not None),
        )

    def first(project_id: int, words: str) -> tuple[Any, ...]:
        return listed(project_id, words)

    def again(project_id: int, pages: Pages) -> tuple[Any, ...]:
        """What is on show, as it is now: a search that was faster than this event stays."""
        return listed(project_id, pages.words, pages.begins)

    def forward(project_id: int, words: str, pages: Pages) -> tuple[Any, ...]:
        if words.strip() != pages.words:  # typed since, without Enter
            return listed(project_id, words)
        begins = pages.begins if pages.next_after is None else (*pages.begins, pages.next_after)
        return listed(project_id, words, begins)

    def back(project_id: int, words: str, pages: Pages) -> tuple[Any, ...]:
        if words.strip() != pages.words:
            return listed(project_id, words)
        return listed(project_id, words, pages.begins[:-1] or (0,))

    def prepare(project_id: int, tab: str) -> None:
        if project_id and tab == "classify":
            services.classification.prepare(project_id)

    def entered(project_id: int, tab: str, view: ClassificationView | None, document_id: int | None) -> Any:
        """Labels may have been corrected in the meantime, or renamed."""
        if tab != "classify" or not project_id or view is None:
            return gr.skip()
        view, colours = services.classification.current(project_id, view), services.labels.colours(project_id)
        try:
            document = "" if document_id is None else _document(services.documents.get(document_id), colours)
        except NotFound:  # the answer is still one
            document = markup.note(GONE, "warning")
        answered, labels, _, sentences, alike = _answer(view, colours)
        return view, document, answered, labels, sentences, alike

    def entered_list(project_id: int, tab: str, pages: Pages) -> Any:
        """Documents may have been imported in the meantime."""
        return again(project_id, pages) if tab == "classify" else gr.skip()

    def reset(project_id: int) -> tuple[Any, ...]:
        hint = NOTHING_YET if project_id else NO_PROJECT
        nothing = None, None, gr.Button(visible=False), "", ""
        return *nothing, markup.note(hint), gr.Slider(visible=False), "", "", None

    def ask_for_source(project_id: int, document_id: int | None) -> Asked:
        if document_id is None:
            raise AppError("No document of the project is on show. Select one first.")
        return Asked(require_project(project_id), document_id)

    def ask_for_neighbour(project_id: int, event: gr.EventData) -> Asked:
        return Asked(require_project(project_id), int(event.key))

    # in turn, each of them: gradio would drop a row that is clicked before the answer to another is there
    by_text = on(classify.click, run_text, [bar.project, text, own_threshold], shown, show_progress_on=decided,
                 **INFERENCE)  # fmt: skip
    by_document = on(documents.select, run_document, [bar.project, own_threshold], shown, show_progress_on=decided,
                     trigger_mode="multiple", **INFERENCE)  # fmt: skip
    for answer in (by_text, by_document):
        on(answer.success, settled, [bar.project, result, own_threshold], [result, decided, table, threshold],
           show_progress="hidden")  # fmt: skip
    on(correct.click, ask_for_source, [bar.project, source], bar.asked, show_progress="hidden")
    on(alike.select, ask_for_neighbour, bar.project, bar.asked, show_progress="hidden")
    for turn in ({}, INFERENCE):  # at once, and again behind an answer that is on its way
        on(bar.project.change, reset, bar.project, [*shown, own_threshold], show_progress="hidden", **turn)
    on(
        threshold.input,
        decide,
        [bar.project, result, typed, threshold],
        [result, decided, table, own_threshold],
        js=TYPED_THRESHOLD,
        show_progress="hidden",
    )
    on(by_model.click, decide_by_model, [bar.project, result], [result, decided, table, threshold, own_threshold],
       show_progress="hidden")  # fmt: skip
    on(own_threshold.change, lambda own: gr.Button(visible=own is not None), own_threshold, by_model,
       show_progress="hidden")  # fmt: skip
    on(bar.model.change, lambda: None, None, own_threshold, show_progress="hidden")  # it was set for another version
    paged = [documents, pages, previous, following]
    on(documents_tab.select, again, [bar.project, pages], paged, show_progress="hidden", **LISTING)
    on(bar.project.change, first, [bar.project, query], paged, show_progress="hidden", **LISTING)
    on(query.submit, first, [bar.project, query], paged, show_progress="hidden", trigger_mode="always_last", **LISTING)
    on(following.click, forward, [bar.project, query, pages], paged, show_progress="hidden", **LISTING)
    on(previous.click, back, [bar.project, query, pages], paged, show_progress="hidden", **LISTING)
    for event in (bar.project.change, bar.tab.change):
        on(event, prepare, [bar.project, bar.tab], show_progress="hidden")
    on(bar.tab.change, entered, [bar.project, bar.tab, result, source],
       [result, passage, answered, decided, table, alike], show_progress="hidden", **INFERENCE)  # fmt: skip
    on(bar.tab.change, entered_list, [bar.project, bar.tab, pages], paged, show_progress="hidden", **LISTING)


def _answer(view: ClassificationView, colours: Mapping[str, str]) -> tuple[Any, ...]:
    by_rule = rule_in_words(view.result.rule) if view.trained else ""
    cut = markup.note(CUT.format(view.result.cut_at), "warning") if view.result.cut_at is not None else ""
    return (
        cut + origin(view.model_name, trained=view.trained) + by_rule + added_labels(view.added, view.result.rule),
        _decided(view, colours),
        gr.Slider(value=view.threshold, visible=True),
        evidence(view.rows, view.threshold, colours, trained=view.trained, added=view.added),
        neighbours(view.neighbours, colours),
    )


def _document(document: DocumentRow, colours: Mapping[str, str]) -> str:
    carried = markup.chips(document.labels, colours)
    line = Markup('<p><span class="lg-muted">{} · {} · stored labels:</span> {}</p>')
    return str(line.format(document.external_id, document.split, carried)) + markup.passage(document.text)


def _decided(view: ClassificationView, colours: Mapping[str, str]) -> str:
    untrained = set(view.untrained)
    marked = {f"{name} (untrained)" if name in untrained else name: colours.get(name, "") for name in view.labels}
    chips = markup.chips(marked, marked, empty="no label: every sentence abstains")
    return str(Markup("<p><b>Labels</b> {}</p>").format(chips))
