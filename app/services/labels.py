"""Labels and their descriptions: every saved wording is kept, and none may equal another label's."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from app.errors import AppError
from app.services.label_changes import recorded
from app.services.naming import checked_line
from lagamc.labels import Label, LabelSet
from storage import documents, drafts, labels, projects
from storage.engine import Database
from storage.errors import StaleWrite
from storage.models import Decision, DescriptionVersion, Operation
from storage.models import Label as LabelRow

__all__ = ["MAX_DESCRIPTION_CHARACTERS", "LabelService", "LabelSetView", "LabelView", "VersionView"]

MAX_DESCRIPTION_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class LabelView:
    """A label with its current description; version 0 and no author mean that none was written yet.

    `parent` is the name of the label it stands under, if that is in use.
    """

    id: int
    project_id: int
    name: str
    description: str
    author: str
    updated_at: datetime
    version: int
    retired: bool
    position: int
    parent: str
    colour: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """One wording of a description."""

    number: int
    text: str
    author: str
    source: str
    note: str
    provenance: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LabelSetView:
    """A project's label set, with the ids of labels and description versions in the same order."""

    label_set: LabelSet
    label_ids: tuple[int, ...]
    description_version_ids: tuple[int, ...]


class LabelService:
    """Use cases of the Labels screen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, project_id: int, name: str, description: str, author: str, *, note: str = "") -> int:
        """Add a label and return its id; a blank description is left to be drafted.

        Raises AppError, NameTaken, or Retired when the project was put away.
        """
        name, description, note = _checked(name, description, note, described=False)
        with self._database.write() as session:
            projects.locked(session, project_id=project_id)
            label = labels.add(session, project_id=project_id, name=name)
            if description:
                _refuse_shared(session, label, description)
                labels.add_version(session, label_id=label.id, text=description, author=author, note=note)
            return label.id

    def save(
        self,
        label_id: int,
        name: str | None,
        description: str,
        author: str,
        expected_version: int | None = None,
        *,
        expected_name: str | None = None,
        draft_id: int | None = None,
        note: str = "",
    ) -> int:
        """Rename a label, reword it, or both, and return the number of its current version.

        No name keeps the label's. A rename makes a version too, so that the history shows it; saving what is
        there already makes none. The version carries `note` and what changed by itself. A wording that began as
        a draft keeps the draft's source and what it was made from, and the draft is accepted with it if nobody
        has decided it since. A label that was never described may stay so; its number is 0.

        Raises:
            AppError: the name or description is blank or too long, or the description is another label's.
            NameTaken: another label of the project has the name.
            StaleWrite: the label has a newer version than `expected_version`, or is not called `expected_name` any
                more.
            Retired: its project was put away.
        """
        with self._database.write() as session:
            label = _locked(session, label_id)
            current = labels.current_version(session, label_id=label_id)
            name = label.name if name is None else name
            name, description, note = _checked(name, description, note, described=current is not None)
            _refuse_stale(label, current, expected_version)
            if expected_name not in (None, label.name):
                raise StaleWrite(
                    f"{expected_name!r} was renamed to {label.name!r} since you opened it. Nothing of yours was "
                    "written. Copy what you typed, open the label again, and save."
                )
            draft = None if draft_id is None else drafts.get(session, draft_id=draft_id, lock=True)
            if draft is not None and draft.label_id != label_id:
                raise AppError(f"That draft is not one of {label.name!r}. Select the label again to see its drafts.")
            former, version = label.name, current
            if former != name:
                _rename(session, label, name, author)
            if not description:
                return 0
            if current is None or (former, current.text) != (name, description):
                notes = [note] if note else []
                notes += [f"renamed from {former!r}"] if former != name else []
                notes += ["edited by hand"] if draft and description != " ".join(draft.text.split()) else []
                _refuse_shared(session, label, description)
                version = labels.add_version(
                    session,
                    label_id=label_id,
                    text=description,
                    author=author,
                    source=draft.source if draft else "person",
                    note="; ".join(notes),
                    provenance=draft.provenance if draft else None,
                )
            if draft is not None and draft.decision is None:
                drafts.decide(session, draft_id=draft.id, decision=Decision.ACCEPTED, accepted_version_id=version.id)
            return version.number

    def versions(self, label_id: int, limit: int = sys.maxsize) -> list[VersionView]:
        """Return the descriptions of a label, newest first; the last `limit` of them."""
        with self._database.read() as session:
            return [
                VersionView(row.number, row.text, row.author, row.source, row.note, row.provenance, row.created_at)
                for row in labels.versions(session, label_id=label_id, limit=limit)
            ]

    def restore_version(self, label_id: int, number: int, author: str) -> int:
        """Make an old wording current again, as a new version, and return that version's number.

        Raises AppError when the wording is another label's by now, Retired when the project was put away.
        """
        with self._database.write() as session:
            label = _locked(session, label_id)
            old = labels.version(session, label_id=label_id, number=number)
            _refuse_shared(session, label, old.text)
            return labels.add_version(
                session,
                label_id=label_id,
                text=old.text,
                author=author,
                source=old.source,
                note=f"version {number} restored",
                provenance=old.provenance,
            ).number

    def label_set(self, project_id: int) -> LabelSetView:
        """Return the labels in use as the method needs them.

        Raises:
            LabelError: there are none, or some lack a description.
        """
        with self._database.read() as session:
            found = labels.described(session, project_id=project_id)
        return LabelSetView(
            LabelSet(Label(label.name, version.text if version else "") for label, version in found),
            tuple(label.id for label, _ in found),
            tuple(version.id for _, version in found if version is not None),
        )

    def colours(self, project_id: int) -> dict[str, str]:
        """Return {name: colour} of the labels that have one, retired ones included."""
        with self._database.read() as session:
            found = labels.by_name(session, project_id=project_id, include_retired=True).values()
        return {label.name: label.colour for label in found if label.colour}

    def list(self, project_id: int, *, include_retired: bool = False) -> list[LabelView]:
        """Return a project's labels by position."""
        with self._database.read() as session:
            found = labels.described(session, project_id=project_id, include_retired=include_retired)
            parents = labels.parents(session, project_id=project_id)
        return [_view(label, version, parents.get(label.id)) for label, version in found]

    def get(self, label_id: int) -> LabelView:
        """Return a label, retired or not. Raises NotFound."""
        with self._database.read() as session:
            label = labels.get(session, label_id=label_id)
            version = labels.current_version(session, label_id=label_id)
            parents = labels.parents(session, project_id=label.project_id)
        return _view(label, version, parents.get(label_id))

    def documents(self, project_id: int) -> Mapping[int, int]:
        """Return {label id: documents that carry it}; reads all annotations of the project."""
        with self._database.read() as session:
            counted: Counter[int] = Counter()
            for label_id, _, number in documents.label_counts(session, project_id=project_id):
                counted[label_id] += number
        return counted


def _locked(session: Session, label_id: int) -> LabelRow:
    """Return a label while no other label of its project can change: descriptions are compared. Raises Retired."""
    label = labels.get(session, label_id=label_id)
    projects.locked(session, project_id=label.project_id)
    return labels.get(session, label_id=label_id, lock=True)


def _rename(session: Session, label: LabelRow, name: str, author: str) -> None:
    """Give a label another name, as a step of the history that can be undone."""
    with recorded(
        session, project_id=label.project_id, operation=Operation.RENAMED, author=author, label_ids=[label.id]
    ):
        labels.rename(session, label_id=label.id, name=name)


def _checked(name: str, description: str, note: str, *, described: bool) -> tuple[str, str, str]:
    """Return what was typed as it is stored; a label that is `described` cannot go back to none."""
    name = checked_line(name, what="The name of a label")
    if described or description.split():
        what = f"The description of {name!r}"
        description = checked_line(description, what=what, limit=MAX_DESCRIPTION_CHARACTERS)
    if note.split():
        note = checked_line(note, what="The note")
    return name, description.strip(), note.strip()


def _refuse_shared(session: Session, label: LabelRow, description: str) -> None:
    for other, version in labels.described(session, project_id=label.project_id):
        if other.id != label.id and version and version.text.casefold() == description.casefold():
            raise AppError(
                f"{other.name!r} has the same description, so no sentence could tell it from {label.name!r}. "
                "Say what differs."
            )


def _refuse_stale(label: LabelRow, current: DescriptionVersion | None, expected: int | None) -> None:
    if expected is None or current is None or current.number == expected:
        return
    raise StaleWrite(
        f"{current.author} saved {label.name!r} at {current.created_at:%Y-%m-%d %H:%M:%S} UTC; it now reads: "
        f"{current.text!r}. Nothing of yours was written. Select its row in the table to see "
        "that wording, where 'Undo' brings yours back; then save again."
    )


def _view(label: LabelRow, version: DescriptionVersion | None, parent: LabelRow | None) -> LabelView:
    return LabelView(
        id=label.id,
        project_id=label.project_id,
        name=label.name,
        description=version.text if version else "",
        author=version.author if version else "",
        updated_at=version.created_at if version else label.created_at,
        version=version.number if version else 0,
        retired=label.retired_at is not None,
        position=label.position,
        parent=parent.name if parent and parent.retired_at is None else "",
        colour=label.colour,
    )
