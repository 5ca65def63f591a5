"""Model versions with their figures, which one is active, and which labels have changed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.errors import AppError
from storage import labels, model_versions, projects, runs
from storage.engine import Database
from storage.labels import Change
from storage.models import ModelVersion, Run

__all__ = ["ModelService", "ModelView"]


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model version for display. `stale` names the labels that are not any more as it learnt them, and why."""

    id: int
    number: int
    name: str
    run_id: int
    backbone: str
    dev_micro_f1: float
    dev_macro_f1: float
    test_micro_f1: float | None
    test_macro_f1: float | None
    created_at: datetime
    active: bool
    documents: int
    corrections: int
    stale: list[str]


class ModelService:
    """Lists the versions of a project and picks the one that answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, project_id: int) -> list[ModelView]:
        """The last versions, newest first."""
        with self._database.read() as session:
            return _views(session, project_id, model_versions.listed(session, project_id=project_id))

    def active(self, project_id: int) -> ModelView | None:
        """The version that answers, or None before anything is trained."""
        with self._database.read() as session:
            version = model_versions.active(session, project_id=project_id)
            return _views(session, project_id, [version])[0] if version else None

    def activate(self, project_id: int, model_id: int) -> None:
        """Let this version of a project answer from now on. Raises AppError for another project's."""
        with self._database.write() as session:
            if model_versions.get(session, model_id=model_id).project_id != project_id:
                raise AppError("That version is another project's. Choose one of this project.")
            model_versions.activate(session, model_id=model_id)


def _views(session: Session, project_id: int, versions: Sequence[ModelVersion]) -> list[ModelView]:
    """What there is to say of a project's versions; queries do not grow with their number."""
    active = projects.get(session, project_id=project_id).active_model_id
    trained = runs.by_id(session, run_ids=[version.run_id for version in versions])
    changed = labels.changed_since(session, project_id=project_id, pinned=[version.labels for version in versions])
    return [
        _view(version, trained[version.run_id], stale, active=version.id == active)
        for version, stale in zip(versions, changed, strict=True)
    ]


def _view(version: ModelVersion, run: Run, stale: Sequence[Change], *, active: bool) -> ModelView:
    return ModelView(
        id=version.id,
        number=version.number,
        name=f"v{version.number}",
        run_id=version.run_id,
        backbone=version.backbone,
        dev_micro_f1=version.dev_micro_f1,
        dev_macro_f1=version.dev_macro_f1,
        test_micro_f1=version.test_micro_f1,
        test_macro_f1=version.test_macro_f1,
        created_at=version.created_at,
        active=active,
        documents=run.documents,
        corrections=run.corrections,
        stale=[f"{change.name} ({change.what})" for change in stale],
    )
