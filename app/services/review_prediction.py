"""Stored predictions as a reviewer sees them, and whether what answers now would say the same."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from app.services.answer_view import SentenceRow, given_labels
from app.services.answering import UNTRAINED
from storage import label_sets, labels, model_versions, predictions
from storage.models import Document, ModelVersion, Prediction

__all__ = ["PredictionView", "fresh_prediction", "prediction_view"]


@dataclass(frozen=True, slots=True)
class PredictionView:
    """A stored prediction under the names that labels have now; `labels` leaves out those retired since."""

    id: int
    model_name: str
    trained: bool
    threshold: float
    labels: list[str]
    rows: list[SentenceRow]
    added: tuple[str, ...] = ()  # labels in use that the model version did not learn


def fresh_prediction(session: Session, document: Document) -> Prediction | None:
    """Return the newest prediction of what answers now, unless it was made with other labels than those of now."""
    version = model_versions.active(session, project_id=document.project_id)
    version_id = version.id if version else None
    found = predictions.latest(session, document_id=document.id, model_version_id=version_id)
    if found is None:
        return None
    if version is not None:
        added = labels.added_since(session, project_id=document.project_id, pinned=version.labels)
        if not added:
            return found if found.label_set_id is None else None
        more = [
            {"label_id": label.id, "name": label.name, "description_version_id": description.id}
            for label, description in added
        ]
        entries = [*version.labels, *more]
    else:
        entries = label_sets.entries(session, project_id=document.project_id)
    pinned = label_sets.find(session, project_id=document.project_id, pinned=entries)
    return found if pinned is not None and found.label_set_id == pinned.id else None


def prediction_view(session: Session, prediction_id: int) -> PredictionView:
    """Return a stored prediction with its evidence, under the names that labels have now."""
    prediction = predictions.get(session, prediction_id=prediction_id)
    sentences = predictions.sentences(session, prediction_id=prediction_id)
    ids = {key for row in sentences for key in (row.label_id, row.runner_up_id) if key is not None}
    stands = labels.standing(session, label_ids=ids)
    names = {key: label.name for key, label in stands.items()}
    model_id = prediction.model_version_id
    version = None if model_id is None else model_versions.get(session, model_id=model_id)
    learnt = version and {entry["label_id"] for entry in version.labels}
    rows = [
        SentenceRow(
            sentence=row.text,
            label=names.get(row.label_id or 0, ""),
            cosine=row.cosine,
            runner_up=names.get(row.runner_up_id or 0),
            runner_up_cosine=row.runner_up_cosine,
            margin=None if row.runner_up_cosine is None else row.cosine - row.runner_up_cosine,
            abstained=row.abstained,
            log_probability=row.log_probability,
            probability=row.probability,
            zero_shot=learnt is not None and row.label_id not in learnt,
            retired=row.label_id is not None and stands[row.label_id].retired_at is not None,
        )
        for row in sentences
    ]
    return PredictionView(
        id=prediction.id,
        model_name=version.title if version else UNTRAINED,
        trained=version is not None,
        threshold=prediction.threshold,
        labels=given_labels(rows),
        rows=rows,
        added=() if version is None else _added(session, version),
    )


def _added(session: Session, version: ModelVersion) -> tuple[str, ...]:
    found = labels.added_since(session, project_id=version.project_id, pinned=version.labels)
    return tuple(label.name for label, _ in found)
