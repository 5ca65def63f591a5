"""What hangs on labels, counted before an operation touches them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from storage import documents, labels, model_versions, predictions, projects
from storage.models import AnnotationLabel

__all__ = ["Impact", "impact"]


@dataclass(frozen=True, slots=True)
class Impact:
    """Counts of what names some labels. `documents` carry one now, a split; `annotations` include the past ones.

    `models` are the titles of the versions that learnt one; `active` is the one of them that answers, if any.
    """

    names: list[str]
    documents: dict[str, int]
    annotations: int
    predictions: int
    models: list[str]
    active: str | None

    @property
    def documents_total(self) -> int:
        """Documents that carry one of the labels now."""
        return sum(self.documents.values())


def impact(session: Session, *, label_ids: Collection[int]) -> Impact:
    """Return what hangs on labels of one project. Raises NotFound."""
    rows = [labels.get(session, label_id=label_id) for label_id in label_ids]
    carried = documents.split_counts(session, label_ids=label_ids)
    past = select(func.count(func.distinct(col(AnnotationLabel.annotation_id))))
    project = projects.get(session, project_id=rows[0].project_id)
    learnt = [
        version
        for version in model_versions.listed(session, project_id=project.id, limit=1000)
        if {entry["label_id"] for entry in version.labels} & set(label_ids)
    ]
    return Impact(
        names=[row.name for row in rows],
        documents={split.value: count for split, count in carried.items()},
        annotations=session.exec(past.where(col(AnnotationLabel.label_id).in_(label_ids))).one(),
        predictions=predictions.naming(session, label_ids=label_ids),
        models=[version.title for version in learnt],
        active=next((version.title for version in learnt if version.id == project.active_model_id), None),
    )
