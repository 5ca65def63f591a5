"""Trained models of a project, numbered from 1; one of them is active."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from storage import projects
from storage.errors import NotFound
from storage.models import ModelVersion

__all__ = ["activate", "active", "add", "by_run", "get", "latest", "listed"]


def get(session: Session, *, model_id: int) -> ModelVersion:
    """Return a model version. Raises NotFound."""
    version = session.get(ModelVersion, model_id)
    if version is None:
        raise NotFound("model version", model_id)
    return version


def add(session: Session, *, version: ModelVersion) -> ModelVersion:
    """Store a model version under the project's next number, whatever number it came with."""
    projects.get(session, project_id=version.project_id, lock=True)
    query = select(func.max(ModelVersion.number)).where(ModelVersion.project_id == version.project_id)
    version.number = (session.exec(query).one() or 0) + 1
    session.add(version)
    session.flush()
    return version


def activate(session: Session, *, model_id: int) -> ModelVersion:
    """Make a version the one that answers in its project."""
    version = get(session, model_id=model_id)
    projects.get(session, project_id=version.project_id, lock=True).active_model_id = model_id
    return version


def active(session: Session, *, project_id: int) -> ModelVersion | None:
    """Return the version that answers, or None before anything is trained."""
    project = projects.get(session, project_id=project_id)
    return None if project.active_model_id is None else get(session, model_id=project.active_model_id)


def latest(session: Session, *, project_id: int) -> ModelVersion | None:
    """Return the version with the highest number."""
    return next(iter(listed(session, project_id=project_id, limit=1)), None)


def by_run(session: Session, *, run_id: int) -> ModelVersion | None:
    """Return the version a run made, if it made one."""
    return session.exec(select(ModelVersion).where(ModelVersion.run_id == run_id)).first()


def listed(session: Session, *, project_id: int, offset: int = 0, limit: int = 100) -> Sequence[ModelVersion]:
    """Return a project's versions, newest first."""
    query = select(ModelVersion).where(ModelVersion.project_id == project_id)
    return session.exec(query.order_by(col(ModelVersion.number).desc()).offset(offset).limit(limit)).all()
