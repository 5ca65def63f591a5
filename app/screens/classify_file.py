"""The file part of the Classify screen: background jobs that outlive the page, with progress and downloads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.mapping_form import mapping_form
from app.components.project_bar import ProjectBar, follow, require_project
from app.errors import AppError
from lagamc.errors import DatasetError

if TYPE_CHECKING:
    from app.container import Services
    from app.services.classification import FileJob

__all__ = ["build"]

POLL_SECONDS = 1.0


def build(services: Services, bar: ProjectBar, own_threshold: gr.State) -> None:
    """Lay out the upload, the column mapping, the job on show, and the jobs so far.

    Of the data folder the results alone are served, from where they lie: else Gradio would hash and copy both files for
    every visit, while all other visitors wait.
    """
    gr.set_static_paths(services.settings.data_folder / "classified")
    job = gr.State(None)  # id of the job on show
    file = gr.File(
        label="CSV, TSV or JSON lines (.gz), UTF-8, up to 200 MB",
        height=150,
        elem_id="classify-file",
    )
    refused = gr.HTML(elem_id="file-refused")
    by_hand = gr.HTML(elem_id="file-threshold")
    form = mapping_form(with_labels=False)
    with gr.Row():
        start = gr.Button("Classify the file", variant="primary", interactive=False, elem_id="file-start")
        cancel = gr.Button("Cancel", visible=False, elem_id="file-cancel")
        resume = gr.Button("Resume", visible=False, elem_id="file-resume")
    status = gr.HTML(elem_id="file-status")
    with gr.Row(visible=False) as downloads:
        as_csv = gr.DownloadButton("Download CSV", size="sm", elem_id="download-csv")
        as_jsonl = gr.DownloadButton("Download JSONL", size="sm", elem_id="download-jsonl")
    jobs = markup.clickable("file-jobs")
    timer = gr.Timer(POLL_SECONDS, active=False)
    live = [status, cancel, resume, downloads, as_csv, as_jsonl, timer, jobs]

    def preview(path: str | None) -> list[Any]:
        if path is None:
            return [*form.hide(), gr.Button(interactive=False), ""]
        try:
            found = services.imports.preview(Path(path))
        except DatasetError as error:  # stays in sight as long as the file does
            return [*form.hide(), gr.Button(interactive=False), markup.note(error, "error")]
        return [*form.show(found), gr.Button(interactive=True), ""]

    def run(project_id: int, path: str | None, own: float | None, *columns: str) -> tuple[Any, ...]:
        if path is None:
            raise AppError("Choose a file first.")
        job_id = services.classification.classify_file(
            require_project(project_id), Path(path), form.read(*columns), threshold=own
        )
        return job_id, *show(job_id)

    def show(job_id: str | None) -> tuple[Any, ...]:
        if job_id is None:
            hidden = gr.Button(visible=False)
            return "", hidden, hidden, gr.Row(visible=False), gr.skip(), gr.skip(), gr.Timer(active=False), ""
        found = services.classification.file_job(job_id)
        return (
            _status(found),
            gr.Button(visible=found.status == "running"),
            gr.Button(visible=found.resumable),
            gr.Row(visible=found.downloadable),
            gr.DownloadButton(value=found.csv_path if found.downloadable else None),
            gr.DownloadButton(value=found.jsonl_path if found.downloadable else None),
            gr.Timer(active=found.status == "running"),
            _jobs(services.classification.file_jobs(found.project_id), job_id),
        )

    def enter(project_id: int, job_id: str | None) -> tuple[Any, ...]:
        """The job on show stays; of another project the newest is shown, which a colleague may have started."""
        found = services.classification.file_jobs(project_id) if project_id else []
        if job_id not in [job.id for job in found]:
            job_id = found[0].id if found else None
        return job_id, *show(job_id)

    def poll(project_id: int, job_id: str | None) -> tuple[Any, ...]:
        """What goes on. A file that was started while another project was being opened gives way to that one's."""
        if job_id is not None and services.classification.file_job(job_id).project_id != project_id:
            return enter(project_id, None)
        return gr.skip(), *show(job_id)

    def select(event: gr.EventData) -> tuple[Any, ...]:
        return event.key, *show(event.key)

    def stop(job_id: str) -> tuple[Any, ...]:
        services.classification.cancel_file_job(job_id)
        return show(job_id)

    def go_on(job_id: str) -> tuple[Any, ...]:
        services.classification.resume_file_job(job_id)
        return show(job_id)

    for event in (file.upload, file.clear):
        on(event, preview, file, [*form.outputs, start, refused])
    on(
        start.click,
        run,
        [bar.project, file, own_threshold, *form.inputs],
        [job, *live],
        show_progress_on=status,
    )
    follow(bar, "classify", enter, [bar.project, job], [job, *live])
    on(own_threshold.change, _by_hand, own_threshold, by_hand, show_progress="hidden")
    on(jobs.select, select, None, [job, *live], show_progress="hidden")
    on(timer.tick, poll, [bar.project, job], [job, *live], queue=False, show_progress="hidden")
    on(cancel.click, stop, job, live)
    on(resume.click, go_on, job, live)


def _by_hand(threshold: float | None) -> str:
    if threshold is None:
        return ""
    return markup.note(
        f"Files are decided at {threshold:.2f}, where you moved the slider, not at the model's threshold.", "warning"
    )


def _status(job: FileJob) -> str:
    if job.error:
        return markup.note(job.error, "error")
    if job.total is None:
        return markup.note("Reading the file.")
    share = job.done / job.total if job.total else 1.0
    done = f"{job.name} · {job.status} · {job.done:,} of {job.total:,} documents"
    if job.threshold is not None:
        done += f" · threshold {job.threshold:.2f}, set by hand"
    text = markup.progress_bar(share, done)
    if job.refused:
        rows = (markup.Row([refusal.line, refusal.reason]) for refusal in job.refusals)
        listed = " The first are listed." if job.refused > len(job.refusals) else ""
        text += markup.note(f"Lines that were not classified: {job.refused:,}.{listed}", "warning")
        text += markup.table(("Line", "Why"), rows, empty="")
    return text


def _jobs(jobs: Sequence[FileJob], shown: str) -> str:
    rows = (
        markup.Row(
            [job.name, job.status, f"{job.done:,}", job.model_name, markup.moment(job.started_at)],
            kind=markup.CHOSEN if job.id == shown else "",
            key=job.id,
        )
        for job in jobs
    )
    return markup.table(("File", "Status", "Done", "Model", "When (UTC)"), rows, empty="", numeric=(2,))
