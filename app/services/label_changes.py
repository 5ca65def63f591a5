"""One operation on labels: what they were before and after, written with it, so that it can be taken back."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlmodel import Session

from app.errors import AppError
from storage import annotations, label_events, labels, projects
from storage.errors import NotFound, StaleWrite
from storage.models import Label as LabelRow
from storage.models import LabelEvent, Operation, name_key, utc_now

__all__ = ["ATTRIBUTES", "TITLES", "check_labels", "recorded", "reword", "take_back"]

TITLES = {"digit": "key in review", "examples_positive": "examples", "examples_tricky": "tricky examples",
          "parent_id": "parent"}  # fmt: skip
"""Attributes that the screens call otherwise."""
ATTRIBUTES = ("group", "colour", "digit", "guideline", "examples_positive", "examples_tricky", "parent_id")
PLAIN = ("merged_into_id", "position", *ATTRIBUTES)
DONE = {
    "name": "renamed",
    "retired": "retired or restored",
    "merged_into_id": "merged",
    "position": "moved",
    "parent_id": "given another parent",
}

Snapshot = dict[str, Any]


@contextmanager
def recorded(
    session: Session,
    *,
    project_id: int,
    operation: Operation,
    author: str,
    label_ids: Collection[int],
    note: Mapping[str, Any] | None = None,
) -> Iterator[LabelEvent]:
    """Log what happens to labels inside the block; ids of labels added there go into `added` of the payload.

    An operation that changes nothing leaves no event; labels ordered several times in a row by one author leave one.

    Raises:
        AppError: afterwards two labels in use would share a description or a digit, or one stand under itself.
        Retired: the project was put away.
    """
    projects.locked(session, project_id=project_id)
    before = _snapshots(session, project_id, label_ids)
    event = label_events.add(
        session, project_id=project_id, operation=operation, author=author, payload={"added": [], **(note or {})}
    )
    yield event
    session.flush()
    added = _snapshots(session, project_id, event.payload["added"])
    before |= {label_id: new | {"retired": True} for label_id, new in added.items()}
    if operation is Operation.ORDERED:
        _take_in_order_before(session, event, before)
    changed = _differences(before, _snapshots(session, project_id, before))
    if not changed:
        session.delete(event)
        session.flush()
        return
    check_labels(session, project_id=project_id)
    event.payload = {**event.payload, "labels": changed}
    session.flush()


def take_back(session: Session, *, event_id: int, author: str) -> LabelEvent:
    """Undo an operation: its labels and the documents it annotated are as they were before.

    Labels that it added are retired under another name; wordings come back as new versions.

    Raises:
        StaleWrite: later work depends on it.
        AppError: it is an undoing itself, or was taken back already.
        NameTaken: a name that would come back is another label's by now.
        Retired: the project was put away.
    """
    event = label_events.get(session, event_id=event_id)
    project_id = event.project_id
    projects.locked(session, project_id=project_id)
    if event.operation is Operation.UNDONE or event_id in label_events.undoing(session, project_id=project_id):
        raise AppError("This step was taken back already. Do it again if you want it again.")
    changed = {int(key): fields for key, fields in event.payload["labels"].items()}
    present = _snapshots(session, project_id, changed)
    _refuse_later_steps(present, changed)
    _refuse_later_wordings(session, present, changed)
    retiring = [label_id for label_id, fields in changed.items() if fields.get("retired") == [True, False]]
    _refuse_later_annotations(session, event, retiring)
    undo = label_events.add(
        session,
        project_id=project_id,
        operation=Operation.UNDONE,
        author=author,
        undoes_id=event_id,
        payload={"labels": {str(key): {f: v[::-1] for f, v in fields.items()} for key, fields in changed.items()}},
    )
    merged = [label_id for label_id, fields in changed.items() if fields.get("merged_into_id", [None])[-1] is not None]
    annotations.take_back(session, event_id=event_id, author=author, merged=merged)
    for label_id, fields in changed.items():
        for field, (old, _) in fields.items():
            _put_back(session, label_id, field, old, author)
    for label_id in event.payload["added"]:  # the name is free again, for an older step that gives it back
        name = labels.get(session, label_id=label_id).name
        labels.rename(session, label_id=label_id, name=f"{name} (taken back, {label_id})")
    check_labels(session, project_id=project_id)
    return undo


def check_labels(session: Session, *, project_id: int) -> None:
    """Raise AppError when two labels in use share a description or a keyboard digit, or one stands under itself.

    A label that has been merged into another must lead to one that has not.
    """
    texts: dict[str, str] = {}
    digits: dict[str, str] = {}
    for label, version in labels.described(session, project_id=project_id):
        if version and (rival := texts.setdefault(version.text.casefold(), label.name)) != label.name:
            raise AppError(
                f"{rival!r} and {label.name!r} would have the same description, so no sentence could tell them "
                "apart. Nothing was changed. Reword one of them first."
            )
        if label.digit and (rival := digits.setdefault(label.digit, label.name)) != label.name:
            raise AppError(
                f"{rival!r} and {label.name!r} would both have the key {label.digit}. Nothing was changed. "
                "Give one of them another key, or none."
            )
    _refuse_merge_circles(session, project_id)
    _refuse_circles(session, project_id)


def _refuse_merge_circles(session: Session, project_id: int) -> None:
    every = {row.id: row for row, _ in labels.described(session, project_id=project_id, include_retired=True)}
    for row in every.values():
        way = [row]
        while way[-1].merged_into_id is not None:
            way.append(every[way[-1].merged_into_id])
            if way[-1] in way[:-1]:
                raise StaleWrite(
                    f"{way[-2].name!r} was merged into {way[-1].name!r} since, and would be what that is merged into. "
                    "Nothing was changed. Undo the later merge first."
                )


def _refuse_circles(session: Session, project_id: int) -> None:
    in_use = {key: row for key, row in labels.parents(session, project_id=project_id).items() if not row.retired_at}
    for label_id in in_use:
        way: dict[int, str] = {}
        above = in_use.get(label_id)
        while above is not None and above.id not in way:
            way[above.id] = above.name
            above = in_use.get(above.id)
        if above is not None:
            raise AppError(
                f"{' under '.join(map(repr, [*way.values(), above.name]))}: no label can stand under itself. "
                "Nothing was changed. Give one of them another parent, or none."
            )


def reword(
    session: Session,
    *,
    label_id: int,
    text: str,
    author: str,
    source: str,
    origin: tuple[str, Mapping[str, Any]] | None = None,
) -> None:
    """Append a wording, unless the label reads like that already.

    Where it is known what the text was made from, by `origin` or by an earlier wording of the project, the version
    keeps that source and provenance, and `source` is its note: an article of Wikipedia is named wherever its text goes.
    """
    current = labels.current_version(session, label_id=label_id)
    if current is not None and current.text == text:
        return
    project_id = labels.get(session, label_id=label_id).project_id
    if origin is None and (earlier := labels.made_from(session, project_id=project_id, text=text)):
        origin = earlier.source, earlier.provenance
    made_by, provenance = origin or (source, {})
    labels.add_version(
        session,
        label_id=label_id,
        text=text,
        author=author,
        source=made_by,
        note=source if origin else "",
        provenance=provenance,
    )


def _take_in_order_before(session: Session, event: LabelEvent, before: Mapping[int, Snapshot]) -> None:
    """Let `event` begin where the one just before it began, if that is the same author's ordering too."""
    _, *earlier = label_events.listed(session, project_id=event.project_id, limit=2)
    if earlier and (earlier[0].operation, earlier[0].author) == (Operation.ORDERED, event.author):
        for label_id, fields in earlier[0].payload["labels"].items():
            before[int(label_id)]["position"] = fields["position"][0]
        session.delete(earlier[0])


def _snapshots(session: Session, project_id: int, label_ids: Collection[int]) -> dict[int, Snapshot]:
    session.flush()
    found = {
        label.id: {
            "name": label.name,
            "retired": label.retired_at is not None,
            "description": version.text if version else None,
            **{field: getattr(label, field) for field in PLAIN},
        }
        for label, version in labels.described(session, project_id=project_id, include_retired=True)
        if label.id in set(label_ids)
    }
    if missing := set(label_ids) - set(found):
        raise NotFound("label of this project", min(missing))
    return found


def _differences(before: Mapping[int, Snapshot], after: Mapping[int, Snapshot]) -> dict[str, dict[str, list[Any]]]:
    found = {}
    for label_id, old in before.items():
        new = after[label_id]
        if fields := {key: [old[key], new[key]] for key in new if old[key] != new[key]}:
            found[str(label_id)] = fields
    return found


def _refuse_later_steps(present: Mapping[int, Snapshot], changed: Mapping[int, Snapshot]) -> None:
    for label_id, now in present.items():
        if later := [
            DONE.get(field, f"given other {TITLES.get(field, field)}")
            for field, (_, new) in changed[label_id].items()
            if now[field] != new and field != "description"
        ]:
            raise StaleWrite(
                f"{now['name']!r} was {' and '.join(later)} since, and this step cannot be taken back under that. "
                "Undo the later step first."
            )


def _refuse_later_wordings(session: Session, present: Mapping[int, Snapshot], changed: Mapping[int, Snapshot]) -> None:
    """Say which wording to restore, for a later one may have been saved, which is no step that could be undone."""
    for label_id, now in present.items():
        _, text = changed[label_id].get("description", (None, now["description"]))
        if now["description"] != text:
            versions = labels.versions(session, label_id=label_id, limit=sys.maxsize)
            number = next(version.number for version in versions if version.text == text)
            raise StaleWrite(
                f"{now['name']!r} was described anew since, and this step cannot be taken back under that. "
                f"Restore its version {number} under Versions first."
            )


def _refuse_later_annotations(session: Session, event: LabelEvent, label_ids: Collection[int]) -> None:
    """Refuse to put away a label that documents got by later work."""
    later = annotations.given_since(session, label_ids=label_ids, event=event)
    if later:
        names = ", ".join(repr(name) for name in labels.names(session, label_ids=label_ids).values())
        raise StaleWrite(
            f"{later} documents were given {names} since, so this step cannot be taken back. Retire the label, or "
            "merge it into another, instead."
        )


def _put_back(session: Session, label_id: int, field: str, value: Any, author: str) -> None:
    label: LabelRow = labels.get(session, label_id=label_id, lock=True)
    if field == "name":
        if name_key(value) != label.name_key:
            labels.rename(session, label_id=label_id, name=value)
        label.name = value
    elif field == "retired":
        label.retired_at = utc_now() if value else None
    elif field == "description" and value is None:
        return  # a text cannot be unsaid: it stays, as the label's only one
    elif field == "description":
        reword(session, label_id=label_id, text=value, author=author, source="undone")
    else:
        setattr(label, field, value)
    session.flush()
