"""Predictions with every generated sentence, as a model gave them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, func, select

from storage.errors import NotFound
from storage.models import PredictedSentence, Prediction

__all__ = ["add", "get", "latest", "naming", "sentences"]


def get(session: Session, *, prediction_id: int) -> Prediction:
    """Return a prediction. Raises NotFound."""
    prediction = session.get(Prediction, prediction_id)
    if prediction is None:
        raise NotFound("prediction", prediction_id)
    return prediction


def add(
    session: Session,
    *,
    document_id: int,
    model_version_id: int | None,
    threshold: float,
    sentences: Sequence[PredictedSentence],
    label_set_id: int | None = None,
) -> Prediction:
    """Store a prediction; ids and positions of the sentences are set here.

    One that used another label set than its model version's names the pinned one.
    """
    prediction = Prediction(
        document_id=document_id,
        model_version_id=model_version_id,
        threshold=threshold,
        label_set_id=label_set_id,
    )
    session.add(prediction)
    session.flush()
    for position, sentence in enumerate(sentences):
        sentence.prediction_id, sentence.position = prediction.id, position
    session.add_all(sentences)
    session.flush()
    return prediction


def latest(session: Session, *, document_id: int, model_version_id: int | None) -> Prediction | None:
    """Return the newest prediction of one model version (None: the untrained encoder) for a document."""
    query = (
        select(Prediction)
        .where(Prediction.document_id == document_id, Prediction.model_version_id == model_version_id)
        .order_by(col(Prediction.id).desc())
    )
    return session.exec(query).first()


def sentences(session: Session, *, prediction_id: int) -> Sequence[PredictedSentence]:
    """Return the sentences of a prediction in the order they were generated."""
    query = select(PredictedSentence).where(PredictedSentence.prediction_id == prediction_id)
    return session.exec(query.order_by(col(PredictedSentence.position))).all()


def naming(session: Session, *, label_ids: Collection[int]) -> int:
    """Return how many predictions assign one of some labels."""
    query = select(func.count(func.distinct(col(PredictedSentence.prediction_id)))).where(
        col(PredictedSentence.label_id).in_(label_ids), col(PredictedSentence.abstained).is_(False)
    )
    return session.exec(query).one()
