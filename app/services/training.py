"""Training runs as the screens and the API see them: previewed, started, followed, cancelled, resumed."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlmodel import Session

from app.errors import AppError
from app.jobs.outcome import tail
from app.jobs.supervisor import Supervisor
from app.services import material
from app.settings import Settings
from lagamc.checkpoint import write_run_folder
from lagamc.config import TrainingConfig, recommended_epochs
from lagamc.labels import Label, LabelSet
from lagamc.parameters import ParameterCount, count_parameters
from storage import annotations as annotation_log
from storage import documents, label_sets, labels, model_versions, projects, runs
from storage.engine import Database
from storage.models import Action, Run, RunStatus, utc_now

__all__ = ["RunStart", "RunView", "TrainingPreview", "TrainingService"]

RESUMABLE = (RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class TrainingPreview:
    """What a run started now would be trained on; it can start when `problems` is empty."""

    documents_by_split: dict[str, int]
    reviews_since_last: int
    corrections_since_last: int  # reviews that changed what the model had said
    changed_descriptions: list[str]
    problems: list[str]
    labels_missing: dict[str, list[str]]  # by split: those in use that none of its documents carries
    unassigned: int  # labelled documents without a split: training documents, unless a start divides them
    to_split: int  # labelled documents without a split that a start divides among train, dev and test
    recommended_epochs: int


@dataclass(frozen=True, slots=True)
class RunView:
    """A run for display; `progress` lies in [0, 1], `elapsed` and `remaining` are seconds."""

    id: int
    status: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    author: str
    backbone: str
    documents: int
    progress: float | None
    elapsed: float | None
    remaining: float | None
    error: str | None
    model_number: int | None


@dataclass(frozen=True, slots=True)
class RunStart:
    """What a run trains, and how many documents carry more descriptions than its decoder has slots for, or reach the
    tokens that it reads of one.
    """

    parameters: ParameterCount
    cut_targets: int
    full_documents: int
    max_document_tokens: int


class TrainingService:
    """Use cases around runs; the supervisor does what is asked for here."""

    def __init__(self, database: Database, settings: Settings, supervisor: Supervisor) -> None:
        self._database = database
        self._settings = settings
        self._supervisor = supervisor

    def preview(self, project_id: int) -> TrainingPreview:
        """What would be trained on, and what stands in the way."""
        with self._database.read() as session:
            sizes = material.sizes(session, project_id)
            latest = model_versions.latest(session, project_id=project_id)
            pinned = latest.labels if latest else []
            changed = labels.changed_since(session, project_id=project_id, pinned=[pinned])[0] if pinned else []
            return TrainingPreview(
                documents_by_split=sizes,
                reviews_since_last=_reviews(session, project_id),
                corrections_since_last=_reviews(session, project_id, [Action.CORRECTED]),
                changed_descriptions=[change.name for change in changed],
                problems=material.problems(session, project_id, sizes),
                labels_missing=material.missing(session, project_id),
                unassigned=material.unassigned(session, project_id),
                to_split=material.to_split(session, project_id),
                recommended_epochs=recommended_epochs(sizes["train"]),
            )

    def countable(self, config: Mapping[str, Any]) -> ParameterCount | None:
        """What a run with these settings would train; None where the weights are not on this machine.

        Raises:
            ConfigError: a setting is unknown or out of range.
        """
        return count_parameters(TrainingConfig.from_dict(config))

    def started(self, run_id: int) -> RunStart | None:
        """What a run said when it started; None before that."""
        with self._database.read() as session:
            event = runs.last_event(session, run_id=run_id, types={"started"})
        if event is None:
            return None
        said = event.payload
        count = ParameterCount(said["trainable_parameters"], said["parameters"])
        return RunStart(count, said["cut_targets"], said["full_documents"], said["max_document_tokens"])

    def start(self, project_id: int, config: Mapping[str, Any], author: str) -> int:
        """Queue a run and return its id.

        Raises:
            AppError: there is too little to train on, the project is retired, or the run folder cannot be written.
            ConfigError: a setting is unknown or out of range.
        """
        settings = TrainingConfig.from_dict({"device": self._settings.device, **config})
        with self._database.write() as session:
            _require_in_use(session, project_id)
            if problems := material.problems(session, project_id, material.sizes(session, project_id)):
                raise AppError(" ".join(problems))
            material.split(session, project_id)
        gathered = utc_now()  # what is reviewed from here on is new to the next run
        with self._database.read() as session:
            task = projects.get(session, project_id=project_id).task or None
            described = labels.described(session, project_id=project_id)
            pinned = label_sets.entries(session, project_id=project_id)
            corpora = {part: material.corpus(session, project_id, splits) for part, splits in material.PARTS.items()}
            corrections = _reviews(session, project_id, [Action.CORRECTED])
        if task and settings.resolved_family != "embedded":  # a sentence encoder reads no instructions
            settings = replace(settings, task_description=task)
        folder = self._settings.runs_folder / f".{uuid4().hex}"
        try:
            write_run_folder(
                folder,
                config=settings,
                labels=LabelSet(Label(label.name, version.text) for label, version in described if version),
                train=corpora["train"],
                dev=corpora["dev"],
                test=corpora["test"] if corpora["test"].label_counts() else None,  # nothing to measure without a label
            )
            with self._database.write() as session:
                projects.locked(session, project_id=project_id)  # it may have been retired meanwhile
                run = runs.add(
                    session,
                    project_id=project_id,
                    config={"training": settings.to_dict(), "labels": pinned},
                    author=author,
                    documents=len(corpora["train"]),
                    corrections=corrections,
                    created_at=gathered,
                )
                folder = self._placed(folder, run.id)
                run.folder = folder.relative_to(self._settings.data_folder).as_posix()
        except Exception as error:
            shutil.rmtree(folder, ignore_errors=True)  # no run names it
            if isinstance(error, OSError):
                reason = f"The run folder cannot be written ({error}). Free some space and start again."
                raise AppError(reason) from error
            raise
        self._supervisor.poke()
        return run.id

    def cancel(self, run_id: int) -> None:
        """Take a waiting run out of the queue, or ask a running one to stop. Raises AppError when it has ended."""
        with self._database.write() as session:
            run = runs.get(session, run_id=run_id, lock=True)
            if run.status is RunStatus.QUEUED:
                runs.move(session, run_id=run_id, to=RunStatus.CANCELLED, expected=[RunStatus.QUEUED])
            elif run.status is RunStatus.RUNNING:
                self._supervisor.cancel(self._folder(run))
            else:
                raise AppError(f"Run {run_id} is {run.status} already, so there is nothing to cancel.")
        self._supervisor.poke()

    def resume(self, run_id: int) -> None:
        """Queue a run that ended early; it goes on from its last checkpoint, or starts over without one.

        Raises:
            AppError: its folder is gone, or its project retired.
            StaleWrite: it is waiting, running or completed.
        """
        with self._database.write() as session:
            run = runs.move(session, run_id=run_id, to=RunStatus.QUEUED, expected=RESUMABLE)
            _require_in_use(session, run.project_id)
            folder = self._folder(run)
            if not folder.is_dir():
                raise AppError(f"The folder of run {run_id}, {folder}, is gone. Start a new run instead.")
            (folder / "cancel").unlink(missing_ok=True)
        self._supervisor.poke()

    def list(self, project_id: int) -> list[RunView]:
        """The last runs of a project, newest first."""
        with self._database.read() as session:
            made = model_versions.listed(session, project_id=project_id)
            numbers = {version.run_id: version.number for version in made}
            return [_view(run, numbers.get(run.id)) for run in runs.listed(session, project_id=project_id)]

    def get(self, run_id: int) -> RunView:
        """One run. Raises NotFound."""
        with self._database.read() as session:
            version = model_versions.by_run(session, run_id=run_id)
            return _view(runs.get(session, run_id=run_id), version.number if version else None)

    def metrics(self, run_id: int) -> dict[str, list[tuple[int, float]]]:
        """{name: [(step, value)]} of the loss, its terms, lambda and dev F1, at most 500 points each."""
        with self._database.read() as session:
            return runs.metrics(session, run_id=run_id)

    def log(self, run_id: int, lines: int = 200) -> str:
        """The last lines that the child wrote to its output."""
        with self._database.read() as session:
            run = runs.get(session, run_id=run_id)
        return tail(self._folder(run) / "log.txt", lines)

    def status(self, run_id: int) -> dict[str, Any]:
        """One run as JSON-able values, times in ISO 8601."""
        values = asdict(self.get(run_id))
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}

    def _folder(self, run: Run) -> Path:
        return self._settings.data_folder / run.folder

    def _placed(self, staged: Path, run_id: int) -> Path:
        """Move a finished run folder to its place and return that."""
        target = self._settings.runs_folder / str(run_id)
        if target.exists():  # left by another database in the same data folder: not ours to overwrite
            target = target.with_name(f"{run_id}-{uuid4().hex[:8]}")
        return staged.rename(target)


def _require_in_use(session: Session, project_id: int) -> None:
    if projects.get(session, project_id=project_id).retired_at is not None:
        raise AppError("This project is retired: nobody could see or cancel a run of it. Restore it, then train.")


def _reviews(session: Session, project_id: int, actions: Collection[Action] = documents.REVIEWED) -> int:
    """Documents reviewed, or reviewed with one of these ends, since the data of the last version were gathered."""
    latest = model_versions.latest(session, project_id=project_id)
    since = runs.get(session, run_id=latest.run_id).created_at if latest else None
    return annotation_log.reviewed_since(session, project_id=project_id, since=since, actions=actions)


def _view(run: Run, model_number: int | None) -> RunView:
    ended = run.finished_at or (utc_now() if run.status is RunStatus.RUNNING else None)
    return RunView(
        id=run.id,
        status=run.status.value,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        author=run.author,
        backbone=run.config["training"]["backbone"],
        documents=run.documents,
        progress=_progress(run),
        elapsed=(ended - run.started_at).total_seconds() if ended and run.started_at else None,
        remaining=run.remaining_seconds,
        error=run.error,
        model_number=model_number,
    )


def _progress(run: Run) -> float | None:
    if run.status is RunStatus.COMPLETED:
        return 1.0  # it may have stopped early, once dev F1 rose no more
    return min(1.0, run.step / run.total_steps) if run.total_steps else None
