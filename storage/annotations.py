"""Annotations: an append-only history, and a pointer from each document to the current one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from storage import documents
from storage.errors import NotFound, StaleWrite
from storage.models import Action, Annotation, AnnotationLabel, Document, Label

__all__ = ["add_imported", "get", "history", "label_ids", "label_names", "record", "reviewed_since", "undo"]


def get(session: Session, *, annotation_id: int) -> Annotation:
    """Return an annotation. Raises NotFound."""
    annotation = session.get(Annotation, annotation_id)
    if annotation is None:
        raise NotFound("annotation", annotation_id)
    return annotation


def label_ids(session: Session, *, annotation_id: int | None) -> set[int]:
    """Return the label ids of an annotation; none for a document without one."""
    query = select(AnnotationLabel.label_id).where(AnnotationLabel.annotation_id == annotation_id)
    return set(session.exec(query))


def label_names(session: Session, *, annotation_ids: Iterable[int | None]) -> dict[int, list[str]]:
    """Return {annotation id: label names by position} for those that have labels."""
    query = (
        select(AnnotationLabel.annotation_id, Label.name)
        .join(Label, col(Label.id) == AnnotationLabel.label_id)
        .where(col(AnnotationLabel.annotation_id).in_({key for key in annotation_ids if key is not None}))
        .order_by(col(Label.position), col(Label.id))
    )
    names: dict[int, list[str]] = {}
    for annotation_id, name in session.exec(query):
        names.setdefault(annotation_id, []).append(name)
    return names


def history(session: Session, *, document_id: int) -> Sequence[Annotation]:
    """Return all annotations of a document, oldest first."""
    query = select(Annotation).where(Annotation.document_id == document_id).order_by(col(Annotation.id))
    return session.exec(query).all()


def add_imported(session: Session, *, labels: Mapping[int, Collection[int]], author: str) -> None:
    """Annotate new documents, {document id: label ids}, as their file did."""
    rows = [Annotation(document_id=key, author=author, action=Action.IMPORTED) for key in labels]
    session.add_all(rows)
    session.flush()
    for row in rows:
        document = documents.get(session, document_id=row.document_id)
        _point(document, row)
        session.add_all(AnnotationLabel(annotation_id=row.id, label_id=key) for key in labels[row.document_id])


def record(
    session: Session,
    *,
    document_id: int,
    labels: Collection[int],
    author: str,
    action: Action,
    expected_id: int | None,
    prediction_id: int | None = None,
) -> Annotation:
    """Annotate a document.

    Raises:
        StaleWrite: the document's current annotation is not `expected_id` any more.
    """
    document = documents.get(session, document_id=document_id, lock=True)
    _refuse_stale(session, document, expected_id)
    annotation = Annotation(document_id=document_id, author=author, action=action, prediction_id=prediction_id)
    session.add(annotation)
    session.flush()
    session.add_all(AnnotationLabel(annotation_id=annotation.id, label_id=key) for key in labels)
    _point(document, annotation)
    return annotation


def undo(session: Session, *, annotation_id: int, author: str) -> Annotation:
    """Make the annotation before this one current again, and record who did so.

    Returns:
        The record of the undoing; the document points to the earlier annotation, or to none.

    Raises:
        StaleWrite: the annotation is not the document's current one.
    """
    undone = get(session, annotation_id=annotation_id)
    document = documents.get(session, document_id=undone.document_id, lock=True)
    _refuse_stale(session, document, annotation_id)
    session.add(
        mark := Annotation(document_id=document.id, author=author, action=Action.UNDONE, undoes_id=annotation_id)
    )
    session.flush()
    past = history(session, document_id=document.id)
    gone = {row.undoes_id for row in past}
    standing = [row for row in past if row.action is not Action.UNDONE and row.id not in gone]
    _point(document, standing[-1] if standing else None)
    return mark


def reviewed_since(session: Session, *, project_id: int, since: datetime | None) -> int:
    """Return how many documents a person accepted or corrected after `since`, or at all if None."""
    query = (
        select(func.count())
        .select_from(Document)
        .join(Annotation, col(Annotation.id) == Document.annotation_id)
        .where(Document.project_id == project_id, col(Document.annotation_action).in_(documents.REVIEWED))
    )
    if since is not None:
        query = query.where(Annotation.created_at > since)
    return session.exec(query).one()


def _point(document: Document, annotation: Annotation | None) -> None:
    document.annotation_id = annotation.id if annotation else None
    document.annotation_action = annotation.action if annotation else None


def _refuse_stale(session: Session, document: Document, expected_id: int | None) -> None:
    if document.annotation_id == expected_id:
        return
    last = history(session, document_id=document.id)[-1]
    names = label_names(session, annotation_ids=[document.annotation_id]).get(document.annotation_id or 0, [])
    raise StaleWrite(
        f"{last.author} saved this document at {last.created_at:%Y-%m-%d %H:%M:%S} UTC; its labels are now: "
        f"{', '.join(names) or 'none'}. Nothing of yours was written. Compare, then save again."
    )
