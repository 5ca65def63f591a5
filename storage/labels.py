"""Labels and the versions of their descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_
from sqlmodel import Session, col, func, select

from storage.errors import NameTaken, NotFound
from storage.models import DescriptionVersion, Label, name_key, utc_now

__all__ = [
    "Change",
    "add",
    "add_version",
    "added_since",
    "by_name",
    "changed_since",
    "counts",
    "current_version",
    "described",
    "get",
    "made_from",
    "names",
    "parents",
    "pinned_texts",
    "rename",
    "set_retired",
    "standing",
    "version",
    "versions",
]


def get(session: Session, *, label_id: int, lock: bool = False) -> Label:
    """Return a label; `lock` keeps other writers of the label waiting until the commit."""
    label = session.get(Label, label_id, with_for_update=lock, populate_existing=lock)
    if label is None:
        raise NotFound("label", label_id)
    return label


def described(
    session: Session, *, project_id: int, include_retired: bool = False
) -> Sequence[tuple[Label, DescriptionVersion | None]]:
    """Return a project's labels by position, each with its current description if it has one."""
    newest = (
        select(func.max(DescriptionVersion.number))
        .where(DescriptionVersion.label_id == Label.id)
        .correlate(Label)
        .scalar_subquery()
    )
    query = (
        select(Label, DescriptionVersion)
        .outerjoin(
            DescriptionVersion,
            and_(col(DescriptionVersion.label_id) == Label.id, col(DescriptionVersion.number) == newest),
        )
        .where(Label.project_id == project_id)
        .order_by(col(Label.position), col(Label.id))
    )
    if not include_retired:
        query = query.where(col(Label.retired_at).is_(None))
    return session.exec(query).all()


def by_name(session: Session, *, project_id: int, include_retired: bool = False) -> dict[str, Label]:
    """Return {name as compared: label} of a project."""
    query = select(Label).where(Label.project_id == project_id)
    if not include_retired:
        query = query.where(col(Label.retired_at).is_(None))
    return {label.name_key: label for label in session.exec(query)}


def names(session: Session, *, label_ids: Iterable[int]) -> dict[int, str]:
    """Return {label id: name}, retired labels included."""
    query = select(Label.id, Label.name).where(col(Label.id).in_(set(label_ids)))
    return dict(session.exec(query).all())


def counts(session: Session) -> dict[int, int]:
    """Return {project id: labels in use}."""
    query = (
        select(Label.project_id, func.count()).where(col(Label.retired_at).is_(None)).group_by(col(Label.project_id))
    )
    return dict(session.exec(query).all())


def add(session: Session, *, project_id: int, name: str) -> Label:
    """Add a label at the end, without a description. Raises NameTaken."""
    _refuse_taken(session, project_id=project_id, name=name, label_id=None)
    last = session.exec(select(func.max(Label.position)).where(Label.project_id == project_id)).one()
    position = 0 if last is None else last + 1
    label = Label(project_id=project_id, name=name, name_key=name_key(name), position=position)
    session.add(label)
    session.flush()
    return label


def rename(session: Session, *, label_id: int, name: str) -> None:
    """Give a label another name. Raises NameTaken."""
    label = get(session, label_id=label_id, lock=True)
    _refuse_taken(session, project_id=label.project_id, name=name, label_id=label_id)
    label.name, label.name_key = name, name_key(name)


def set_retired(session: Session, *, label_id: int, retired: bool) -> None:
    """Put a label away, or take it back; its annotations stay."""
    get(session, label_id=label_id, lock=True).retired_at = utc_now() if retired else None


def current_version(session: Session, *, label_id: int) -> DescriptionVersion | None:
    """Return the newest description of a label, or None before the first."""
    versions_ = versions(session, label_id=label_id, limit=1)
    return versions_[0] if versions_ else None


def versions(session: Session, *, label_id: int, limit: int) -> Sequence[DescriptionVersion]:
    """Return the last descriptions of a label, newest first."""
    query = (
        select(DescriptionVersion)
        .where(DescriptionVersion.label_id == label_id)
        .order_by(col(DescriptionVersion.number).desc())
        .limit(limit)
    )
    return session.exec(query).all()


def version(session: Session, *, label_id: int, number: int) -> DescriptionVersion:
    """Return one description of a label. Raises NotFound."""
    query = select(DescriptionVersion).where(
        DescriptionVersion.label_id == label_id, DescriptionVersion.number == number
    )
    found = session.exec(query).first()
    if found is None:
        raise NotFound("description version", number)
    return found


def add_version(
    session: Session,
    *,
    label_id: int,
    text: str,
    author: str,
    source: str = "person",
    note: str = "",
    provenance: Mapping[str, Any] | None = None,
) -> DescriptionVersion:
    """Append a description, which becomes the current one; `provenance` is JSON that says what it came from."""
    get(session, label_id=label_id, lock=True)
    current = current_version(session, label_id=label_id)
    added = DescriptionVersion(
        label_id=label_id,
        number=current.number + 1 if current else 1,
        text=text,
        author=author,
        source=source,
        note=note,
        provenance=dict(provenance or {}),
    )
    session.add(added)
    session.flush()
    return added


def made_from(session: Session, *, project_id: int, text: str) -> DescriptionVersion | None:
    """Return the newest wording of a project that reads so and says what it was made from."""
    query = (
        select(DescriptionVersion)
        .join(Label, col(Label.id) == DescriptionVersion.label_id)
        .where(Label.project_id == project_id, DescriptionVersion.text == text)
        .order_by(col(DescriptionVersion.id).desc())
    )
    return next((version for version in session.exec(query) if version.provenance), None)


class Change(NamedTuple):
    """How a label differs from what a model learnt, under its present name."""

    name: str
    what: str


def changed_since(
    session: Session, *, project_id: int, pinned: Sequence[Sequence[Mapping[str, Any]]]
) -> list[list[Change]]:
    """For the `labels` of each model version, return those that differ, in use by position, then the others.

    A label differs when its description reads otherwise, or when it was added, retired or merged since. A name
    is no part of what a model learns, so a rename alone is no change.
    """
    now = described(session, project_id=project_id, include_retired=True)
    learnt = [{entry["label_id"]: entry["description_version_id"] for entry in entries} for entries in pinned]
    query = select(DescriptionVersion.id, DescriptionVersion.text).join(Label)
    wordings = dict(session.exec(query.where(Label.project_id == project_id)).all())
    stands = standing(session, label_ids={label_id for held in learnt for label_id in held})
    return [[*_reworded(now, held, wordings), *_gone(now, held, stands)] for held in learnt]


Described = Sequence[tuple[Label, DescriptionVersion | None]]


def _reworded(now: Described, learnt: Mapping[int, int], wordings: Mapping[int, str]) -> Iterator[Change]:
    for label, current in now:
        if label.retired_at is None and label.id not in learnt:
            yield Change(label.name, "added")
        elif label.retired_at is None and (current.text if current else None) != wordings[learnt[label.id]]:
            yield Change(label.name, "described anew")


def _gone(now: Described, learnt: Mapping[int, int], stands: Mapping[int, Label]) -> Iterator[Change]:
    for label, _ in now:
        if label.retired_at is not None and label.id in learnt:
            into = stands[label.id]
            yield Change(label.name, f"merged into {into.name}" if into.id != label.id else "retired")


def added_since(
    session: Session, *, project_id: int, pinned: Sequence[Mapping[str, Any]]
) -> list[tuple[Label, DescriptionVersion]]:
    """Return the described labels in use that a model version did not learn and that stand for none it did.

    A label that took over a wording that the version learnt for another one is left out: nothing tells them apart.
    """
    learnt = {entry["label_id"] for entry in pinned}
    learnt |= {label.id for label in standing(session, label_ids=learnt).values()}
    taken = {text.casefold() for text in pinned_texts(session, pinned).values()}
    return [
        (label, version)
        for label, version in described(session, project_id=project_id)
        if version is not None and label.id not in learnt and version.text.casefold() not in taken
    ]


def pinned_texts(session: Session, pinned: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return {label id: the description that a model version learnt}."""
    version_ids = [entry["description_version_id"] for entry in pinned]
    query = select(DescriptionVersion.label_id, DescriptionVersion.text)
    return dict(session.exec(query.where(col(DescriptionVersion.id).in_(version_ids))).all())


def standing(session: Session, *, label_ids: Iterable[int]) -> dict[int, Label]:
    """Return {label id: the label that stands for it now}: itself, or where merges have led."""
    found = {}
    for label in session.exec(select(Label).where(col(Label.id).in_(set(label_ids)))).all():
        stands = label
        while stands.merged_into_id is not None:
            stands = get(session, label_id=stands.merged_into_id)
        found[label.id] = stands
    return found


def parents(session: Session, *, project_id: int) -> dict[int, Label]:
    """Return {label id: the label it stands under, retired or not}; merges are followed, but not into itself."""
    query = select(Label.id, Label.parent_id).where(Label.project_id == project_id, col(Label.parent_id).is_not(None))
    rows = session.exec(query).all()
    stands = standing(session, label_ids=[parent_id for _, parent_id in rows if parent_id is not None])
    return {
        label_id: stands[parent_id]
        for label_id, parent_id in rows
        if parent_id is not None and (stands[parent_id].id != label_id or parent_id == label_id)
    }


def _refuse_taken(session: Session, *, project_id: int, name: str, label_id: int | None) -> None:
    query = select(Label).where(Label.project_id == project_id, Label.name_key == name_key(name))
    other = session.exec(query).first()
    if other is not None and other.id != label_id:
        state, advice = ("retired label", "Restore it") if other.retired_at else ("label", "Edit that one")
        raise NameTaken(f"There is a {state} called {other.name!r} already. {advice}, or choose another name.")
