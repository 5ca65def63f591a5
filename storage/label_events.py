"""Operations on labels: a log, from which the last ones can be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, select

from storage.errors import NotFound
from storage.models import LabelEvent, Operation

__all__ = ["add", "get", "listed", "undoing"]


def get(session: Session, *, event_id: int) -> LabelEvent:
    """Return an operation. Raises NotFound."""
    event = session.get(LabelEvent, event_id)
    if event is None:
        raise NotFound("operation on labels", event_id)
    return event


def add(
    session: Session,
    *,
    project_id: int,
    operation: Operation,
    author: str,
    payload: Mapping[str, Any],
    undoes_id: int | None = None,
) -> LabelEvent:
    """Log an operation; `payload` must be JSON."""
    event = LabelEvent(
        project_id=project_id, operation=operation, author=author, payload=dict(payload), undoes_id=undoes_id
    )
    session.add(event)
    session.flush()
    return event


def listed(session: Session, *, project_id: int, limit: int = 50) -> Sequence[LabelEvent]:
    """Return a project's last operations, newest first."""
    query = select(LabelEvent).where(LabelEvent.project_id == project_id)
    return session.exec(query.order_by(col(LabelEvent.id).desc()).limit(limit)).all()


def undoing(session: Session, *, project_id: int) -> dict[int, LabelEvent]:
    """Return {id of an operation taken back: the operation that did so}."""
    query = select(LabelEvent).where(LabelEvent.project_id == project_id, col(LabelEvent.undoes_id).is_not(None))
    return {event.undoes_id: event for event in session.exec(query) if event.undoes_id is not None}
