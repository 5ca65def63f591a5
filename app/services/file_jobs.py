"""A file of documents classified in the background; a job is a folder, and can be stopped and gone on with."""

from __future__ import annotations

import itertools
import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.errors import AppError
from app.services.file_job_record import FileJob, read_jobs
from app.services.spreadsheet import write_csv
from lagamc.errors import Cancelled, LagamcError
from lagamc.output import ResumableOutput
from lagamc.readers import ColumnMapping, Refusal, Row, read_rows

__all__ = ["ClassifyStream", "FileJobs"]

logger = logging.getLogger(__name__)

SHOWN_REFUSALS = 20
FORMATS = {".csv", ".tsv", ".jsonl", ".ndjson", ".gz"}

ClassifyStream = Callable[
    [Iterable[str], Callable[[int], None], Callable[[], bool]], Iterator[tuple[list[str], list[dict[str, Any]]]]
]
"""(texts, told of documents done, asked whether to stop) > for each text its labels and its sentences."""


class FileJobs:
    """The jobs of a data folder, one thread each while they run. One that ends with the app can be resumed.

    `project_key` gives for the id of a project what no project of another database has: the folder may hold jobs of
    one.
    """

    def __init__(self, folder: Path, project_key: Callable[[int], str]) -> None:
        self._folder = folder
        self._project_key = project_key
        self._jobs = {job.id: job for job in read_jobs(folder)}
        self._cancelled: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        self._closing = False

    def start(
        self,
        path: Path,
        mapping: ColumnMapping,
        stream: ClassifyStream,
        *,
        project_id: int,
        name: str,
        model_name: str,
        origin: Mapping[str, Any],
    ) -> str:
        """Begin to classify a copy of a file and return the job's id. Raises AppError when the disk is full.

        Args:
            path: the file, which may go away afterwards.
            mapping: its columns.
            stream: what classifies.
            project_id: whose job it is.
            name: what the file is called.
            model_name: what the model is called.
            origin: what decides the results; a job is resumed with the same only.
        """
        folder = self._folder / uuid4().hex[:12]
        suffixes = [suffix for suffix in map(str.lower, path.suffixes[-2:]) if suffix in FORMATS]
        job = FileJob(
            folder=folder,
            name=name,
            input_name="".join(["input", *suffixes]),
            mapping=mapping,
            project_id=project_id,
            project_key=self._project_key(project_id),
            model_name=model_name,
            origin=dict(origin),
        )
        try:
            folder.mkdir(parents=True)
            shutil.copyfile(path, job.input_path)
            job.write()
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)  # no job names it
            raise AppError(_disk(error)) from error
        self._jobs[job.id] = job
        self._run_in_thread(job.id, stream)
        return job.id

    def resume(self, job_id: str, stream: ClassifyStream, origin: Mapping[str, Any]) -> None:
        """Go on with a job that was cancelled, interrupted or failed.

        Raises:
            AppError: it runs or is completed, or something else would answer now.
        """
        with self._starting:
            job = self.view(job_id)
            if not job.resumable:
                raise AppError(f"The classification of {job.name} is {job.status}; there is nothing to go on with.")
            if dict(origin) != job.origin:
                raise AppError(
                    f"The classification of {job.name} was begun by {job.model_name}, and the model, the labels or "
                    "the threshold are not the same any more. Start it again, so that one model answers for the "
                    "whole file."
                )
            self._run_in_thread(job_id, stream)

    def listed(self, project_id: int, *, limit: int = 20) -> list[FileJob]:
        """The last jobs of a project, newest first."""
        key = self._project_key(project_id)
        jobs = [job for job in self._jobs.values() if job.project_key == key]
        return sorted(jobs, key=lambda job: job.started_at, reverse=True)[:limit]

    def view(self, job_id: str) -> FileJob:
        """How far a job is. Raises AppError when there is none of that id."""
        if job_id not in self._jobs:
            raise AppError(f"There is no classification job {job_id}. Its folder is gone; start it again.")
        return self._jobs[job_id]

    def cancel(self, job_id: str) -> None:
        """Stop a job after the documents in hand; what is done stays."""
        if self.view(job_id).status == "running":
            self._cancelled[job_id].set()

    def close(self) -> None:
        """Interrupt every job and wait for that; they can be resumed."""
        self._closing = True
        for cancelled in self._cancelled.values():
            cancelled.set()
        for thread in self._threads:
            thread.join()

    def _run_in_thread(self, job_id: str, stream: ClassifyStream) -> None:
        self._jobs[job_id] = replace(self._jobs[job_id], status="running", error=None)
        self._cancelled[job_id] = threading.Event()
        thread = threading.Thread(target=self._guarded, args=(job_id, stream), name=f"classify-{job_id}", daemon=True)
        self._threads = [other for other in self._threads if other.is_alive()] + [thread]
        thread.start()

    def _update(self, job_id: str, **changes: Any) -> FileJob:
        self._jobs[job_id] = replace(self._jobs[job_id], **changes)
        return self._jobs[job_id]

    def _guarded(self, job_id: str, stream: ClassifyStream) -> None:
        """Run a job to its end, and write down which end that was."""
        try:
            try:
                self._run(job_id, stream)
                ended = replace(self._jobs[job_id], status="completed")
            except Cancelled:
                ended = replace(self._jobs[job_id], status="interrupted" if self._closing else "cancelled")
            if ended.downloadable:
                write_csv(ended.jsonl_path, ended.csv_path)
            ended.write()
        except (LagamcError, AppError) as error:
            ended = self._failed(job_id, str(error))
        except OSError as error:
            ended = self._failed(job_id, _disk(error))
        except Exception:
            logger.exception("Classification job %s failed.", job_id)
            ended = self._failed(job_id, "Unexpected error; the app's log has the details.")
        self._jobs[job_id] = ended  # last of all: from here on another thread may go on with the job

    def _failed(self, job_id: str, reason: str) -> FileJob:
        job = replace(self._jobs[job_id], status="failed", error=reason)
        try:
            job.write()
        except OSError as full:  # its record still says "running", which the next start takes for interrupted
            logger.warning("The end of classification job %s cannot be kept: %s", job_id, full)
        return job

    def _run(self, job_id: str, stream: ClassifyStream) -> None:
        job, cancelled = self._jobs[job_id], self._cancelled[job_id]
        total, refused, refusals = _counted(job.input_path, job.mapping)
        job = self._update(job_id, total=total, refused=refused, refusals=refusals)
        job.write()
        if job.answered:  # the disk was full, or the app was killed, before the rest could be written
            self._update(job_id, done=total)
            return
        with ResumableOutput(job.jsonl_path, job.origin) as output:
            good = (row for row in read_rows(job.input_path, job.mapping) if isinstance(row, Row))
            rows = output.remaining(good, same=_same, name=lambda row: f"in line {row.line}")
            ahead, behind = itertools.tee(rows)  # holds the rows of the chunk in hand

            def progress(done: int) -> None:
                self._update(job_id, done=output.kept + done)

            try:
                answers = stream((row.text for row in ahead), progress, cancelled.is_set)
                for row, (labels, sentences) in zip(behind, answers, strict=True):
                    record = {"line": row.line, "id": row.id, "text": row.text, "labels": labels}
                    output.write(json.dumps({**record, "sentences": sentences}, ensure_ascii=False))
            finally:
                self._update(job_id, done=output.kept + output.written)
            output.complete()


def _counted(path: Path, mapping: ColumnMapping) -> tuple[int, int, tuple[Refusal, ...]]:
    """How many lines are documents, how many are not, and the first of those."""
    total, refused, first = 0, 0, []
    for row in read_rows(path, mapping):
        if isinstance(row, Row):
            total += 1
        else:
            refused += 1
            if len(first) < SHOWN_REFUSALS:
                first.append(row)
    return total, refused, tuple(first)


def _same(line: str, row: Row) -> bool:
    record = json.loads(line)
    return bool((record["line"], record["id"]) == (row.line, row.id))


def _disk(error: OSError) -> str:
    return f"The results cannot be written: {error}. Free some space, or check the data folder, and go on."
