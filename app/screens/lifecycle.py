"""Labels merged and ordered with the impact in view, and the history from which every step can be taken back."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.project_bar import author_name, follow, require_project
from app.components.unsaved import ask_before_leaving
from app.errors import AppError
from storage.errors import StaleWrite

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor
    from app.services.label_history import Step
    from app.services.label_impact import Impact
    from app.services.labels import LabelView

__all__ = ["build", "impact_html"]

Picked = tuple[Sequence[int], int | None]  # ids of the labels that become one, and of the one that survives
STEPS = 50  # of the history that are listed at first, and more at each wish
WORDED_ANEW = """
const [typed, own] = ['#merge-description', '#merge-own'].map(box => document.querySelector(`${box} textarea`)?.value);
return (typed ?? '') !== (own ?? '');
"""
NO_STEPS = "Nothing was renamed, merged, split, retired, edited, ordered or imported yet."


def build(services: Services, bar: ProjectBar, editor: LabelEditor, changed: gr.State) -> None:
    """Lay out the panel; every step raises the number in `changed`."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            gr.HTML("<h2>Merge</h2>", elem_classes="lg-heading")
            merging = gr.Dropdown([], label="Labels that become one", multiselect=True, elem_id="merge-labels")
            survivor = gr.Dropdown([], label="The one that survives", elem_id="merge-into")
            wording = gr.Textbox(
                label="Surviving description",
                info="The survivor's own, until you write or paste another.",
                lines=3,
                elem_id="merge-description",
            )
            impact = gr.HTML(elem_id="merge-impact", js_on_load=ask_before_leaving(WORDED_ANEW))
            merge = gr.Button("Merge", variant="primary", size="sm", interactive=False, elem_id="merge-do")
            gr.HTML("<h2>Order</h2>", elem_classes="lg-heading")
            with gr.Row():
                up = gr.Button("Move the open label up", size="sm", min_width=150, elem_id="label-up")
                down = gr.Button("Move it down", size="sm", min_width=120, elem_id="label-down")
        with gr.Column(scale=3, min_width=320):
            gr.HTML("<h2>History</h2>", elem_classes="lg-heading")
            history = gr.HTML(elem_id="label-history")
            with gr.Row(elem_classes="lg-bottom"):
                step = gr.Dropdown([], label="Step to take back", elem_id="undo-step", min_width=200)
                undo = gr.Button("Take this step back", size="sm", min_width=140, elem_id="undo-do")
                older = gr.Button("Show older steps", size="sm", min_width=130, visible=False, elem_id="older-steps")

    # The survivor's description as it was put into the box; on the page like the box, so that both are of one moment.
    own = gr.Textbox("", visible="hidden", elem_id="merge-own")

    # What is chosen, as it was last answered. The boxes themselves are only read when somebody chooses: where their
    # choices have just changed, gradio would refuse what the page sent before.
    picked = gr.State(((), None))
    wanted = gr.State(None)  # the step that somebody chose to take back
    limit = gr.State(STEPS)

    def logged(project_id: int, wanted: int | None, limit: int) -> tuple[Any, ...]:
        steps = services.lifecycle.history(project_id, limit) if project_id else []
        return *log(steps, wanted), gr.Button(visible=len(steps) == limit)

    def show_older(project_id: int, wanted: int | None, limit: int) -> tuple[Any, ...]:
        return limit + STEPS, *logged(project_id, wanted, limit + STEPS)

    def refresh(
        project_id: int, picked: Picked, typed: str, before: str, wanted: int | None, limit: int, *,
        merged: bool = False,
    ) -> tuple[Any, ...]:  # fmt: skip
        """What is chosen stays chosen, and what is written stays, as far as the labels are still there."""
        chosen, into = picked
        labels = services.labels.list(project_id) if project_id else []
        found = {label.id: label for label in labels}
        still = [key for key in chosen if key in found]
        # Labels that were clicked meanwhile are on their way here, and stay where nothing of the choice is gone.
        left = {"value": still} if merged or len(still) < len(chosen) else {}
        return (
            gr.Dropdown(choices=[(label.name, label.id) for label in labels], multiselect=True, **left),
            *narrowed(found, still, into, typed if still else before, before),
            *logged(project_id, wanted, limit),
        )

    def choose(project_id: int, chosen: Sequence[int], into: int | None, typed: str, before: str) -> tuple[Any, ...]:
        labels = services.labels.list(project_id) if project_id else []
        return narrowed({label.id: label for label in labels}, chosen, into, typed, before)

    def narrowed(
        found: Mapping[int, LabelView], chosen: Sequence[int], into: int | None, typed: str, before: str
    ) -> tuple[Any, ...]:
        into = into if into in chosen else next(iter(chosen), None)
        text = found[into].description if into in found else ""
        return (
            (tuple(chosen), into),
            gr.Dropdown(choices=[(found[key].name, key) for key in chosen if key in found], value=into),
            text if typed in ("", before) else typed,
            text,
            *counted(chosen, into),
        )

    def counted(chosen: Sequence[int], into: int | None) -> tuple[Any, ...]:
        sources = [key for key in chosen if key != into]
        if not sources:
            return "", gr.Button("Merge", interactive=False)
        found = services.lifecycle.impact(sources)
        title = f"Merge: relabel {found.documents_total:,} documents"
        return impact_html(found), gr.Button(title, interactive=True)

    def do_merge(
        project_id: int, picked: Picked, text: str, before: str, wanted: int | None, limit: int, author: str, count: int
    ) -> tuple[Any, ...]:  # fmt: skip
        chosen, into = picked
        if into is None:
            raise AppError("Choose the labels that become one, and the one that survives.")
        try:
            services.lifecycle.merge(chosen, into, text, author_name(author), opened=before)
        except StaleWrite as error:  # the survivor's own is shown as it is now; what was typed stays
            gr.Warning(html.escape(str(error)))
            return count, *refresh(project_id, picked, text, before, wanted, limit)
        gr.Info("Merged. The history can take it back.")
        return count + 1, *refresh(project_id, ((), None), "", before, wanted, limit, merged=True)

    def move(project_id: int, key: int | None, author: str, count: int, by: int) -> int:
        ids = [label.id for label in services.labels.list(require_project(project_id))]
        if key not in ids:
            raise AppError("Open a label in use in the table first.")
        place = ids.index(key)
        ids.insert(max(place + by, 0), ids.pop(place))
        services.lifecycle.order(ids, author_name(author))
        return count + 1

    def move_up(project_id: int, key: int | None, author: str, count: int) -> int:
        return move(project_id, key, author, count, -1)

    def move_down(project_id: int, key: int | None, author: str, count: int) -> int:
        return move(project_id, key, author, count, 1)

    def take_back(chosen: int | None, author: str, count: int) -> tuple[int, None]:
        if chosen is None:
            raise AppError("Choose a step to take back first.")
        services.lifecycle.undo(chosen, author_name(author))
        gr.Info("Taken back; labels and documents are as they were before that step.")
        return count + 1, None

    merged = [picked, survivor, wording, own, impact, merge]
    log_parts = [history, step, older]
    listed = [merging, *merged, *log_parts]
    chosen = [bar.project, picked, wording, own, wanted, limit]
    hidden = {"show_progress": "hidden"}
    # What is told of a choice comes behind what was asked before it.
    in_turn = {"concurrency_id": "merge", "concurrency_limit": 1}
    follow(bar, "labels", refresh, chosen, listed, **in_turn)
    on(changed.change, refresh, chosen, listed, **hidden, **in_turn)
    on([merging.input, survivor.input], choose, [bar.project, merging, survivor, wording, own], merged, **hidden,
       **in_turn)  # fmt: skip
    on(merge.click, do_merge, [*chosen, bar.author, changed], [changed, *listed], **in_turn)
    for button, handler in ((up, move_up), (down, move_down)):
        on(button.click, handler, [bar.project, editor.label_id, bar.author, changed], changed, **hidden)
    on(step.input, lambda key: key, step, wanted, **hidden)
    on(older.click, show_older, [bar.project, wanted, limit], [limit, *log_parts], **hidden, **in_turn)
    on(undo.click, take_back, [step, bar.author, changed], [changed, wanted])


def impact_html(found: Impact, *, learnt: bool = True) -> str:
    """What hangs on labels, in figures and in a sentence; `learnt` where the change is of what a model learnt."""
    figures = {"documents now": found.documents_total, "annotations ever": found.annotations}
    figures |= {"predictions": found.predictions, "models": len(found.models)}
    splits = ", ".join(f"{number:,} {split}" for split, number in found.documents.items()) or "none"
    active = f" {found.active} answers now; 'Model versions' will list the change." if found.active and learnt else ""
    return markup.facts({name: f"{number:,}" for name, number in figures.items()}) + markup.note(
        f"Documents with {', '.join(found.names)}: {splits}.{active} Nothing is deleted, and undo takes it back.",
        "plain",
    )


def log(steps: list[Step], wanted: int | None) -> tuple[Any, ...]:
    """The table of steps, and the ones to choose from for undo; the wanted one stays, and no other takes its place."""
    rows = [
        markup.Row(
            [step.summary, step.author, markup.moment(step.created_at)],
            kind="lg-abstained" if step.undone else "",
        )
        for step in steps
    ]
    open_steps = [(step.summary, step.id) for step in steps if not step.undone and step.operation != "undone"]
    if wanted in {step.id for step in steps}:
        shown = wanted if wanted in {key for _, key in open_steps} else None
    else:
        shown = open_steps[0][1] if open_steps else None
    return (
        markup.table(("Step", "By", "When (UTC)"), rows, empty=NO_STEPS),
        gr.Dropdown(choices=open_steps, value=shown),
    )
