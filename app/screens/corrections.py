"""What reviewers corrected about a label, grouped, and the wordings that it suggests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup, wording
from app.components.events import MEASURING, on
from app.components.project_bar import author_name, follow, require_project
from app.errors import AppError
from app.screens.label_refine import at_most, spent
from lagamc.descriptions.corrections import MOST_CLUSTERS
from lagamc.descriptions.diff import word_diff
from lagamc.descriptions.refine import Budget
from lagamc.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_refine import ChatConnection
    from app.services.corrections import ClusterView

__all__ = ["build"]

NO_CORRECTIONS = "No reviewer has corrected a prediction yet. Review some documents first."
HEADERS = ("Corrections", "Terms", "Typical documents", "Proposed wording")
CHOOSE = "Choose a label above to see what its corrections have in common."
SAID = {"missed": "the model missed it", "rejected": "the model was wrong to give it"}
SENT = (
    "The wordings are by terms until you ask a chat model, the one typed under Drafts, 'Refine with a chat model'. "
    "Then the prompts go to its address as you see them here, with your changes: the label, its description, that of "
    "the project, the terms, and typical documents of yours."
)
LATE = "The chat model's wordings are of a label that is not open here any more, so they are not shown."
PROMPTS = 2 * MOST_CLUSTERS  # as many groups as there can be of both kinds


def build(services: Services, bar: ProjectBar, connection: ChatConnection, chosen: gr.State, made: gr.State) -> None:
    """Lay out the panel; opening a draft shows the label in the editor by way of `chosen`, and raises `made`."""
    label = gr.State(None)
    found = gr.State(())
    answer = gr.State(None)  # what a chat model made of the clusters of a label, as (label id, found, clusters, told)
    overview = markup.clickable("corrected-labels")
    clusters = markup.clickable("correction-clusters")
    with gr.Column(visible=False) as question:
        gr.HTML(markup.note(SENT, "plain"))
        with gr.Accordion("The prompts, exactly as they will be sent", open=False, elem_id="correction-prompts"):
            prompts = [gr.Textbox("", lines=8, max_lines=20, visible=False) for _ in range(PROMPTS)]
        estimate = gr.HTML(elem_id="correction-estimate")
        with gr.Row():
            ask = gr.Button("Ask the chat model", size="sm", scale=0, min_width=180, elem_id="correction-ask")
    told = gr.HTML(elem_id="correction-told")

    def refresh(project_id: int) -> str:
        rows = services.corrections.overview(project_id) if project_id else []
        body = [markup.Row([one.name, one.missed, one.rejected], key=one.label_id) for one in rows]
        table = markup.table(("Label", "Missed", "Wrongly given"), body, empty=NO_CORRECTIONS, numeric=(1, 2))
        return table + (markup.note(CHOOSE, "plain") if rows else "")

    def reset() -> tuple[Any, ...]:
        return None, (), "", gr.Column(visible=False), ""

    def estimated(groups: tuple[ClusterView, ...], *values: Any) -> str:
        if not groups:
            return ""
        try:
            settings, _ = connection.read(*values[PROMPTS:])
        except ConfigError as error:
            return markup.note(error, "plain")
        calls = [settings.worst(text) for text in values[: len(groups)]]
        cost = sum(call.cost or 0.0 for call in calls) if settings.priced else None
        return markup.note(at_most(len(calls), sum(call.tokens for call in calls), cost), "plain")

    def description(project_id: int, key: int) -> str:
        label = services.labels.get(key)
        if label.retired or label.project_id != require_project(project_id):
            raise AppError("That label is not in use any more. Reload the page.")
        return label.description

    def show(project_id: int, event: gr.EventData) -> tuple[Any, ...]:
        key = int(event.key)
        present = description(project_id, key)
        groups = services.corrections.clusters(key)
        shown = gr.Column(visible=bool(groups))
        return key, tuple(groups), _table(groups, present), shown, "", *_prompts(groups)

    def reword(project_id: int, key: int | None, groups: tuple[ClusterView, ...], *values: Any) -> tuple[Any, ...]:
        """With the prompts as they stand in their boxes; another label may be chosen before the answer comes."""
        if key is None:
            raise AppError("Choose a label first.")
        settings, _ = connection.read(*values[PROMPTS:])
        present, budget = description(project_id, key), Budget()
        sent = [replace(group, prompt=text) for group, text in zip(groups, values, strict=False)]
        found, error = services.corrections.ask(key, sent, settings=settings, budget=budget)
        remark = markup.note(spent(budget, settings), "done") if budget.tokens else ""
        return key, tuple(found), _table(found, present), remark + markup.note(error or "", "error")

    def take(key: int | None, answer: tuple[Any, ...]) -> Any:
        of, *shown = answer
        if key == of:
            return shown
        gr.Warning(LATE)
        return gr.skip()

    def draft(key: int | None, groups: tuple[Any, ...], author: str, count: int, event: gr.EventData) -> Any:
        if key is None:
            raise AppError("Choose a label first.")
        services.corrections.open_draft(key, groups[int(event.key)], author_name(author))
        gr.Info("Opened as a draft; accept or change it under Drafts.")
        return key, count + 1

    panel = [label, found, clusters, question, told]
    follow(bar, "labels", refresh, [bar.project], overview)
    on(overview.select, show, bar.project, [*panel, *prompts], **MEASURING)
    for turn in ({}, MEASURING):  # at once, and again behind an answer that is on its way
        on(bar.project.change, reset, None, panel, show_progress="hidden", **turn)
    asked = [found, *prompts, *connection.fields]
    on([box.change for box in asked], estimated, asked, estimate, show_progress="hidden", trigger_mode="multiple",
       concurrency_limit=1)  # fmt: skip
    answered = on(ask.click, reword, [bar.project, label, *asked], answer, show_progress_on=told)
    on(answered.success, take, [label, answer], [found, clusters, told], show_progress="hidden")
    on(clusters.select, draft, [label, found, bar.author, made], [chosen, made])


def _prompts(groups: Sequence[ClusterView]) -> list[gr.Textbox]:
    """The boxes of the prompts, one a group; the others are hidden."""
    shown = [
        gr.Textbox(value=group.prompt, label=f"{group.size}: {SAID[group.kind]}", visible=True) for group in groups
    ]
    return shown + [gr.Textbox(value="", visible=False)] * (PROMPTS - len(groups))


def _table(groups: Sequence[ClusterView], description: str) -> str:
    rows = []
    for place, group in enumerate(groups):
        quoted = Markup("").join(Markup("<p><b>{}</b> {}</p>").format(key, text[:200]) for key, text in group.examples)
        proposal: object = markup.NOTHING
        if group.proposal is not None:
            proposal = wording.difference(word_diff(description, group.proposal))
            by = group.answered.get("answered_by", "terms")
            proposal += Markup('<span class="lg-fixed">By {}. Click to open as a draft</span>').format(by)
        rows.append(
            markup.Row(
                [f"{group.size}: {SAID[group.kind]}", ", ".join(group.terms) or markup.NOTHING, quoted, proposal],
                key=None if group.proposal is None else place,
            )
        )
    return markup.table(HEADERS, rows, empty="Nobody has corrected this label.")
