"""Annotations: an append-only history, and a pointer from each document to the current one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy
from sqlalchemy import ColumnElement, CursorResult, insert, literal, or_, update
from sqlalchemy.orm import QueryableAttribute, aliased
from sqlmodel import Session, col, func, select

from storage import documents, label_events, labels
from storage.errors import NotFound, StaleWrite
from storage.models import Action, Annotation, AnnotationLabel, Document, Label, LabelEvent, Project, utc_now

__all__ = [
    "add_imported",
    "count_change",
    "get",
    "given_since",
    "history",
    "label_ids",
    "label_names",
    "record",
    "relabel",
    "reviewed_since",
    "take_back",
    "undo",
]


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
    annotated = [documents.get(session, document_id=row.document_id) for row in rows]
    for document, row in zip(annotated, rows, strict=True):
        _point(document, row)
        session.add_all(AnnotationLabel(annotation_id=row.id, label_id=key) for key in labels[row.document_id])
    for project_id in {document.project_id for document in annotated}:
        count_change(session, project_id=project_id)


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
    count_change(session, project_id=document.project_id)
    return annotation


def undo(session: Session, *, annotation_id: int, author: str) -> Annotation:
    """Make the annotation before this one current again, and record who did so.

    Of a label that was merged since, its survivor comes back: the earlier annotation is then written anew.

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
    _point(document, _merges_followed(session, standing[-1]) if standing else None)
    count_change(session, project_id=document.project_id)
    return mark


def _merges_followed(session: Session, annotation: Annotation) -> Annotation:
    """An annotation, or where labels of it were merged since, a copy of it with those that stand for them."""
    held = label_ids(session, annotation_id=annotation.id)
    now = {label.id for label in labels.standing(session, label_ids=held).values()}
    if now == held:
        return annotation
    copy = Annotation(
        document_id=annotation.document_id,
        author=annotation.author,
        action=annotation.action,
        prediction_id=annotation.prediction_id,
        replaces_id=annotation.id,
    )
    session.add(copy)
    session.flush()
    session.add_all(AnnotationLabel(annotation_id=copy.id, label_id=key) for key in now)
    return copy


def relabel(session: Session, *, labels: Mapping[int, Collection[int]], author: str, event_id: int) -> None:
    """Annotate documents, {document id: label ids}, as an operation on labels has it.

    How the labels came about stays as it was, so an import that was relabelled still awaits review. All others wait
    meanwhile, so it takes a few statements for 500 documents, and reads no text.
    """
    session.flush()
    # as an expression, it is not looked up: every batch would pass through what all others have written
    own = func.coalesce(Annotation.label_event_id, 0) == event_id
    for keys in _batches(list(labels)):
        _annotate_all(
            session, col(Document.id).in_(keys), author=author, action=col(Annotation.action),
            prediction_id=col(Annotation.prediction_id), label_event_id=event_id, replaces_id=col(Annotation.id),
        )  # fmt: skip
        new = select(Annotation.document_id, Annotation.id).where(col(Annotation.document_id).in_(keys), own)
        ids = session.exec(new).all()
        held = [{"annotation_id": new_id, "label_id": label} for key, new_id in ids for label in labels[key]]
        if held:
            session.execute(insert(AnnotationLabel), held)
        session.execute(update(Document), [{"id": key, "annotation_id": new_id} for key, new_id in ids])
    session.expire_all()  # the statements passed by what the session holds
    count_change(session, project_id=label_events.get(session, event_id=event_id).project_id)


def take_back(session: Session, *, event_id: int, author: str, merged: Collection[int] = ()) -> int:
    """Undo all that an operation on labels annotated, and return how many documents changed.

    Args:
        session: of the database.
        event_id: of the operation.
        author: who takes it back.
        merged: labels that it merged into another.

    Raises:
        StaleWrite: some of them were saved since, or a save was undone since, which followed the merge.
    """
    session.flush()
    stands = func.coalesce(Document.annotation_id, 0)
    later = session.exec(
        select(func.count())
        .select_from(Annotation)
        .join(Document, col(Document.id) == Annotation.document_id)
        .where(Annotation.label_event_id == event_id, stands != Annotation.id, stands != Annotation.replaces_id)
    ).one()
    followed = session.exec(
        select(func.count(func.distinct(col(Document.id))))
        .join(Annotation, col(Annotation.id) == Document.annotation_id)
        .join(AnnotationLabel, col(AnnotationLabel.annotation_id) == Annotation.replaces_id)
        .where(col(Annotation.label_event_id).is_(None), col(AnnotationLabel.label_id).in_(merged))
    ).one()
    if followed:
        raise StaleWrite(
            f"Of {followed} documents a review was undone since, which gave them the merged label, so this step cannot "
            "be taken back as a whole. Review them again first, or change the labels by a new step."
        )
    if later:
        raise StaleWrite(
            f"{later} of the documents that this step relabelled were saved since, so it cannot be taken back as a "
            "whole. Undo these saves first, or change the labels by a new step."
        )
    own = col(Annotation.label_event_id) == event_id
    _annotate_all(session, own, author=author, action=Action.UNDONE, undoes_id=col(Annotation.id))
    written = select(Annotation.id).where(own)
    earlier = select(Annotation.replaces_id).where(Annotation.id == Document.annotation_id).scalar_subquery()
    count_change(session, project_id=label_events.get(session, event_id=event_id).project_id)
    return _point_all(
        session, update(Document).where(col(Document.annotation_id).in_(written)).values(annotation_id=earlier)
    )


def given_since(session: Session, *, label_ids: Collection[int], event: LabelEvent) -> int:
    """Return how many documents carry one of some labels, did not before an operation, and do not by its own doing."""
    carrying = select(AnnotationLabel.annotation_id).where(col(AnnotationLabel.label_id).in_(label_ids))
    earlier = aliased(Annotation)
    undone = select(Annotation.undoes_id).where(
        col(Annotation.undoes_id).is_not(None), col(Annotation.created_at) <= event.created_at
    )
    before = (
        select(func.max(earlier.id))
        .where(earlier.document_id == Document.id, col(earlier.created_at) <= event.created_at)
        .where(earlier.action != Action.UNDONE, col(earlier.id).not_in(undone))
        .correlate(Document)
        .scalar_subquery()
    )
    query = (
        select(func.count())
        .select_from(Document)
        .join(Annotation, col(Annotation.id) == Document.annotation_id)
        .where(col(Annotation.id).in_(carrying), col(Annotation.created_at) > event.created_at)
        .where(or_(col(Annotation.label_event_id).is_(None), col(Annotation.label_event_id) != event.id))
        .where(func.coalesce(before, 0).not_in(carrying))
    )
    return session.exec(query).one()


def reviewed_since(
    session: Session, *, project_id: int, since: datetime | None, actions: Collection[Action] = documents.REVIEWED
) -> int:
    """Return how many documents a person reviewed with one of these ends after `since`, or at all if None.

    Those of the test split, which no model is trained on, are left out.
    An annotation that an operation on labels wrote anew is as old as the one that a person wrote.
    """
    columns = (col(Annotation.id), col(Annotation.replaces_id), col(Annotation.created_at))
    current = (
        select(*columns)
        .join(Document, col(Annotation.id) == Document.annotation_id)
        .where(Document.project_id == project_id, col(Document.annotation_action).in_(actions))
        .where(col(Document.split).in_(documents.QUEUE))
        .cte(recursive=True)
    )
    chain = current.union_all(select(*columns).join(current, col(Annotation.id) == current.c.replaces_id))
    query = select(func.count()).select_from(chain).where(chain.c.replaces_id.is_(None))
    if since is not None:
        query = query.where(chain.c.created_at > since)
    return session.exec(query).one()


def _batches(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut ids into pieces that one statement takes."""
    return (keys[start : start + 500] for start in range(0, len(keys), 500))


def _annotate_all(session: Session, which: ColumnElement[bool], **columns: Any) -> None:
    """Write an annotation for every document of which the condition holds, or of its current annotation.

    Columns are values, or expressions over the two.
    """
    types = Annotation.__table__.c  # type: ignore[attr-defined]
    row = {"document_id": col(Document.id), **columns, "created_at": utc_now()}
    values = [
        value if isinstance(value, QueryableAttribute) else literal(value, type_=types[name].type)
        for name, value in row.items()
    ]
    current = col(Annotation.id) == Document.annotation_id
    found = sqlalchemy.select(*values).select_from(Document).join(Annotation, current).where(which)
    session.execute(insert(Annotation).from_select(list(row), found, include_defaults=False))


def _point_all(session: Session, statement: Any) -> int:
    """Point documents to annotations that came about as theirs did, and return how many there are."""
    options = {"synchronize_session": False}
    changed = cast("CursorResult[Any]", session.execute(statement, execution_options=options)).rowcount
    session.expire_all()  # the statement passed by what the session holds
    return changed


def _point(document: Document, annotation: Annotation | None) -> None:
    document.annotation_id = annotation.id if annotation else None
    document.annotation_action = annotation.action if annotation else None


def count_change(session: Session, *, project_id: int) -> None:
    """Count that labels of documents changed: in the database, where two that write at once both do."""
    counted = update(Project).where(col(Project.id) == project_id)
    session.execute(
        counted.values(annotation_changes=col(Project.annotation_changes) + 1),
        execution_options={"synchronize_session": False},
    )


def _refuse_stale(session: Session, document: Document, expected_id: int | None) -> None:
    if document.annotation_id == expected_id:
        return
    last = history(session, document_id=document.id)[-1]
    names = label_names(session, annotation_ids=[document.annotation_id]).get(document.annotation_id or 0, [])
    raise StaleWrite(
        f"{last.author} saved this document at {last.created_at:%Y-%m-%d %H:%M:%S} UTC; its labels are now: "
        f"{', '.join(names) or 'none'}. Nothing of yours was written. Compare, then save again."
    )
