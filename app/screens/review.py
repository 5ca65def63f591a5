"""Review: the next document with the model's evidence; accept or correct its labels, undo, skip."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import INFERENCE, on
from app.components.hotkeys import hotkeys
from app.components.label_guide import label_guide
from app.components.project_bar import NO_PROJECT, Asked, ProjectBar, author_name
from app.components.unsaved import ask_before_leaving
from app.errors import AppError
from app.screens.evidence import evidence, origin
from app.screens.review_session import Saved, Session, keeping, named, of_project, on_show, own_ticks, proposed
from storage.errors import NotFound, StaleWrite

if TYPE_CHECKING:
    from app.container import Services
    from app.services.reviews import ReviewCounts, ReviewItem, SavedReview

__all__ = ["build"]

LEGEND = {"1 … 9, 0": "toggle a label", "Enter": "save and next", "s": "skip", "u": "undo"}
TICKS_KEPT = "Ticked: your choice, not saved yet. Save replaces what is stored, Skip keeps it."
KEYS = {"enter": "#review-save", "u": "#review-undo", "s": "#review-skip"}
OTHER_TICKS = """
const ticked = [...document.querySelectorAll('#review-labels input[type=checkbox]')].map((box) => Number(box.checked));
const given = element.querySelector('[data-ticked]');
return given !== null && ticked.join() !== given.dataset.ticked;
"""
GONE = "{} is not in the project any more: its import was taken back."
NO_DOCUMENTS = "There is no document to review yet. Import some on the Projects tab."
ALL_DONE = "Every document has been reviewed or skipped. Train again, so that the corrections teach the next version."


def build(services: Services, bar: ProjectBar) -> None:
    """Lay out the Review screen."""
    shown_to: dict[str, int] = {}  # {key of a session: document on show}

    def leave(now: Session | None) -> None:
        if now is not None:
            shown_to.pop(now.key, None)

    session = gr.State(None, delete_callback=leave)
    # The session lies on the server and may be ahead of the page: a key that is pressed while the next document is on
    # its way answers the one before. So the page says itself which document it shows.
    seen = gr.Number(visible=False, precision=0)
    counts = gr.HTML(elem_id="review-counts")
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            passage = gr.HTML(elem_id="review-text")
            last = gr.HTML(elem_id="review-last", js_on_load=markup.ANNOUNCED)
            answered = gr.HTML(elem_id="review-origin")
            table = gr.HTML(elem_id="review-evidence")
        with gr.Column(scale=2, min_width=300), gr.Column(visible=False, elem_classes="lg-panel") as decision:
            labels = gr.CheckboxGroup([], label="Labels of this document", elem_id="review-labels")
            with gr.Row():
                save = gr.Button("Save and next", variant="primary", scale=2, min_width=130, elem_id="review-save")
                skip = gr.Button("Skip", min_width=80, elem_id="review-skip")
                undo = gr.Button("Undo", min_width=80, elem_id="review-undo")
            hotkeys(KEYS, toggles="#review-labels", legend=LEGEND)
            guide = gr.HTML(elem_id="review-guide", js_on_load=ask_before_leaving(OTHER_TICKS))

    shown = [session, seen, counts, passage, last, decision, labels, answered, table, guide]

    def show(now: Session, remark: str = "", own: Collection[int] | None = None) -> tuple[Any, ...]:
        """All of the screen. `own` are the labels that a person has chosen, where the document does not say them."""
        item = now.item
        if item is not None and item.document_id in now.ticks:
            kept = now.ticks[item.document_id]
            own, remark = kept.label_ids, remark or meanwhile(item, kept.annotation_id)
            now = replace(now, ticks={key: of for key, of in now.ticks.items() if key != item.document_id})
        shown_to[now.key] = item.document_id if item else 0
        ticks: list[str] | None = None
        if item is not None and own is not None:
            standing, gone = services.reviews.standing(own)
            ticks = [label.name for label in item.labels_all if label.id in standing]
            if gone:
                remark += markup.note(f"Retired meanwhile, and not ticked any more: {', '.join(gone)}.", "warning")
        counts = services.reviews.counts(now.project_id)
        head = now, item.document_id if item else None, _counts(counts)
        if item is None:
            nothing = not counts.reviewed + counts.remaining
            return (
                *head,
                markup.note(NO_DOCUMENTS) if nothing else markup.note(ALL_DONE, "done"),
                remark,
                gr.Column(visible=bool(now.saved)),
                [],
                "",
                "",
                "",
            )
        prediction = item.prediction
        suggested, origin_of_ticks = proposed(item)
        colours = {label.name: label.colour for label in item.labels_all}
        added = prediction.added if prediction else ()
        choices = [_choice(name, digit, added) for _, name, digit, *_ in item.labels_all]
        return (
            *head,
            markup.note(_head(item), "plain") + markup.passage(item.text),
            remark,
            gr.Column(visible=True),
            gr.CheckboxGroup(
                choices=choices,
                value=suggested if ticks is None else ticks,
                info=origin_of_ticks if ticks is None else TICKS_KEPT,
            ),
            origin(prediction.model_name, trained=prediction.trained)
            if prediction
            else markup.note(item.problem, "warning"),
            evidence(prediction.rows, prediction.threshold, colours, trained=prediction.trained, added=added)
            if prediction
            else "",
            label_guide(item.labels_all, suggested),
        )

    def enter(
        project_id: int | None, tab: str, asked: Asked | None, now: Session | None, document_id: int | None,
        ticked: list[str],
    ) -> Any:  # fmt: skip
        # Told to hide what the next answer shows, the page may do both in either order.
        if project_id is None:  # which one is open is still being found out
            return gr.skip()
        if not project_id:
            leave(now)
            nothing = replace(
                of_project(0, keeping(now, own_ticks(now, document_id, ticked)) if now else None), asked=asked
            )
            return nothing, None, markup.note(NO_PROJECT), "", "", gr.Column(visible=False), [], "", "", ""
        if tab != "review":  # a prediction takes time; make it when somebody looks
            return gr.skip()
        own = own_ticks(now, document_id, ticked)
        elsewhere = now is None or now.project_id != project_id
        if now is None or now.project_id != project_id:
            leave(now)
            now, own = of_project(project_id, keeping(now, own) if now else None), None
        if asked is not None and asked.project_id == project_id and asked is not now.asked:
            now = replace(now, asked=asked)
            if now.item is None or now.item.document_id != asked.document_id:
                try:
                    return show(out_of_turn(keeping(now, own), asked.document_id))
                except NotFound:
                    now = keeping(now, own)
                    return show(following(now), markup.note(GONE.format("That document"), "warning"))
        if now.item is None:
            return show(following(now))
        try:
            item = services.reviews.item(now.item.document_id)
        except NotFound:
            return show(following(now), markup.note(GONE.format(now.item.external_id), "warning"))
        if item == now.item and not elsewhere:  # leave what is ticked
            return now, gr.skip(), _counts(services.reviews.counts(project_id)), *(gr.skip() for _ in shown[3:])
        remark = meanwhile(item, now.item.annotation_id)
        chosen = own is not None or item.document_id in now.ticks
        if remark and not chosen and now.behind is None:  # somebody else did it
            return show(following(now))
        return show(replace(now, item=item), remark, own)

    def out_of_turn(now: Session, document_id: int) -> Session:
        """Show a document; the queue goes on afterwards with the one on show, unless that is out of turn too."""
        behind = now.behind
        if behind is None:
            behind = now.item.document_id - 1 if now.item else 0
        return replace(now, item=services.reviews.item(document_id), behind=behind)

    def following(now: Session) -> Session:
        """Go on behind the document on show; what others have on show comes last, or they would do the same work."""
        after_id, taken = (now.item.document_id, set(shown_to.values())) if now.item else (None, set())
        after_id = after_id if now.behind is None else now.behind
        item = services.reviews.next(now.project_id, after_id, now.skipped | taken)
        item = item or services.reviews.next(now.project_id, after_id, now.skipped)
        return replace(now, item=item, behind=None)

    def save_item(now: Session | None, document_id: int | None, chosen: list[str], author: str) -> tuple[Any, ...]:
        now, item = on_show(now, document_id)
        label_ids = named(item, chosen)
        try:
            done = services.reviews.save(
                item.document_id,
                label_ids,
                author_name(author),
                item.annotation_id,
                prediction_id=item.prediction.id if item.prediction else None,
            )
        except NotFound:
            return show(following(now), markup.note(GONE.format(item.external_id) + " Nothing was saved.", "warning"))
        except StaleWrite as error:  # show the document as it is now, and keep what this person has ticked
            now = replace(now, item=services.reviews.item(item.document_id))
            return show(now, markup.note(error, "warning"), label_ids)
        now = replace(now, saved=(*now.saved, Saved(done.annotation_id, item.document_id, now.behind)))
        remark = f"{item.external_id} {_by(done)}: {', '.join(chosen) or 'no label'}."
        return show(following(now), markup.note(remark, "done"))

    def skip_item(now: Session | None, document_id: int | None) -> tuple[Any, ...]:
        now, item = on_show(now, document_id)
        now = replace(now, skipped=now.skipped | {item.document_id})
        return show(
            following(now),
            markup.note(f"{item.external_id} skipped until you reload the page.", "plain"),
        )

    def undo_last(
        now: Session | None, document_id: int | None, ticked: list[str], author: str
    ) -> tuple[Any, ...]:  # fmt: skip
        if now is None or not now.saved:
            raise AppError("There is nothing to undo: nothing was saved since you opened this project.")
        last = now.saved[-1]
        remark = markup.note("Undone; the document is as it was before.", "plain")
        try:
            services.reviews.undo(last.annotation_id, author_name(author))
        except StaleWrite as error:  # it cannot be undone any more, but what was saved before it can
            remark = markup.note(f"{error} Undo again takes back what you saved before it.", "warning")
        item = services.reviews.item(last.document_id)
        now = keeping(now, own_ticks(now, document_id, ticked))
        return show(replace(now, saved=now.saved[:-1], item=item, behind=last.behind), remark)

    entering = [bar.project, bar.tab, bar.asked, session, seen, labels]
    for event in (bar.project.change, bar.tab.change, bar.asked.change):
        on(event, enter, entering, shown, show_progress_on=passage, **INFERENCE)
    on(save.click, save_item, [session, seen, labels, bar.author], shown, show_progress_on=passage, **INFERENCE)
    on(skip.click, skip_item, [session, seen], shown, show_progress_on=passage, **INFERENCE)
    on(undo.click, undo_last, [session, seen, labels, bar.author], shown, show_progress_on=passage, **INFERENCE)


def meanwhile(item: ReviewItem, annotation_id: int | None) -> str:
    """Say that somebody reviewed a document since it had this annotation; nothing where nobody did."""
    if item.current is None or item.current.action == "imported" or item.annotation_id == annotation_id:
        return ""
    return markup.note(f"{item.external_id} was {_by(item.current)}, meanwhile.", "warning")


def _by(saved: SavedReview) -> str:
    return f"{saved.action} by {saved.author}, {saved.saved_at:%Y-%m-%d %H:%M:%S} UTC"


def _head(item: ReviewItem) -> str:
    return f"{item.external_id} · {item.split} · {_by(item.current) if item.current else 'nobody has labelled it'}"


def _counts(counts: ReviewCounts) -> str:
    figures = {"reviewed": counts.reviewed, "corrections": counts.corrections, "remaining": counts.remaining}
    return markup.facts({name: f"{number:,}" for name, number in figures.items()})


def _choice(name: str, digit: str, untrained: Collection[str]) -> tuple[str, str]:
    """A label's box: what it says, and the name that it stands for."""
    marked = f"{name} (untrained)" if name in untrained else name
    return (f"{digit}  {marked}" if digit else marked), name
