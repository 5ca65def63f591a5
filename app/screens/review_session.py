"""One person's way through the documents to review: what is on show, skipped, chosen and can be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from app.errors import AppError

if TYPE_CHECKING:
    from app.components.project_bar import Asked
    from app.services.reviews import ReviewItem

__all__ = ["Saved", "Session", "Ticks", "keeping", "named", "of_project", "on_show", "own_ticks", "proposed"]


class Saved(NamedTuple):
    """What can be undone, and where the queue was to go on after it."""

    annotation_id: int
    document_id: int
    behind: int | None


class Ticks(NamedTuple):
    """What a person chose for a document and did not save, and the annotation that it had then."""

    annotation_id: int | None
    label_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """One person's way through a project: what is on show, what was skipped, what can be undone."""

    project_id: int
    item: ReviewItem | None = None
    skipped: frozenset[int] = frozenset()
    saved: tuple[Saved, ...] = ()  # oldest first
    asked: Asked | None = None  # what another screen asked for and was answered, the last one
    behind: int | None = None  # where the queue goes on after a document out of turn
    ticks: Mapping[int, Ticks] = field(default_factory=dict)  # by document, of those that made way for another
    others: Mapping[int, Session] = field(default_factory=dict)  # by project, of those that made way for another
    key: str = field(default_factory=lambda: uuid4().hex)


def named(item: ReviewItem, names: Collection[str]) -> tuple[int, ...]:
    """The labels that stand on the page under these names, which somebody may have given to others since."""
    return tuple(label.id for label in item.labels_all if label.name in names)


def own_ticks(now: Session | None, document_id: int | None, ticked: Collection[str]) -> tuple[int, ...] | None:
    """What a person chose for the document on show; None where it is what was proposed, or is of another document."""
    if now is None or now.item is None or now.item.document_id != document_id:
        return None
    return None if set(ticked) == set(proposed(now.item)[0]) else named(now.item, ticked)


def of_project(project_id: int, before: Session | None) -> Session:
    """A person's way through another project: on from where it was left, if it was begun."""
    if before is None:
        return Session(project_id)
    others = {**before.others, before.project_id: replace(before, others={})}
    begun = others.pop(project_id, Session(project_id, asked=before.asked))
    return replace(begun, others=others)


def keeping(now: Session, own: tuple[int, ...] | None) -> Session:
    """The session, with what was chosen for the document that now makes way."""
    if now.item is None or own is None:
        return now
    return replace(now, ticks={**now.ticks, now.item.document_id: Ticks(now.item.annotation_id, own)})


def on_show(now: Session | None, document_id: int | None) -> tuple[Session, ReviewItem]:
    """Return the session and its document. Raises AppError when there is none, or the page shows another one."""
    if now is None or now.item is None:
        raise AppError("There is no document to review. Open the Review tab again.")
    if now.item.document_id != document_id:
        raise AppError(f"Nothing was done: {now.item.external_id} was not on screen yet. Look at it, then press again.")
    return now, now.item


def proposed(item: ReviewItem) -> tuple[list[str], str]:
    """Return the labels to tick at first, and who says so."""
    if item.current is not None and (item.labels or item.current.action != "imported"):
        return item.labels, "Ticked: the labels that the document has."
    if item.prediction is not None:
        return item.prediction.labels, f"Ticked: what {item.prediction.model_name} proposes."
    return [], "Nothing is ticked: there is no answer of a model."
