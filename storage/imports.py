"""Imports of files: what each added, and taking one back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, delete, update
from sqlmodel import Session, col, func, select

from storage import annotations as annotation_log
from storage import documents
from storage.errors import NotFound
from storage.models import (
    Annotation,
    AnnotationLabel,
    Document,
    FileImport,
    PredictedSentence,
    Prediction,
    utc_now,
)

__all__ = ["add", "document_counts", "get", "listed", "take_back"]


def add(session: Session, *, project_id: int, file_name: str, author: str, created_labels: int = 0) -> FileImport:
    """Note that an import has begun to add something."""
    found = FileImport(project_id=project_id, file_name=file_name, author=author, created_labels=created_labels)
    session.add(found)
    session.flush()
    return found


def get(session: Session, *, import_id: int, lock: bool = False) -> FileImport:
    """Return an import; `lock` keeps other writers of it waiting until the commit. Raises NotFound."""
    found = session.get(FileImport, import_id, with_for_update=lock, populate_existing=lock)
    if found is None:
        raise NotFound("import", import_id)
    return found


def listed(session: Session, *, project_id: int, limit: int) -> Sequence[FileImport]:
    """Return the last imports of a project, newest first."""
    query = select(FileImport).where(FileImport.project_id == project_id)
    return session.exec(query.order_by(col(FileImport.id).desc()).limit(limit)).all()


def document_counts(session: Session, *, import_id: int) -> tuple[int, int]:
    """Return how many of the documents that an import added nobody ever reviewed, and how many somebody did."""
    query = select(func.count()).select_from(Document).where(Document.import_id == import_id)
    untouched = session.exec(query.where(col(Document.id).in_(_untouched(import_id)))).one()
    return untouched, session.exec(query).one() - untouched


def take_back(session: Session, *, import_id: int, author: str) -> int:
    """Delete the documents that an import added and nobody ever reviewed, and return how many there were.

    What a file or a model said of them goes with them.
    """
    session.flush()
    gone = _untouched(import_id)
    said = select(Annotation.id).where(col(Annotation.document_id).in_(gone))
    predicted = select(Prediction.id).where(col(Prediction.document_id).in_(gone))
    for statement in (
        update(Document).where(col(Document.id).in_(gone)).values(annotation_id=None),
        delete(AnnotationLabel).where(col(AnnotationLabel.annotation_id).in_(said)),
        delete(Annotation).where(col(Annotation.document_id).in_(gone)),
        delete(PredictedSentence).where(col(PredictedSentence.prediction_id).in_(predicted)),
        delete(Prediction).where(col(Prediction.document_id).in_(gone)),
    ):
        session.execute(statement, execution_options={"synchronize_session": False})
    deleted = session.execute(
        delete(Document).where(col(Document.id).in_(gone)), execution_options={"synchronize_session": False}
    )
    session.expire_all()  # the statements passed by what the session holds
    found = get(session, import_id=import_id)
    found.taken_back_at, found.taken_back_by = utc_now(), author
    annotation_log.count_change(session, project_id=found.project_id)
    return cast("CursorResult[Any]", deleted).rowcount


def _untouched(import_id: int) -> Any:
    """The ids of the documents that an import added and that no person ever reviewed, not even to undo it."""
    reviewed = select(Annotation.id).where(
        Annotation.document_id == Document.id, col(Annotation.action).in_(documents.REVIEWED)
    )
    return select(Document.id).where(Document.import_id == import_id, ~reviewed.exists())
