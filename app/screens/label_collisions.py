"""Collisions: a heat map of the closest descriptions, and every label's nearest rival."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
from markupsafe import Markup

from app.components import markup, wording
from app.components.events import MEASURING, on
from app.components.project_bar import NO_PROJECT

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor
    from app.services.studio import CollisionView
    from app.services.what_if import Confused

__all__ = ["build"]

MAPPED = 40  # labels in the heat map and in the table at a time
TOO_FEW = "Describe two labels at least; then their descriptions are compared here."
UNKNOWN = "not prepared"
OUTDATED = "Labels or descriptions have changed since this was compared. Compare again."
HELP = "Descriptions that are too alike get each other's documents. Select a row to open its label."


def build(services: Services, bar: ProjectBar, editor: LabelEditor, chosen: gr.State, changed: gr.State) -> None:
    """Lay out the panel; a click on a rival puts its label's id into `chosen`."""
    gr.HTML(markup.note(HELP, "plain"))
    with gr.Row():
        refresh = gr.Button(
            "Compare all descriptions",
            variant="primary",
            size="sm",
            scale=0,
            min_width=200,
            elem_id="collisions-refresh",
        )
    summary = gr.HTML(elem_id="collisions-summary")
    compared = gr.State(None)
    first = gr.State(0)  # place of the first label in the map
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            heat = gr.HTML(elem_id="collisions-map")
            with gr.Row(visible=False) as pages:
                nearer = gr.Button("Nearer rivals", size="sm", elem_id="collisions-nearer")
                farther = gr.Button("Farther rivals", size="sm", elem_id="collisions-farther")
        with gr.Column(scale=4, min_width=320):
            rivals = markup.clickable("collisions-table")

    def show(project_id: int) -> tuple[Any, ...]:
        view = services.studio.collisions(project_id) if project_id else None
        if view is None:
            return markup.note(TOO_FEW if project_id else NO_PROJECT), None, *mapped(None, 0)
        return _summary(view), view, *mapped(view, 0)

    def mapped(view: CollisionView | None, place: int) -> tuple[Any, ...]:
        if view is None:
            return 0, "", "", gr.Row(visible=False), gr.skip(), gr.skip()
        total = len(view.names)
        return (
            place,
            _map(view, place),
            _table(view, place),
            gr.Row(visible=total > MAPPED),
            gr.Button(interactive=place > 0),
            gr.Button(interactive=place + MAPPED < total),
        )

    def age(project_id: int, view: CollisionView | None) -> Any:
        if view is None or not services.studio.outdated(project_id, view):
            return gr.skip()
        return markup.note(OUTDATED, "warning")

    def open_label(event: gr.EventData) -> int:
        return int(event.key)

    paged = [first, heat, rivals, pages, nearer, farther]
    shown = [summary, compared, *paged]
    on(refresh.click, show, bar.project, shown, show_progress_on=summary, **MEASURING)
    for turn in ({}, MEASURING):  # at once, and again behind an answer that is on its way
        on(bar.project.change, lambda: ("", None, *mapped(None, 0)), None, shown, show_progress="hidden", **turn)
    on(nearer.click, lambda view, place: mapped(view, place - MAPPED), [compared, first], paged, show_progress_on=heat)
    on(farther.click, lambda view, place: mapped(view, place + MAPPED), [compared, first], paged, show_progress_on=heat)
    on(rivals.select, open_label, None, chosen, show_progress="hidden")
    for event in (editor.version.change, editor.loaded.change, changed.change):
        on(event, age, [bar.project, compared], summary, show_progress="hidden")


def _summary(view: CollisionView) -> str:
    close = sum(row.cosine >= view.threshold for row in view.rows)
    text = (
        f"{close} of {len(view.names)} descriptions have a rival at the threshold of {view.threshold:.2f} or nearer, "
        f"measured by {view.measured_by}."
    )
    return markup.note(text, "warning" if close else "done")


def _page(view: CollisionView, first: int) -> list[str]:
    """Labels from a place on, those with the nearest rivals first and pairs side by side."""
    order = dict.fromkeys(name for row in view.rows for name in (row.label, row.rival))
    return list(order)[first : first + MAPPED]


def _map(view: CollisionView, first: int) -> str:
    places = {name: place for place, name in enumerate(view.names)}
    shown = _page(view, first)
    columns = [places[name] for name in shown]
    text = wording.heat_map(shown, view.cosines[columns][:, columns].tolist(), threshold=view.threshold)
    if len(shown) < len(view.names):
        text += markup.note(
            f"Labels {first + 1} to {first + len(shown)} of {len(view.names):,}, nearest first.", "plain"
        )
    return text


def _table(view: CollisionView, first: int) -> str:
    """A row for each label of the map, with its rival, which may stand on another page."""
    shown = set(_page(view, first))
    rows = (
        markup.Row(
            [row.label, row.rival, markup.score(row.cosine), _confused(row.confused)],
            kind="lg-warning" if row.cosine >= view.threshold else "",
            key=row.label_id,
        )
        for row in view.rows
        if row.label in shown
    )
    return markup.table(
        ("Label", "Nearest rival", "Cosine", "Carry the label, matched to the rival"), rows, empty="", numeric=(2,)
    )


def _confused(found: Confused | None) -> Markup | str:
    if found is None:
        return UNKNOWN
    lines = [Markup("{:,}").format(found.total)]
    lines += [Markup("<b>{}</b> {}").format(name, excerpt) for name, excerpt in found.first]
    if more := found.total - len(found.first):
        lines.append(Markup("and {:,} more").format(more))
    return Markup("<br>").join(lines)
