"""The words that tables store, and how names and moments are compared and written."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Enum

__all__ = ["Action", "Decision", "Operation", "RunStatus", "SplitName", "enum_type", "name_key", "utc_now"]

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))  # soft hyphen, spaces of no width


def utc_now() -> datetime:
    """Return the present moment, timezone-aware."""
    return datetime.now(UTC)


def name_key(name: str) -> str:
    """Return a name as compared: case, white space, invisible characters and how accents are encoded do not matter."""
    visible = unicodedata.normalize("NFC", name.translate(_INVISIBLE))
    return unicodedata.normalize("NFC", " ".join(visible.split()).casefold())


class SplitName(StrEnum):
    """The part of the corpus that a document belongs to; unassigned ones are training data once annotated."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"
    UNASSIGNED = "unassigned"


class Action(StrEnum):
    """How an annotation came about."""

    IMPORTED = "imported"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    UNDONE = "undone"


class RunStatus(StrEnum):
    """The life of a training job; the last four are final, only interrupted runs go back to queued."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Decision(StrEnum):
    """What a person made of a draft; an open one has none."""

    ACCEPTED = "accepted"
    DISCARDED = "discarded"


class Operation(StrEnum):
    """What was done to labels as such; wordings have their own history, the description versions."""

    RENAMED = "renamed"
    MERGED = "merged"
    SPLIT = "split"
    RETIRED = "retired"
    RESTORED = "restored"
    EDITED = "edited"
    ORDERED = "ordered"
    IMPORTED = "imported"
    UNDONE = "undone"


def enum_type(kind: type[StrEnum]) -> Any:
    """Store the enum's values as text, so that a new member needs no type migration."""
    return Enum(kind, native_enum=False, length=16, values_callable=lambda members: [m.value for m in members])
