"""Projects: a collection of documents with its labels, runs and models."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from storage.errors import NameTaken, NotFound, Retired
from storage.models import Project, name_key, utc_now

__all__ = ["add", "find", "get", "listed", "locked", "rename", "set_outside_allowed", "set_retired", "set_task"]


def get(session: Session, *, project_id: int, lock: bool = False) -> Project:
    """Return a project; `lock` keeps other writers of the project waiting until the commit."""
    project = session.get(Project, project_id, with_for_update=lock, populate_existing=lock)
    if project is None:
        raise NotFound("project", project_id)
    return project


def locked(session: Session, *, project_id: int) -> Project:
    """Return a project in use that nobody else writes to until the commit. Raises NotFound, Retired."""
    project = get(session, project_id=project_id, lock=True)
    if project.retired_at is not None:
        raise Retired(project.name)
    return project


def find(session: Session, *, name: str) -> Project | None:
    """Return the project of that name, retired or not."""
    return session.exec(select(Project).where(Project.name_key == name_key(name))).first()


def listed(session: Session, *, include_retired: bool = False) -> Sequence[Project]:
    """Return projects by name."""
    query = select(Project).order_by(col(Project.name_key))
    if not include_retired:
        query = query.where(col(Project.retired_at).is_(None))
    return session.exec(query).all()


def add(session: Session, *, name: str, task: str = "") -> Project:
    """Add a project. Raises NameTaken."""
    _refuse_taken(session, name=name, project_id=None)
    project = Project(name=name, name_key=name_key(name), task=task)
    session.add(project)
    session.flush()
    return project


def rename(session: Session, *, project_id: int, name: str) -> Project:
    """Give a project another name. Raises NameTaken."""
    project = get(session, project_id=project_id, lock=True)
    _refuse_taken(session, name=name, project_id=project_id)
    project.name, project.name_key = name, name_key(name)
    return project


def set_task(session: Session, *, project_id: int, task: str) -> None:
    """Say what is classified; prompts of chat models and of models that follow instructions begin with it."""
    get(session, project_id=project_id, lock=True).task = task


def set_retired(session: Session, *, project_id: int, retired: bool) -> None:
    """Put a project away, or take it back; nothing in it changes."""
    project = get(session, project_id=project_id, lock=True)
    project.retired_at = utc_now() if retired else None


def set_outside_allowed(session: Session, *, project_id: int, allowed: bool) -> None:
    """Say whether texts of a project may be sent to a service outside."""
    get(session, project_id=project_id, lock=True).outside_allowed = allowed


def _refuse_taken(session: Session, *, name: str, project_id: int | None) -> None:
    other = find(session, name=name)
    if other is not None and other.id != project_id:
        advice = "Restore it, or choose another name." if other.retired_at else "Choose another name."
        state = "retired project" if other.retired_at else "project"
        raise NameTaken(f"There is a {state} called {other.name!r} already. {advice}")
