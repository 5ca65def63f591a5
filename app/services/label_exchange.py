"""Label sets taken out and in: as files, or from another project, with every change chosen before it is made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlmodel import Session

from app.errors import AppError
from app.services.label_changes import recorded, reword
from app.services.label_lifecycle import LabelAttributes, checked_attributes
from app.services.labels import MAX_DESCRIPTION_CHARACTERS
from app.services.naming import checked_line
from lagamc.descriptions.exchange import (
    Difference,
    LabelRecord,
    compare,
    read_labels,
    shareable,
    write_csv,
    write_json,
    write_mapping,
)
from lagamc.labels import one_line
from storage import labels, model_versions, projects
from storage.engine import Database
from storage.errors import StaleWrite
from storage.models import DescriptionVersion, Operation, name_key
from storage.models import Label as LabelRow

__all__ = ["FORMS", "ExchangeService", "Exported"]

MAX_FILE_BYTES = 20_000_000
MAX_SOURCE_CHARACTERS = 40
FORMS = {"csv": write_csv, "json": write_json, "mapping": write_mapping}


@dataclass(frozen=True, slots=True)
class Exported:
    """A label set as a file: its name, and its text (UTF-8, CSV with a byte order mark for spreadsheets)."""

    file_name: str
    text: str


class ExchangeService:
    """Use cases of the panel that imports and exports label sets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def export(self, project_id: int, form: str) -> Exported:
        """Return the labels in use as a file; `form` is "csv", "json" (all attributes) or "mapping".

        Raises:
            AppError: the form is unknown, or there are no labels.
        """
        if form not in FORMS:
            raise AppError(f"There is no form {form!r}. Choose one of {', '.join(FORMS)}.")
        records = self.records(project_id)
        if not records:
            raise AppError("The project has no labels to export. Add some first.")
        ending = "csv" if form == "csv" else "json"
        text = FORMS[form](records)
        return Exported(f"labels-{form}.{ending}", f"\ufeff{text}" if form == "csv" else text)

    def records(self, project_id: int) -> list[LabelRecord]:
        """Return the labels in use of a project, which may be another one to import from."""
        with self._database.read() as session:
            projects.get(session, project_id=project_id)
            return _records(session, project_id)

    def learnt(self, model_id: int) -> list[LabelRecord]:
        """Return the label set of a model version, with the names and descriptions that it learnt."""
        with self._database.read() as session:
            pinned = model_versions.get(session, model_id=model_id).labels
            texts = labels.pinned_texts(session, pinned)
        return [LabelRecord(entry["name"], texts[entry["label_id"]]) for entry in pinned]

    def read(self, path: Path) -> list[LabelRecord]:
        """Return the labels of a file. Raises LabelError, or AppError for a file that is too large."""
        if (size := path.stat().st_size) > MAX_FILE_BYTES:
            raise AppError(f"{path.name} has {size:,} bytes; at most {MAX_FILE_BYTES:,} are read. Split it.")
        return read_labels(path.read_bytes(), name=path.name)

    def compare(self, project_id: int, incoming: Sequence[LabelRecord]) -> list[Difference]:
        """Return what taking these labels would add and change, and which labels they lack; nothing is written.

        Every difference shows a label as it would be stored. What cannot be stored is refused when it is taken.
        """
        present = self.records(project_id)
        names = {name_key(record.name): record.name for record in present}
        return compare(present, [_as_stored(record, names) for record in incoming])

    def take(
        self, project_id: int, shown: Sequence[Difference], chosen: Collection[str], author: str
    ) -> tuple[int, int, int]:
        """Take the chosen labels, in one step that can be undone.

        Args:
            project_id: the project that they go to.
            shown: what `compare` returned when the choice was made.
            chosen: names of differences to take; a chosen label that is "missing" is retired.
            author: who decided.

        Returns:
            How many labels were added or restored, changed and retired.

        Raises:
            AppError: nothing is chosen, a text or attribute cannot be taken, or two labels would share one.
            StaleWrite: a chosen label is not any more as it was compared.
            Retired: the project was put away.
        """
        wanted = {name_key(name) for name in chosen}
        with self._database.write() as session:
            project = projects.locked(session, project_id=project_id)
            taken = [one for one in shown if name_key(one.name) in wanted and one.kind != "unchanged"]
            if not taken:
                raise AppError("Nothing is chosen that would change the labels. Choose at least one line.")
            now = compare(_records(session, project_id), [one.after for one in shown if one.after is not None])
            if changed := [repr(one.name) for one in taken if one not in now]:
                raise StaleWrite(
                    f"{', '.join(changed)} changed since the comparison was made. Nothing was written. Compare again, "
                    "and choose from what differs now."
                )
            known = labels.by_name(session, project_id=project_id, include_retired=True)
            touched = [known[key].id for one in taken if (key := name_key(one.name)) in known]
            with recorded(
                session, project_id=project.id, operation=Operation.IMPORTED, author=author, label_ids=touched
            ) as event:
                added = [_take(session, project_id, known.get(name_key(one.name)), one, author) for one in taken]
                event.payload = {**event.payload, "added": [key for key in added if key is not None]}
                _take_parents(session, project_id, taken)
            became = [fields.get("retired") for fields in event.payload.get("labels", {}).values()]
        return became.count([True, False]), became.count(None), became.count([False, True])


def _as_stored(record: LabelRecord, names: Mapping[str, str]) -> LabelRecord:
    """Return a record as taking it stores it; `names` are those of the labels in use, by their keys."""
    forms = {"name": one_line, "description": one_line, "group": one_line, "guideline": str.strip,
             "colour": lambda text: text.strip().casefold()}  # fmt: skip
    said = {field: form(value) for field, form in forms.items() if (value := getattr(record, field)) is not None}
    if record.parent is not None:
        said["parent"] = names.get(name_key(record.parent), one_line(record.parent))
    return replace(record, **said)


def _take(session: Session, project_id: int, known: LabelRow | None, one: Difference, author: str) -> int | None:
    """Apply one difference, and return the id of a label that had to be added."""
    if one.after is None:
        labels.set_retired(session, label_id=known.id if known else 0, retired=True)
        return None
    name = checked_line(one.after.name, what="The name of a label")
    label = known or labels.add(session, project_id=project_id, name=name)
    label.name, label.retired_at, label.merged_into_id = name, None, None
    if description := (one.after.description or "").strip():
        what = f"The description of {name!r}"
        text = checked_line(description, what=what, limit=MAX_DESCRIPTION_CHARACTERS)
        origin = _origin(one.after)
        reword(session, label_id=label.id, text=text, author=author, source="imported", origin=origin)
    checked = checked_attributes(_attributes(one.after, label))
    label.group, label.colour, label.digit, label.guideline = (
        checked.group,
        checked.colour,
        checked.digit,
        checked.guideline,
    )
    label.examples_positive, label.examples_tricky = list(checked.examples_positive), list(checked.examples_tricky)
    return None if known else label.id


def _origin(record: LabelRecord) -> tuple[str, Mapping[str, Any]] | None:
    """Return the source and provenance that came with a description, if they say anything."""
    if not record.provenance or not record.source:
        return None
    what = f"The origin of the description of {record.name!r}"
    said = {
        key: checked_line(value, what=what, limit=MAX_DESCRIPTION_CHARACTERS) if isinstance(value, str) else value
        for key, value in record.provenance.items()
    }
    return checked_line(record.source, what=what, limit=MAX_SOURCE_CHARACTERS), said


def _take_parents(session: Session, project_id: int, taken: Sequence[Difference]) -> None:
    """Set the parents that differ, once every label is there."""
    in_use = labels.by_name(session, project_id=project_id)
    for one in taken:
        if one.after is None or one.after.parent is None or (one.before and "parent" not in one.fields):
            continue
        name = one.after.parent
        if name.strip() and name_key(name) not in in_use:
            raise AppError(f"{one.name!r} is to stand under {name!r}, which is no label in use. Take that one as well.")
        in_use[name_key(one.after.name)].parent_id = in_use[name_key(name)].id if name.strip() else None


def _records(session: Session, project_id: int) -> list[LabelRecord]:
    parents = labels.parents(session, project_id=project_id)
    return [
        _record(label, version, parents.get(label.id))
        for label, version in labels.described(session, project_id=project_id)
    ]


def _record(label: LabelRow, version: DescriptionVersion | None, parent: LabelRow | None) -> LabelRecord:
    provenance = shareable(version.provenance) if version else {}
    return LabelRecord(
        name=label.name,
        description=version.text if version else "",
        parent=parent.name if parent and parent.retired_at is None else "",
        group=label.group,
        colour=label.colour,
        digit=label.digit or "",
        guideline=label.guideline,
        examples_positive=tuple(label.examples_positive),
        examples_tricky=tuple(label.examples_tricky),
        source=version.source if version and provenance else None,
        provenance=provenance or None,
    )


def _attributes(record: LabelRecord, label: LabelRow) -> LabelAttributes:
    """Return the record's attributes, the label's own where it does not speak of them."""
    return LabelAttributes(
        group=label.group if record.group is None else record.group,
        colour=label.colour if record.colour is None else record.colour,
        digit=label.digit if record.digit is None else record.digit or None,
        guideline=label.guideline if record.guideline is None else record.guideline,
        examples_positive=tuple(label.examples_positive)
        if record.examples_positive is None
        else record.examples_positive,
        examples_tricky=tuple(label.examples_tricky) if record.examples_tricky is None else record.examples_tricky,
    )
