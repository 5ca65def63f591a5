"""Drafts of descriptions: proposed by a source, decided by a person, kept either way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, select

from storage import labels, projects
from storage.errors import NotFound, StaleWrite
from storage.models import Decision, DescriptionDraft, Label, utc_now

__all__ = ["add", "decide", "get", "last_discarded", "open_of_label", "open_of_project", "refuse_decided", "reopen"]


def get(session: Session, *, draft_id: int, lock: bool = False) -> DescriptionDraft:
    """Return a draft; `lock` keeps other writers of it waiting until the commit. Raises NotFound."""
    draft = session.get(DescriptionDraft, draft_id, with_for_update=lock, populate_existing=lock)
    if draft is None:
        raise NotFound("draft", draft_id)
    return draft


def add(
    session: Session,
    *,
    label_id: int,
    text: str,
    source: str,
    author: str,
    provenance: Mapping[str, Any] | None = None,
) -> DescriptionDraft:
    """Add an open draft; `provenance` is JSON that says what it was made from. Raises NotFound, Retired."""
    _lock_project(session, label_id)
    draft = DescriptionDraft(
        label_id=label_id, text=text, source=source, author=author, provenance=dict(provenance or {})
    )
    session.add(draft)
    session.flush()
    return draft


def open_of_label(session: Session, *, label_id: int) -> Sequence[DescriptionDraft]:
    """Return a label's undecided drafts, newest first."""
    query = select(DescriptionDraft).where(
        DescriptionDraft.label_id == label_id, col(DescriptionDraft.decision).is_(None)
    )
    return session.exec(query.order_by(col(DescriptionDraft.id).desc())).all()


def last_discarded(session: Session, *, label_id: int) -> DescriptionDraft | None:
    """Return the draft of a label that was discarded last and not brought back, or None."""
    query = select(DescriptionDraft).where(
        DescriptionDraft.label_id == label_id, DescriptionDraft.decision == Decision.DISCARDED
    )
    newest = query.order_by(col(DescriptionDraft.decided_at).desc(), col(DescriptionDraft.id).desc())
    return session.exec(newest.limit(1)).first()


def open_of_project(session: Session, *, project_id: int) -> Sequence[DescriptionDraft]:
    """Return the undecided drafts of all labels in use, by label position, newest first within a label."""
    query = (
        select(DescriptionDraft)
        .join(Label, col(Label.id) == DescriptionDraft.label_id)
        .where(Label.project_id == project_id, col(Label.retired_at).is_(None))
        .where(col(DescriptionDraft.decision).is_(None))
        .order_by(col(Label.position), col(Label.id), col(DescriptionDraft.id).desc())
    )
    return session.exec(query).all()


def decide(
    session: Session, *, draft_id: int, decision: Decision, accepted_version_id: int | None = None
) -> DescriptionDraft:
    """Close a draft; an accepted one names the description version that its text became.

    Raises:
        StaleWrite: it was decided already.
        Retired: its project was put away.
    """
    draft = get(session, draft_id=draft_id, lock=True)
    _lock_project(session, draft.label_id)
    refuse_decided(draft)
    draft.decision, draft.decided_at, draft.accepted_version_id = decision, utc_now(), accepted_version_id
    session.flush()
    return draft


def reopen(session: Session, *, draft_id: int) -> None:
    """Open a discarded draft again. Raises StaleWrite for one that is not discarded, Retired."""
    draft = get(session, draft_id=draft_id, lock=True)
    _lock_project(session, draft.label_id)
    if draft.decision is not Decision.DISCARDED:
        raise StaleWrite("That draft is not discarded any more. Reload the label to see its drafts.")
    draft.decision = draft.decided_at = None
    session.flush()


def refuse_decided(draft: DescriptionDraft) -> None:
    """Do nothing for an open draft. Raises StaleWrite for one that was accepted or discarded."""
    if draft.decision is not None:
        raise StaleWrite(
            f"This draft was {draft.decision} at {draft.decided_at:%Y-%m-%d %H:%M:%S} UTC. Nothing of yours was "
            "written. Reload the label to see its drafts."
        )


def _lock_project(session: Session, label_id: int) -> None:
    projects.locked(session, project_id=labels.get(session, label_id=label_id).project_id)
