"""Runs: their life, the events copied from their files once each, and the curves."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from storage.errors import NotFound, StaleWrite
from storage.models import Run, RunEvent, RunMetric, RunStatus, SplitName, utc_now

__all__ = [
    "FINAL",
    "add",
    "add_metrics",
    "append_events",
    "by_id",
    "by_status",
    "discard_metrics",
    "events",
    "get",
    "last_event",
    "listed",
    "metrics",
    "move",
]

FINAL = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.INTERRUPTED)
"""A run in one of these has no child process."""


def get(session: Session, *, run_id: int, lock: bool = False) -> Run:
    """Return a run; `lock` keeps other writers of it waiting until the commit."""
    run = session.get(Run, run_id, with_for_update=lock, populate_existing=lock)
    if run is None:
        raise NotFound("run", run_id)
    return run


def add(
    session: Session,
    *,
    project_id: int,
    config: Mapping[str, Any],
    author: str,
    documents: int = 0,
    corrections: int = 0,
    created_at: datetime | None = None,
) -> Run:
    """Add a queued run; its id names its folder, which the caller sets. It was created when its data were read."""
    run = Run(
        project_id=project_id,
        config=dict(config),
        author=author,
        documents=documents,
        corrections=corrections,
        created_at=created_at or utc_now(),
    )
    session.add(run)
    session.flush()
    return run


def listed(session: Session, *, project_id: int, offset: int = 0, limit: int = 100) -> Sequence[Run]:
    """Return a project's runs, newest first."""
    query = select(Run).where(Run.project_id == project_id).order_by(col(Run.id).desc())
    return session.exec(query.offset(offset).limit(limit)).all()


def by_id(session: Session, *, run_ids: Collection[int]) -> dict[int, Run]:
    """Return {id: run}."""
    return {run.id: run for run in session.exec(select(Run).where(col(Run.id).in_(run_ids)))}


def by_status(session: Session, *, status: RunStatus, limit: int = 100) -> Sequence[Run]:
    """Return the runs of all projects that have a status, oldest first."""
    query = select(Run).where(Run.status == status).order_by(col(Run.id)).limit(limit)
    return session.exec(query).all()


def move(
    session: Session,
    *,
    run_id: int,
    to: RunStatus,
    expected: Collection[RunStatus],
    error: str | None = None,
    pid: int | None = None,
) -> Run:
    """Give a run another status, and the times, error and process id that go with it.

    Raises:
        StaleWrite: its status is none of `expected`.
    """
    run = get(session, run_id=run_id, lock=True)
    if run.status not in expected:
        raise StaleWrite(f"Run {run_id} is {run.status}, so it cannot become {to}. Reload the page.")
    run.status, run.error, run.pid = to, error, pid
    if to is RunStatus.RUNNING:
        run.started_at, run.finished_at = utc_now(), None  # also where it is resumed
    elif to in FINAL:
        run.finished_at, run.remaining_seconds = utc_now(), None
    return run


def append_events(session: Session, *, run_id: int, lines: Sequence[Mapping[str, Any]], start: int, end: int) -> Run:
    """Store the events found in bytes [start, end) of events.jsonl; each has "type" and "time".

    Raises:
        StaleWrite: these bytes, or some of them, are stored already, or some before them are not.
    """
    run = get(session, run_id=run_id, lock=True)
    if run.events_offset != start:
        raise StaleWrite(f"The events of run {run_id} are stored up to byte {run.events_offset}, not {start}.")
    last = session.exec(select(func.max(RunEvent.sequence)).where(RunEvent.run_id == run_id)).one() or 0
    session.add_all(
        RunEvent(
            run_id=run_id,
            sequence=sequence,
            type=line["type"],
            time=datetime.fromtimestamp(line["time"], UTC),
            payload={key: value for key, value in line.items() if key not in ("type", "time")},
        )
        for sequence, line in enumerate(lines, start=last + 1)
    )
    run.events_offset = end
    session.flush()
    return run


def events(session: Session, *, run_id: int, limit: int = 1000) -> Sequence[RunEvent]:
    """Return a run's first events, in order."""
    query = select(RunEvent).where(RunEvent.run_id == run_id)
    return session.exec(query.order_by(col(RunEvent.sequence)).limit(limit)).all()


def last_event(session: Session, *, run_id: int, types: Collection[str]) -> RunEvent | None:
    """Return a run's newest event of some types."""
    query = select(RunEvent).where(RunEvent.run_id == run_id, col(RunEvent.type).in_(types))
    return session.exec(query.order_by(col(RunEvent.sequence).desc()).limit(1)).first()


def add_metrics(session: Session, *, run_id: int, step: int, split: SplitName, values: Mapping[str, float]) -> None:
    """Store the figures of one step; a figure that is not finite leaves a gap in its curve."""
    session.add_all(
        RunMetric(run_id=run_id, step=step, split=split, name=name, value=value)
        for name, value in values.items()
        if math.isfinite(value)
    )


def discard_metrics(session: Session, *, run_id: int, after_step: int) -> None:
    """Drop the figures that a resumed run will give again."""
    session.exec(delete(RunMetric).where(col(RunMetric.run_id) == run_id, col(RunMetric.step) > after_step))


def metrics(session: Session, *, run_id: int, points: int = 500) -> dict[str, list[tuple[int, float]]]:
    """Return the train and dev curves of a run.

    Returns:
        {name: [(step, value)]} by step, each curve thinned evenly to at most `points`, its last one kept.
    """
    name, step = col(RunMetric.name), col(RunMetric.step)
    rank = func.row_number().over(partition_by=name, order_by=(step, col(RunMetric.id)))
    size = func.count().over(partition_by=name)
    left = (size - rank) % ((size + points - 1) // points)
    ranked = (
        select(name, step, col(RunMetric.value), left.label("left"))
        .where(RunMetric.run_id == run_id, RunMetric.split != SplitName.TEST)
        .subquery()
    )
    kept = select(ranked.c.name, ranked.c.step, ranked.c.value).where(ranked.c.left == 0)
    curves: dict[str, list[tuple[int, float]]] = {}
    for curve, at, value in session.exec(kept.order_by(ranked.c.name, ranked.c.step)):
        curves.setdefault(curve, []).append((at, value))
    return curves
