"""The operations on a project's labels, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.services.label_changes import TITLES
from storage import label_events, labels
from storage.models import LabelEvent, Operation

__all__ = ["Step", "steps"]

MAX_NAMES = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One operation as the history shows it; `undone` says that it was taken back."""

    id: int
    operation: str
    summary: str
    author: str
    created_at: datetime
    undone: bool


def steps(session: Session, *, project_id: int, limit: int) -> list[Step]:
    """Return the last operations, newest first, with the labels under the names they have now."""
    events = label_events.listed(session, project_id=project_id, limit=limit)
    gone = label_events.undoing(session, project_id=project_id)
    names = labels.names(session, label_ids={int(key) for event in events for key in event.payload["labels"]})
    return [
        Step(
            event.id, event.operation.value, _summary(session, event, names), event.author, event.created_at,
            event.id in gone,
        )
        for event in events
    ]  # fmt: skip


def _summary(session: Session, event: LabelEvent, names: Mapping[int, str]) -> str:
    changed = {int(key): fields for key, fields in event.payload["labels"].items()}
    listed = _enumerated([names[key] for key in changed])
    match event.operation:
        case Operation.RENAMED:
            old, new = next(iter(changed.values()))["name"]
            return f"{old} renamed to {new}"
        case Operation.MERGED:
            into = event.payload["into"]
            others = _enumerated([names[key] for key in changed if key != into])
            survivor = labels.get(session, label_id=into).name
            return f"{others} merged into {survivor}: {event.payload['documents']:,} documents relabelled"
        case Operation.SPLIT:
            source = labels.get(session, label_id=event.payload["source"]).name
            parts = _enumerated([labels.get(session, label_id=key).name for key in event.payload["parts"]])
            return f"{source} split into {parts}: {event.payload['documents']:,} documents relabelled"
        case Operation.UNDONE:
            undone = label_events.get(session, event_id=event.undoes_id or 0)
            return f"taken back: {_summary(session, undone, names | _names(session, undone))}"
        case Operation.EDITED:
            fields = ", ".join(TITLES.get(field, field) for field in next(iter(changed.values())))
            return f"{listed}: {fields} changed"
        case Operation.ORDERED:
            return f"{len(changed)} labels moved"
        case _:
            return f"{listed} {event.operation}"


def _names(session: Session, event: LabelEvent) -> dict[int, str]:
    return labels.names(session, label_ids={int(key) for key in event.payload["labels"]})


def _enumerated(names: list[str]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
