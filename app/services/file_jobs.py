"""A file of documents classified in the background, with its results as CSV and JSON lines."""

from __future__ import annotations

import csv
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from app.errors import AppError
from lagamc.errors import LagamcError
from lagamc.readers import ColumnMapping, Refusal, Row, read_rows

__all__ = ["FileJobView", "FileJobs", "neutralised"]

logger = logging.getLogger(__name__)

CHUNK = 32
BREATHER_SECONDS = 0.01  # between chunks, so that a person who waits for the model gets it next
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("line", "id", "text", "labels", "evidence")

ClassifyChunk = Callable[[Sequence[str]], Sequence[tuple[list[str], list[dict[str, Any]]]]]
"""Texts in, and for each its labels and its sentences out."""


@dataclass(frozen=True, slots=True)
class FileJobView:
    """How far a job is. The paths are there once it is completed or cancelled; a cancelled one holds what was done."""

    id: str
    status: Literal["running", "completed", "cancelled", "failed"]
    done: int
    total: int | None
    error: str | None
    csv_path: Path | None
    jsonl_path: Path | None
    refused: tuple[Refusal, ...]


class FileJobs:
    """Jobs of this process, one thread each; they end with it, the files they wrote stay."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._views: dict[str, FileJobView] = {}
        self._cancelled: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def start(self, path: Path, mapping: ColumnMapping, classify: ClassifyChunk) -> str:
        """Begin to classify a file and return the job's id."""
        job_id = uuid4().hex[:12]
        self._views[job_id] = FileJobView(job_id, "running", 0, None, None, None, None, ())
        self._cancelled[job_id] = threading.Event()
        thread = threading.Thread(
            target=self._guarded,
            args=(job_id, path, mapping, classify),
            name=f"classify-{job_id}",
            daemon=True,
        )
        self._threads.append(thread)
        thread.start()
        return job_id

    def view(self, job_id: str) -> FileJobView:
        """How far a job is. Raises AppError when there is none of that id."""
        if job_id not in self._views:
            raise AppError(f"There is no classification job {job_id}; it ended with the app. Start it again.")
        return self._views[job_id]

    def cancel(self, job_id: str) -> None:
        """Stop a job after the documents in hand; what is done stays."""
        self.view(job_id)
        self._cancelled[job_id].set()

    def close(self) -> None:
        """Cancel every job and wait for its end."""
        for cancelled in self._cancelled.values():
            cancelled.set()
        for thread in self._threads:
            thread.join()

    def _update(self, job_id: str, **changes: Any) -> None:
        self._views[job_id] = replace(self._views[job_id], **changes)

    def _guarded(self, job_id: str, path: Path, mapping: ColumnMapping, classify: ClassifyChunk) -> None:
        try:
            self._run(job_id, path, mapping, classify)
        except (LagamcError, AppError) as error:
            self._update(job_id, status="failed", error=str(error))
        except OSError as error:
            advice = "Free some space, or check the data folder, and start again."
            self._update(job_id, status="failed", error=f"The results cannot be written: {error}. {advice}")
        except Exception:
            logger.exception("Classification job %s failed.", job_id)
            self._update(job_id, status="failed", error="Unexpected error; the app's log has the details.")

    def _run(self, job_id: str, path: Path, mapping: ColumnMapping, classify: ClassifyChunk) -> None:
        refused = tuple(row for row in read_rows(path, mapping) if isinstance(row, Refusal))
        total = sum(isinstance(row, Row) for row in read_rows(path, mapping))
        self._update(job_id, refused=refused, total=total)
        folder = self._folder / job_id
        folder.mkdir(parents=True)
        csv_path, jsonl_path = folder / "classified.csv", folder / "classified.jsonl"
        with (
            csv_path.open("w", encoding="utf-8-sig", newline="") as csv_file,  # spreadsheets need the mark
            jsonl_path.open("w", encoding="utf-8") as jsonl_file,
        ):
            writer = csv.writer(csv_file)
            writer.writerow(COLUMNS)
            for rows in _chunks(path, mapping):
                if self._cancelled[job_id].is_set():
                    break
                answers = classify([row.text for row in rows])
                for row, (labels, sentences) in zip(rows, answers, strict=True):
                    cells = (str(row.line), row.id or "", row.text, "; ".join(labels), _evidence(sentences))
                    writer.writerow([neutralised(cell) for cell in cells])
                    record = {"line": row.line, "id": row.id, "text": row.text, "labels": labels}
                    jsonl_file.write(json.dumps({**record, "sentences": sentences}, ensure_ascii=False) + "\n")
                self._update(job_id, done=self._views[job_id].done + len(rows))
                time.sleep(BREATHER_SECONDS)
        done = self._views[job_id].done
        status = "completed" if done == total else "cancelled"
        self._update(job_id, status=status, csv_path=csv_path, jsonl_path=jsonl_path)


def neutralised(cell: str) -> str:
    """The cell with a leading apostrophe where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_MARKS) else cell


def _chunks(path: Path, mapping: ColumnMapping) -> Iterator[list[Row]]:
    rows = (row for row in read_rows(path, mapping) if isinstance(row, Row))
    while chunk := list(itertools.islice(rows, CHUNK)):
        yield chunk


def _evidence(sentences: Sequence[dict[str, Any]]) -> str:
    return " | ".join(
        f"{row['sentence']} ({'abstained, nearest ' if row['abstained'] else ''}{row['label']} {row['cosine']:.3f})"
        for row in sentences
    )
