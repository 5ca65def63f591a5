"""The file part of the Classify screen: a background job with progress and two downloads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.mapping_form import mapping_form
from app.components.project_bar import ProjectBar, require_project
from app.errors import AppError

if TYPE_CHECKING:
    from app.container import Services
    from app.services.classification import FileJobView

__all__ = ["build"]

POLL_SECONDS = 1.0


def build(services: Services, bar: ProjectBar, own_threshold: gr.State) -> None:
    """Lay out the upload, the column mapping, the job's progress and its downloads."""
    job = gr.State(None)
    file = gr.File(
        label="CSV or JSON lines, plain or gzipped, UTF-8, at most 200 MB",
        height=150,
        elem_id="classify-file",
    )
    form = mapping_form(with_labels=False)
    with gr.Row():
        start = gr.Button("Classify the file", variant="primary", interactive=False, elem_id="file-start")
        cancel = gr.Button("Cancel", visible=False)
    status = gr.HTML(elem_id="file-status")
    with gr.Row(visible=False) as downloads:
        as_csv = gr.DownloadButton("Download CSV", size="sm", elem_id="download-csv")
        as_jsonl = gr.DownloadButton("Download JSONL", size="sm", elem_id="download-jsonl")
    timer = gr.Timer(POLL_SECONDS, active=False)
    live = [status, cancel, downloads, as_csv, as_jsonl, timer]

    def preview(path: str | None) -> list[Any]:
        if path is None:
            return [*form.hide(), gr.Button(interactive=False)]
        return [*form.show(services.imports.preview(Path(path))), gr.Button(interactive=True)]

    def run(project_id: int, path: str | None, own: float | None, *columns: str) -> tuple[Any, ...]:
        if path is None:
            raise AppError("Choose a file first.")
        job_id = services.classification.classify_file(
            require_project(project_id), Path(path), form.read(*columns), threshold=own
        )
        return job_id, *poll(job_id)

    def poll(job_id: str) -> tuple[Any, ...]:
        view = services.classification.file_job(job_id)
        running = view.status == "running"
        return (
            _status(view),
            gr.Button(visible=running),
            gr.Row(visible=view.csv_path is not None),
            gr.DownloadButton(value=view.csv_path),
            gr.DownloadButton(value=view.jsonl_path),
            gr.Timer(active=running),
        )

    def stop(job_id: str) -> tuple[Any, ...]:
        services.classification.cancel_file_job(job_id)
        return poll(job_id)

    for event in (file.upload, file.clear):
        on(event, preview, file, [*form.outputs, start])
    on(
        start.click,
        run,
        [bar.project, file, own_threshold, *form.inputs],
        [job, *live],
        show_progress_on=status,
    )
    on(timer.tick, poll, job, live, queue=False, show_progress="hidden")
    on(cancel.click, stop, job, live)


def _status(view: FileJobView) -> str:
    if view.error:
        return markup.note(view.error, "error")
    if view.total is None:
        return markup.note("Reading the file.")
    share = view.done / view.total if view.total else 1.0
    text = markup.progress_bar(share, f"{view.status} · {view.done:,} of {view.total:,} documents")
    if refused := len(view.refused):
        rows = (markup.Row([refusal.line, refusal.reason]) for refusal in view.refused[:20])
        text += markup.note(f"{refused:,} lines were not classified; the first are listed.", "warning")
        text += markup.table(("Line", "Why"), rows, empty="")
    return text
