"""The import panel of the Projects screen: a file, its first rows, the columns to take, and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.mapping_form import mapping_form
from app.components.project_bar import ProjectBar, author_name, require_project
from app.errors import AppError
from app.screens import import_history
from lagamc.errors import DatasetError, few

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.container import Services
    from app.services.imports import ImportReport

__all__ = ["build"]

MAX_REFUSALS_SHOWN = 100


def build(services: Services, bar: ProjectBar) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Lay out the panel and the list under it; return the events that follow an import, and one taken back."""
    with gr.Accordion("Import documents", open=True, elem_id="import-panel"):
        file = gr.File(
            label="CSV, TSV or JSON lines (.gz), UTF-8, up to 200 MB",
            height=150,
            elem_id="import-file",
        )
        form = mapping_form(with_labels=True)
        unknown = gr.HTML(elem_id="unknown-labels")
        create_labels = gr.Checkbox(label="Create the labels that the project lacks", visible=False)
        start = gr.Button("Import", variant="primary", visible=False, elem_id="import-start")
        report = gr.HTML(elem_id="import-report")

    def preview(project_id: int, path: str | None) -> list[Any]:
        if path is None:
            return [*form.hide(), gr.Button(visible=False), ""]
        try:
            found = services.imports.preview(Path(path), require_project(project_id))
        except DatasetError as error:  # stays in sight as long as the file does
            return [*form.hide(), gr.Button(visible=False), markup.note(error, "error")]
        return [*form.show(found), gr.Button(visible=True), ""]

    def name_unknown(project_id: int, path: str | None, before: str, *columns: str) -> tuple[Any, Any]:
        if path is None or not project_id or not columns[0]:
            return "", gr.Checkbox(visible=False, value=False)
        told = _unknown(services.imports.unknown_labels(project_id, Path(path), form.read(*columns)))
        ticked = {} if told == before else {"value": False}  # the tick was for the labels that are named
        return told, gr.Checkbox(visible=bool(told), **ticked)

    def run(
        project_id: int,
        path: str | None,
        author: str,
        create: bool,
        *columns: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (the way Gradio injects it)
    ) -> list[Any]:
        if path is None:
            raise AppError("Choose a file first.")
        done = services.imports.run(
            project_id,
            Path(path),
            form.read(*columns),
            author_name(author),
            create_labels=create,
            progress=lambda rows, total: progress((rows, total), unit="rows"),
        )
        told = _report(done, services.projects.get(project_id).name)
        cleared = [None, *form.hide(), gr.Button(visible=False), "", gr.Checkbox(visible=False, value=False)]
        if not create and services.imports.unknown_labels(project_id, Path(path), form.read(*columns)):
            return [told, *(gr.skip() for _ in cleared)]  # the file stays, for the labels may still be created
        return [told, *cleared]

    chosen = on(file.upload, preview, [bar.project, file], [*form.outputs, start, report])
    on(file.clear, preview, [bar.project, file], [*form.outputs, start, report])
    for event in (chosen.success, bar.project.change, *(column.input for column in form.inputs)):
        on(
            event,
            name_unknown,
            [bar.project, file, unknown, *form.inputs],
            [unknown, create_labels],
            show_progress="hidden",
        )
    on(bar.project.change, lambda: "", None, report, show_progress="hidden")
    imported = on(
        start.click,
        run,
        [bar.project, file, bar.author, create_labels, *form.inputs],
        [report, file, *form.outputs, start, unknown, create_labels],
        show_progress_on=report,
    )
    taken_back = import_history.build(services, bar, imported.success)
    on(taken_back, lambda: "", None, report, show_progress="hidden")
    return imported.success, taken_back


def _unknown(names: list[str]) -> str:
    if not names:
        return ""
    named = few([f"'{name}'" for name in names])
    return markup.note(
        f"The project has no label named {named}. Rows that use them are refused unless you have them created; "
        "new labels then need descriptions before training.",
        "warning",
    )


def _report(report: ImportReport, project: str) -> str:
    figures = {"taken": report.taken}
    if report.labelled:
        figures["earlier ones labelled"] = report.labelled
    figures |= {"duplicates": report.duplicates, "refused": len(report.refused)}
    parts = [markup.note(f"Imported into '{project}'.", "plain")]
    parts.append(markup.facts({name: f"{number:,}" for name, number in figures.items()}))
    if report.created_labels:
        parts.append(markup.note(f"Created, and still to be described: {few(report.created_labels)}.", "warning"))
    if report.refused:
        rows = (markup.Row([refusal.line, refusal.reason]) for refusal in report.refused[:MAX_REFUSALS_SHOWN])
        parts.append(markup.table(("Line", "Why it was refused"), rows, empty=""))
    if (hidden := len(report.refused) - MAX_REFUSALS_SHOWN) > 0:
        parts.append(markup.note(f"{hidden:,} more refused lines are not listed."))
    return "".join(parts)
