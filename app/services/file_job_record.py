"""What a classification job is, as its folder keeps it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from lagamc.readers import ColumnMapping, Refusal

__all__ = ["FileJob", "read_jobs"]

logger = logging.getLogger(__name__)

RECORD = "job.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJob:
    """A job and how far it is. What is done can be downloaded once it is completed or cancelled.

    `project_key` tells the project from one of the same id in another database; `origin` is what decides the
    results; `refusals` holds the first of `refused` lines.
    """

    folder: Path
    name: str
    input_name: str
    mapping: ColumnMapping
    project_id: int
    project_key: str
    model_name: str
    origin: dict[str, Any]
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    status: Literal["running", "completed", "cancelled", "interrupted", "failed"] = "running"
    done: int = 0
    total: int | None = None
    refused: int = 0
    refusals: tuple[Refusal, ...] = ()
    error: str | None = None

    @property
    def id(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @property
    def threshold(self) -> float | None:
        """The cosine threshold that somebody set for it, or None for the model's own."""
        found: float | None = self.origin["threshold"]
        return found

    @property
    def input_path(self) -> Path:
        """The copy of the file."""
        return self.folder / self.input_name

    @property
    def jsonl_path(self) -> Path:
        """The results, a line a document."""
        return self.folder / "classified.jsonl"

    @property
    def answered(self) -> bool:
        """Whether every document has its line of results; only the spreadsheet may be missing."""
        marker = self.jsonl_path.with_name(f"{self.jsonl_path.name}.unfinished")
        return self.jsonl_path.exists() and not marker.exists()

    @property
    def csv_path(self) -> Path:
        """The same for spreadsheets."""
        return self.folder / "classified.csv"

    @property
    def resumable(self) -> bool:
        """Whether something is left to do."""
        return self.status in {"cancelled", "interrupted", "failed"}

    @property
    def downloadable(self) -> bool:
        """Whether both files of results are there."""
        return self.status in {"completed", "cancelled"}

    def write(self) -> None:
        """Keep the job in its folder, whole or as it was before. Raises OSError."""
        content = {
            **asdict(self),
            "folder": self.id,
            "started_at": self.started_at.isoformat(),
        }
        draft = self.folder / f"{RECORD}.tmp"
        draft.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(draft, self.folder / RECORD)  # noqa: PTH105 (of two names in one folder)


def read_jobs(folder: Path) -> Iterator[FileJob]:
    """The jobs of a folder; those that ran when the app ended are interrupted. Damaged ones are logged."""
    for path in sorted(folder.glob(f"*/{RECORD}")):
        try:
            job = _read(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("The classification job in %s cannot be read: %s", path.parent, error)
            continue
        yield replace(job, status="interrupted", done=_lines(job.jsonl_path)) if job.status == "running" else job


def _lines(path: Path) -> int:
    """How many results are there: the record of a job that was killed says how many there were when it began."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(line.endswith(b"\n") for line in file)


def _read(path: Path) -> FileJob:
    content = json.loads(path.read_text(encoding="utf-8"))
    return FileJob(
        **{
            **content,
            "folder": path.parent,
            "mapping": ColumnMapping(**content["mapping"]),
            "started_at": datetime.fromisoformat(content["started_at"]),
            "refusals": tuple(Refusal(**refusal) for refusal in content["refusals"]),
        }
    )
