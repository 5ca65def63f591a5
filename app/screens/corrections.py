"""What reviewers corrected about a label, grouped, and the wordings that it suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup, wording
from app.components.events import INFERENCE, on
from app.components.project_bar import author_name, follow, require_project
from app.errors import AppError
from lagamc.descriptions.diff import word_diff

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.services.corrections import ClusterView

__all__ = ["build"]

NO_CORRECTIONS = "No reviewer has corrected a prediction yet. Review some documents first."
HEADERS = ("Corrections", "Terms", "Typical documents", "Wording by terms")
CHOOSE = "Choose a label above to see what its corrections have in common."
SAID = {"missed": "the model missed it", "rejected": "the model was wrong to give it"}


def build(services: Services, bar: ProjectBar, chosen: gr.State, changed: gr.State) -> None:
    """Lay out the panel; opening a draft shows the label in the editor by way of `chosen`."""
    label = gr.State(None)
    found = gr.State(())
    overview = markup.clickable("corrected-labels")
    clusters = markup.clickable("correction-clusters")

    def refresh(project_id: int) -> tuple[Any, ...]:
        rows = services.corrections.overview(project_id) if project_id else []
        body = [markup.Row([one.name, one.missed, one.rejected], key=one.label_id) for one in rows]
        table = markup.table(("Label", "Missed", "Wrongly given"), body, empty=NO_CORRECTIONS, numeric=(1, 2))
        return table, None, (), markup.note(CHOOSE, "plain") if rows else ""

    def show(project_id: int, event: gr.EventData) -> tuple[Any, ...]:
        key = int(event.key)
        label_view = next((one for one in services.labels.list(require_project(project_id)) if one.id == key), None)
        if label_view is None:
            raise AppError("That label is not in use any more. Reload the page.")
        groups = services.corrections.clusters(key)
        return key, tuple(groups), _table(groups, label_view.description)

    def draft(key: int | None, groups: tuple[Any, ...], author: str, count: int, event: gr.EventData) -> Any:
        if key is None:
            raise AppError("Choose a label first.")
        services.corrections.open_draft(key, groups[int(event.key)], author_name(author))
        gr.Info("Opened as a draft; accept or change it under Drafts.")
        return key, count + 1

    follow(bar, "labels", refresh, [bar.project], [overview, label, found, clusters])
    on(overview.select, show, bar.project, [label, found, clusters], **INFERENCE)
    on(clusters.select, draft, [label, found, bar.author, changed], [chosen, changed])


def _table(groups: list[ClusterView], description: str) -> str:
    rows = []
    for place, group in enumerate(groups):
        quoted = Markup("").join(Markup("<p><b>{}</b> {}</p>").format(key, text[:200]) for key, text in group.examples)
        proposal: object = markup.NOTHING
        if group.proposal is not None:
            proposal = wording.difference(word_diff(description, group.proposal))
            proposal += Markup('<span class="lg-fixed">Click to open as a draft</span>')
        rows.append(
            markup.Row(
                [f"{group.size}: {SAID[group.kind]}", ", ".join(group.terms) or markup.NOTHING, quoted, proposal],
                key=None if group.proposal is None else place,
            )
        )
    return markup.table(HEADERS, rows, empty="Nobody has corrected this label.")
