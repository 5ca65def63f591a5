"""Labels renamed, merged, retired, restored, ordered and annotated for people; every step can be taken back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from sqlmodel import Session

from app.errors import AppError
from app.services.label_changes import TITLES, recorded, reword, take_back
from app.services.label_history import Step, steps
from app.services.label_impact import Impact, impact
from app.services.labels import MAX_DESCRIPTION_CHARACTERS
from app.services.naming import checked_line, checked_text
from storage import annotations, documents, labels
from storage.engine import Database
from storage.errors import StaleWrite
from storage.models import Label as LabelRow
from storage.models import LabelEvent, Operation

__all__ = ["LabelAttributes", "LifecycleService", "checked_attributes"]

MAX_GUIDELINE_CHARACTERS = 10_000
MAX_EXAMPLES = 20
COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class LabelAttributes:
    """What reviewers see beside a label's name; `digit` is a key from "0" to "9", colour like "#1d6b57".

    `parent_id` is the label it stands under, retired or not; of a merged one, the survivor.
    """

    group: str = ""
    colour: str = ""
    digit: str | None = None
    guideline: str = ""
    examples_positive: tuple[str, ...] = ()
    examples_tricky: tuple[str, ...] = ()
    parent_id: int | None = None


class LifecycleService:
    """Operations on labels as such; each is one transaction and one entry of the history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def impact(self, label_ids: Sequence[int]) -> Impact:
        """Return what hangs on some labels, to be shown before anything is done to them."""
        if not label_ids:
            raise AppError("No label is chosen. Choose at least one.")
        with self._database.read() as session:
            return impact(session, label_ids=label_ids)

    def rename(self, label_id: int, name: str, author: str) -> None:
        """Give a label another name; its identity, wording and documents stay.

        Raises:
            AppError: the name is blank or too long.
            NameTaken: another label of the project has it.
        """
        name = checked_line(name, what="The name of a label")
        with self._step(Operation.RENAMED, [label_id], author) as (session, _):
            labels.rename(session, label_id=label_id, name=name)

    def retire(self, label_id: int, author: str) -> None:
        """Put a label away; documents keep it in their annotations."""
        with self._step(Operation.RETIRED, [label_id], author) as (session, _):
            labels.set_retired(session, label_id=label_id, retired=True)

    def restore(self, label_id: int, author: str) -> None:
        """Take a retired label back, without what a merge has moved elsewhere.

        Raises:
            AppError: its description or key is another label's by now.
        """
        with self._step(Operation.RESTORED, [label_id], author) as (session, _):
            labels.set_retired(session, label_id=label_id, retired=False)
            labels.get(session, label_id=label_id).merged_into_id = None

    def merge(
        self, label_ids: Collection[int], into_id: int, description: str, author: str, *, opened: str | None = None
    ) -> None:
        """Let one label take the place of others.

        Every document that carries one of them gets a new annotation with the surviving label; the others are
        retired and point to it. `description` is the surviving wording; where it is `opened`, what the survivor's was
        when somebody looked, nobody has written another.

        Raises:
            AppError: there is nothing to merge, a label is retired, or the wording is blank, too long or taken.
            StaleWrite: the survivor's wording is no longer `opened`.
        """
        sources = sorted(set(label_ids) - {into_id})
        if not sources:
            raise AppError("A merge takes at least two labels. Choose another one to merge.")
        with self._step(Operation.MERGED, [into_id, *sources], author, into=into_id) as (session, event):
            survivor, *rest = (labels.get(session, label_id=key) for key in (into_id, *sources))
            if retired := [row.name for row in (survivor, *rest) if row.retired_at is not None]:
                raise AppError(f"{', '.join(map(repr, retired))} is retired. Restore it, or leave it out of the merge.")
            text = checked_line(
                description, what=f"The description of {survivor.name!r}", limit=MAX_DESCRIPTION_CHARACTERS
            )
            current = labels.current_version(session, label_id=into_id)
            if opened is not None and opened != (current.text if current else ""):
                raise StaleWrite(
                    f"Nothing was merged: {survivor.name!r} has been described anew since you chose it, as "
                    f"{current.text if current else ''!r}. Look at the surviving description, then merge again."
                )
            reword(session, label_id=into_id, text=text, author=author, source="merged")
            relabelled = {
                document_id: (held - set(sources)) | {into_id}
                for document_id, (_, held) in documents.carrying(session, label_ids=sources).items()
            }
            annotations.relabel(session, labels=relabelled, author=author, event_id=event.id)
            event.payload = {**event.payload, "documents": len(relabelled)}
            for row in rest:
                labels.set_retired(session, label_id=row.id, retired=True)
                row.merged_into_id = into_id

    def edit(
        self, label_id: int, attributes: LabelAttributes, author: str, *, opened: LabelAttributes | None = None
    ) -> None:
        """Give a label another parent, group, colour, key, guideline or examples.

        Of `opened`, what was there when somebody began to type, only what they changed is written.

        Raises:
            AppError: one of them is too long or malformed, the key is another label's, or the parent is no other
                label in use of the project, or stands under this one.
            StaleWrite: somebody else has changed the same thing since.
        """
        checked = checked_attributes(attributes)
        with self._step(Operation.EDITED, [label_id], author) as (session, _):
            label = labels.get(session, label_id=label_id, lock=True)
            if opened is not None:
                checked = _united(label.name, opened, checked, _attributes(session, label))
            for field, value in (asdict(checked) | {"parent_id": _parent_id(session, label, checked)}).items():
                setattr(label, field, list(value) if isinstance(value, tuple) else value)

    def attributes(self, label_id: int) -> LabelAttributes:
        """Return what reviewers see beside a label's name."""
        with self._database.read() as session:
            return _attributes(session, labels.get(session, label_id=label_id))

    def order(self, label_ids: Sequence[int], author: str) -> None:
        """Put the labels in use of a project into an order.

        Raises:
            AppError: `label_ids` are not exactly the labels in use, once each.
        """
        if not label_ids:
            raise AppError("The project has no labels to order. Add some first.")
        with self._step(Operation.ORDERED, label_ids, author) as (session, event):
            in_use = [label for label, _ in labels.described(session, project_id=event.project_id)]
            if sorted(label_ids) != sorted(label.id for label in in_use):
                raise AppError(
                    "The labels have changed since they were listed. Reload the page, then order them again."
                )
            for place, label_id in zip(sorted(label.position for label in in_use), label_ids, strict=True):
                labels.get(session, label_id=label_id).position = place

    def history(self, project_id: int, limit: int = 50) -> list[Step]:
        """Return the last operations on a project's labels, newest first."""
        with self._database.read() as session:
            return steps(session, project_id=project_id, limit=limit)

    def undo(self, event_id: int, author: str) -> None:
        """Take an operation back. Raises StaleWrite, AppError or NameTaken, saying what stands in the way."""
        with self._database.write() as session:
            take_back(session, event_id=event_id, author=author)

    @contextmanager
    def _step(
        self, operation: Operation, label_ids: Collection[int], author: str, **note: object
    ) -> Iterator[tuple[Session, LabelEvent]]:
        """One transaction that logs what happens to labels of one project."""
        with self._database.write() as session:
            project_id = labels.get(session, label_id=next(iter(label_ids))).project_id
            with recorded(
                session, project_id=project_id, operation=operation, author=author, label_ids=label_ids, note=note
            ) as event:
                yield session, event


def checked_attributes(attributes: LabelAttributes) -> LabelAttributes:
    """Return attributes fit to be stored. Raises AppError."""
    colour = attributes.colour.strip().casefold()
    if colour and not COLOUR.fullmatch(colour):
        raise AppError(f"{attributes.colour!r} is no colour. Write it like #1d6b57, or leave it empty.")
    if attributes.digit is not None and not (len(attributes.digit) == 1 and attributes.digit in "0123456789"):
        raise AppError(f"{attributes.digit!r} is no digit key. Choose one from 0 to 9, or none.")
    return LabelAttributes(
        group=" ".join(attributes.group.split()) and checked_line(attributes.group, what="The name of a group"),
        colour=colour,
        digit=attributes.digit,
        guideline=checked_text(attributes.guideline, what="The guideline", limit=MAX_GUIDELINE_CHARACTERS),
        examples_positive=_checked_examples(attributes.examples_positive),
        examples_tricky=_checked_examples(attributes.examples_tricky),
        parent_id=attributes.parent_id,
    )


def _attributes(session: Session, row: LabelRow) -> LabelAttributes:
    parent = labels.parents(session, project_id=row.project_id).get(row.id)
    return LabelAttributes(
        group=row.group,
        colour=row.colour,
        digit=row.digit,
        guideline=row.guideline,
        examples_positive=tuple(row.examples_positive),
        examples_tricky=tuple(row.examples_tricky),
        parent_id=parent.id if parent else None,
    )


def _united(name: str, opened: LabelAttributes, typed: LabelAttributes, stored: LabelAttributes) -> LabelAttributes:
    """What two people made of the same attributes. Raises StaleWrite where both changed one, and not to the same."""
    before, mine, theirs = asdict(opened), asdict(typed), asdict(stored)
    changed = {field: value for field, value in mine.items() if value != before[field]}
    if both := [field for field, value in changed.items() if theirs[field] not in (before[field], value)]:
        now = "; ".join(
            "another parent" if field == "parent_id" else f"{TITLES.get(field, field)}: {_shown(theirs[field])}"
            for field in both
        )
        raise StaleWrite(
            f"Somebody else changed {name!r} since you opened it; it now has {now}. Nothing of yours was written. "
            "Copy what you typed, open the label again, and save."
        )
    return replace(stored, **changed)


def _shown(value: str | Sequence[str] | None) -> str:
    """A stored attribute as a person reads it; examples stand one after another."""
    if not value:
        return "nothing"
    return repr(value) if isinstance(value, str) else ", ".join(map(repr, value))


def _parent_id(session: Session, label: LabelRow, wanted: LabelAttributes) -> int | None:
    """Return the parent to be stored: what is stored, where nothing else is wanted. Raises AppError."""
    present = labels.parents(session, project_id=label.project_id).get(label.id)
    if wanted.parent_id == (present.id if present else None):
        return label.parent_id
    if wanted.parent_id is not None:
        parent = labels.get(session, label_id=wanted.parent_id)
        if parent.project_id != label.project_id or parent.retired_at is not None:
            raise AppError(f"{parent.name!r} is no label in use of this project. Choose another parent, or none.")
    return wanted.parent_id


def _checked_examples(examples: Sequence[str]) -> tuple[str, ...]:
    if len(examples) > MAX_EXAMPLES:
        raise AppError(
            f"There are {len(examples)} examples; at most {MAX_EXAMPLES} of a kind are shown. Keep the best."
        )
    return tuple(checked_line(example, what="An example", limit=MAX_DESCRIPTION_CHARACTERS) for example in examples)
