"""Model versions with their figures, which one is active, and which labels have changed since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from storage import labels, model_versions, projects, runs
from storage.engine import Database
from storage.models import ModelVersion

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
            active = projects.get(session, project_id=project_id).active_model_id
            versions = model_versions.listed(session, project_id=project_id)
            return [_view(session, version, active=version.id == active) for version in versions]

    def active(self, project_id: int) -> ModelView | None:
        """The version that answers, or None before anything is trained."""
        with self._database.read() as session:
            version = model_versions.active(session, project_id=project_id)
            return version and _view(session, version, active=True)

    def activate(self, model_id: int) -> None:
        """Let this version answer from now on."""
        with self._database.write() as session:
            model_versions.activate(session, model_id=model_id)


def _view(session: Session, version: ModelVersion, *, active: bool) -> ModelView:
    run = runs.get(session, run_id=version.run_id)
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
        stale=[
            f"{change.name} ({change.what})"
            for change in labels.changed_since(session, project_id=version.project_id, pinned=version.labels)
        ],
    )
