"""Label sets exported, and imported from a file or another project after a look at every change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from markupsafe import Markup

from app.components import markup, wording
from app.components.events import on
from app.components.project_bar import author_name, follow, require_project
from app.errors import AppError
from lagamc.descriptions.diff import word_diff
from lagamc.descriptions.exchange import FIELDS
from lagamc.errors import LabelError

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from lagamc.descriptions.exchange import Difference, LabelRecord

__all__ = ["build"]

FORMS = {"csv": "CSV", "json": "JSON, everything", "mapping": "{label: description}"}
SAID = {"added": "new", "changed": "changes", "missing": "not in it: retire"}


def build(services: Services, bar: ProjectBar, changed: gr.State) -> None:
    """Lay out the panel; an import raises the number in `changed`."""
    compared = gr.State(None)  # the differences on show
    with gr.Row():
        with gr.Column(scale=1, min_width=240):
            gr.HTML("<h2>Export</h2>", elem_classes="lg-heading")
            form = gr.Radio([(title, key) for key, title in FORMS.items()], value="csv", label="Form")
            export = gr.Button("Make the file", size="sm", elem_id="labels-export")
            file_out = gr.File(label="Label set", visible=False, elem_id="labels-exported")
        with gr.Column(scale=2, min_width=300):
            gr.HTML("<h2>Import</h2>", elem_classes="lg-heading")
            file_in = gr.File(label="CSV or JSON", file_types=[".csv", ".json"], elem_id="labels-file", height=120)
            other = gr.Dropdown([], label="or the labels of another project", elem_id="labels-project")
    comparison = gr.HTML(elem_id="labels-comparison")
    chosen = gr.CheckboxGroup([], label="Take", visible=False, elem_id="labels-chosen")
    take = gr.Button("Take the chosen ones", variant="primary", size="sm", visible=False, elem_id="labels-take")

    def refresh(project_id: int) -> Any:
        others = [(one.name, one.id) for one in services.projects.list() if one.id != project_id]
        return gr.Dropdown(choices=others, value=None)

    def make(project_id: int, kind: str) -> Any:
        made = services.exchange.export(require_project(project_id), kind)
        path = save_bytes_to_cache(made.text.encode(), made.file_name, file_out.GRADIO_CACHE)
        return gr.File(value=path, visible=True)

    def from_file(project_id: int, path: str | None) -> tuple[Any, ...]:
        """What is compared comes from one place: the project beside is chosen no more."""
        if path is None:
            return *nothing(), None
        try:
            records = services.exchange.read(Path(path))
        except (AppError, LabelError) as error:  # stays in sight as long as the file does
            return *nothing(markup.note(error, "error")), None
        return *show(project_id, records), None

    def from_project(project_id: int, source: int) -> tuple[Any, ...]:
        """Likewise the file is taken out."""
        return *show(project_id, services.exchange.records(source)), None

    def show(project_id: int, records: list[LabelRecord]) -> tuple[Any, ...]:
        found = services.exchange.compare(require_project(project_id), records)
        offered = [(f"{one.name} ({SAID[one.kind]})", one.name) for one in found if one.kind in SAID]
        first = [one.name for one in found if one.kind in ("added", "changed")]
        return (
            found,
            _comparison(found),
            gr.CheckboxGroup(choices=offered, value=first, visible=bool(offered)),
            gr.Button(visible=bool(offered)),
        )

    def do_take(
        project_id: int, found: list[Difference] | None, names: list[str], author: str, count: int
    ) -> tuple[Any, ...]:
        if found is None:
            raise AppError("Choose a file or a project first.")
        added, altered, retired = services.exchange.take(require_project(project_id), found, names, author_name(author))
        gr.Info(f"{added} added, {altered} changed, {retired} retired. The history can take it back.")
        return count + 1, *show(project_id, [one.after for one in found if one.after is not None])

    def nothing(said: str = "") -> tuple[Any, ...]:
        return None, said, gr.CheckboxGroup(choices=[], value=[], visible=False), gr.Button(visible=False)

    def opened() -> tuple[Any, ...]:
        return *nothing(), None, gr.File(value=None, visible=False)

    shown = [compared, comparison, chosen, take]
    follow(bar, "labels", refresh, [bar.project], other)
    on(export.click, make, [bar.project, form], file_out)
    on(bar.project.change, opened, None, [*shown, file_in, file_out], show_progress="hidden")
    on([file_in.upload, file_in.clear], from_file, [bar.project, file_in], [*shown, other])
    on(other.input, from_project, [bar.project, other], [*shown, file_in])
    on(take.click, do_take, [bar.project, compared, chosen, bar.author, changed], [changed, *shown])


def _comparison(found: list[Difference]) -> str:
    kinds = [one.kind for one in found]
    figures = {kind: f"{kinds.count(kind):,}" for kind in ("added", "changed", "unchanged", "missing")}
    rows = [markup.Row([one.name, one.kind, _wordings(one), _changes(one)]) for one in found if one.kind != "unchanged"]
    headers = ("Label", "Is", "Description", "What changes")
    return markup.facts(figures) + markup.table(headers, rows, empty="Nothing differs from the labels in use.")


def _changes(one: Difference) -> Markup:
    """What every field was and becomes; of a new label those that say something."""
    if one.after is None:
        return Markup("")
    names = one.fields if one.before else [name for name in FIELDS if name != "name" and getattr(one.after, name)]
    return Markup("<br>").join(
        Markup("<b>{}</b> {} → {}").format(
            name.replace("_", " "), _said(one.before and getattr(one.before, name)), _said(getattr(one.after, name))
        )
        for name in names
        if name != "description"  # its words are compared beside
    )


def _said(value: str | tuple[str, ...] | None) -> str:
    return (value if isinstance(value, str) else " | ".join(value or ())) or markup.NOTHING


def _wordings(one: Difference) -> object:
    before = (one.before and one.before.description) or ""
    if one.after is None or one.after.description is None:
        return before
    return wording.difference(word_diff(before, one.after.description))
