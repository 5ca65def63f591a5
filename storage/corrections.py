"""Annotations that differ from the prediction they answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from storage import documents, labels
from storage.models import Action, Annotation, AnnotationLabel, Document, PredictedSentence

__all__ = ["Corrected", "answered"]


class Corrected(NamedTuple):
    """A corrected document: labels that were predicted and taken away, and labels that had to be added."""

    document_id: int
    rejected: frozenset[int]
    missed: frozenset[int]


def answered(session: Session, *, project_id: int) -> Sequence[Corrected]:
    """Return the current corrections of a project that answer a prediction, oldest first; none of test documents.

    A predicted label that was merged since counts as the one that survived.
    """
    conditions = (
        col(Document.project_id) == project_id,
        col(Document.annotation_action) == Action.CORRECTED,
        col(Document.split).in_(documents.QUEUE),  # no wording is fitted to the others
        col(Annotation.prediction_id).is_not(None),
    )
    here = col(Annotation.id) == Document.annotation_id
    rows = session.exec(
        select(Document.id, Document.annotation_id, Annotation.prediction_id)
        .join(Annotation, here)
        .where(*conditions)
        .order_by(col(Annotation.id))
    ).all()
    current = select(Annotation.id, Annotation.prediction_id).join(Document, here).where(*conditions).subquery()
    predicted: dict[int, set[int]] = defaultdict(set)
    sentences = select(PredictedSentence.prediction_id, PredictedSentence.label_id).where(
        col(PredictedSentence.prediction_id).in_(select(current.c.prediction_id)),
        col(PredictedSentence.abstained).is_(False),
    )
    for owner_id, label_id in session.exec(sentences):
        if label_id is not None:
            predicted[owner_id].add(label_id)
    stands = labels.standing(session, label_ids={key for held in predicted.values() for key in held})
    chosen: dict[int, set[int]] = defaultdict(set)
    held_now = select(AnnotationLabel.annotation_id, AnnotationLabel.label_id).where(
        col(AnnotationLabel.annotation_id).in_(select(current.c.id))
    )
    for owner_id, label_id in session.exec(held_now):
        chosen[owner_id].add(label_id)
    found = []
    for document_id, annotation_id, prediction_id in rows:
        said = {stands[key].id for key in predicted[prediction_id or 0]}
        right = chosen[annotation_id or 0]
        found.append(Corrected(document_id, frozenset(said - right), frozenset(right - said)))
    return found
