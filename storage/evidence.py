"""What one model said about the documents of a project, and what is annotated there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Subquery
from sqlmodel import Session, col, func, or_, select

from storage.models import AnnotationLabel, Document, PredictedSentence, Prediction, SplitName

__all__ = [
    "carried",
    "document_ids",
    "sentences",
    "texts",
    "unpredicted",
    "unpredicted_total",
    "unwritten",
]

TEXTS_AT_A_TIME = 500


def document_ids(session: Session, *, project_id: int, splits: Collection[SplitName]) -> Sequence[int]:
    """Return the ids of a project's documents of some splits, in order."""
    query = select(Document.id).where(Document.project_id == project_id, col(Document.split).in_(splits))
    return session.exec(query.order_by(col(Document.id))).all()


def texts(session: Session, *, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Return {document id: (external id, text)}."""
    found: dict[int, tuple[str, str]] = {}
    for start in range(0, len(ids), TEXTS_AT_A_TIME):
        query = select(Document.id, Document.external_id, Document.text)
        rows = session.exec(query.where(col(Document.id).in_(ids[start : start + TEXTS_AT_A_TIME])))
        found |= {key: (external_id, text) for key, external_id, text in rows}
    return found


def unpredicted(
    session: Session,
    *,
    project_id: int,
    model_version_id: int,
    splits: Collection[SplitName],
    limit: int,
    after_id: int = 0,
) -> Sequence[Document]:
    """Return documents behind an id about which a model version has said nothing yet, by id."""
    query = select(Document).where(*_silent(project_id, model_version_id, splits), Document.id > after_id)
    return session.exec(query.order_by(col(Document.id)).limit(limit)).all()


def unpredicted_total(
    session: Session, *, project_id: int, model_version_id: int, splits: Collection[SplitName]
) -> int:
    """Return how many documents `unpredicted` can reach."""
    query = select(func.count()).select_from(Document)
    return session.exec(query.where(*_silent(project_id, model_version_id, splits))).one()


def sentences(session: Session, *, project_id: int, model_version_id: int) -> Sequence[tuple[int, str]]:
    """Return (document id, sentence) that the model wrote, in each document's newest prediction, by position.

    Sentences whose label is too improbable are left out: no wording of a description would give it.
    """
    newest = _newest(project_id, model_version_id)
    query = (
        select(Prediction.document_id, PredictedSentence.text)
        .join(newest, newest.c.id == Prediction.id)
        .join(PredictedSentence, col(PredictedSentence.prediction_id) == Prediction.id)
        .where(col(PredictedSentence.log_probability).is_not(None))
        .where(or_(~col(PredictedSentence.abstained), PredictedSentence.cosine < Prediction.threshold))
        .order_by(col(Prediction.document_id), col(PredictedSentence.position))
    )
    return session.exec(query).all()


def unwritten(session: Session, *, project_id: int, model_version_id: int) -> Sequence[tuple[int, int]]:
    """Return (document id, label id) that the newest predictions give though the model wrote nothing for it."""
    newest = _newest(project_id, model_version_id)
    query = (
        select(Prediction.document_id, PredictedSentence.label_id)
        .join(newest, newest.c.id == Prediction.id)
        .join(PredictedSentence, col(PredictedSentence.prediction_id) == Prediction.id)
        .where(col(PredictedSentence.log_probability).is_(None), ~col(PredictedSentence.abstained))
        .order_by(col(Prediction.document_id), col(PredictedSentence.position))
    )
    return [(document_id, label_id) for document_id, label_id in session.exec(query) if label_id is not None]


def carried(
    session: Session, *, project_id: int, splits: Collection[SplitName], label_id: int | None = None
) -> dict[int, set[int]]:
    """Return {document id: label ids} of annotated documents, by id; one without a label has an empty set.

    With a `label_id`, of those that carry it.
    """
    query = (
        select(Document.id, AnnotationLabel.label_id)
        .outerjoin(AnnotationLabel, col(AnnotationLabel.annotation_id) == Document.annotation_id)
        .where(Document.project_id == project_id, col(Document.annotation_id).is_not(None))
        .where(col(Document.split).in_(splits))
    )
    if label_id is not None:
        holding = select(AnnotationLabel.annotation_id).where(AnnotationLabel.label_id == label_id)
        query = query.where(col(Document.annotation_id).in_(holding))
    found: dict[int, set[int]] = {}
    for document_id, held_id in session.exec(query.order_by(col(Document.id))):
        held = found.setdefault(document_id, set())
        if held_id is not None:
            held.add(held_id)
    return found


def _newest(project_id: int, model_version_id: int) -> Subquery:
    """The id of each document's newest prediction by a model version."""
    return (
        select(func.max(Prediction.id).label("id"))
        .join(Document, col(Document.id) == Prediction.document_id)
        .where(Document.project_id == project_id, Prediction.model_version_id == model_version_id)
        .group_by(col(Prediction.document_id))
        .subquery()
    )


def _silent(project_id: int, model_version_id: int, splits: Collection[SplitName]) -> list[ColumnElement[bool]]:
    said = select(Prediction).where(
        Prediction.document_id == Document.id, Prediction.model_version_id == model_version_id
    )
    return [col(Document.project_id) == project_id, col(Document.split).in_(splits), ~said.exists()]
