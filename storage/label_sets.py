"""Label sets as they stood, pinned once each, so that every prediction can name the one it used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, select

from storage import labels, projects
from storage.models import PinnedLabelSet

__all__ = ["entries", "find", "pin"]


def entries(session: Session, *, project_id: int) -> list[dict[str, Any]]:
    """Return the present label set as model versions pin it; labels without a description are left out."""
    return [
        {"label_id": label.id, "name": label.name, "description_version_id": version.id}
        for label, version in labels.described(session, project_id=project_id)
        if version is not None
    ]


def pin(session: Session, *, project_id: int, pinned: Sequence[Mapping[str, Any]]) -> PinnedLabelSet:
    """Return the record of a label set, made where it is the first time it is used."""
    projects.get(session, project_id=project_id, lock=True)
    found = find(session, project_id=project_id, pinned=pinned)
    if found is None:
        found = PinnedLabelSet(project_id=project_id, hash=_hash(pinned), labels=[dict(entry) for entry in pinned])
        session.add(found)
        session.flush()
    return found


def find(session: Session, *, project_id: int, pinned: Sequence[Mapping[str, Any]]) -> PinnedLabelSet | None:
    """Return the record of a label set, or None before its first use."""
    query = select(PinnedLabelSet).where(PinnedLabelSet.project_id == project_id, PinnedLabelSet.hash == _hash(pinned))
    return session.exec(query).first()


def _hash(pinned: Sequence[Mapping[str, Any]]) -> str:
    canonical = json.dumps(
        [[entry["label_id"], entry["name"], entry["description_version_id"]] for entry in pinned], ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()
