"""Label sets as files: CSV, JSON with all attributes, and {name: description}; and what an import would change.

Cells that a spreadsheet would take for a formula carry a leading apostrophe, which reading takes away again.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from lagamc.errors import LabelError
from lagamc.formula_cells import guarded, unguarded
from lagamc.labels import each_once, name_key
from lagamc.record_files import cell_delimiter

__all__ = [
    "FIELDS",
    "Difference",
    "LabelRecord",
    "compare",
    "read_labels",
    "shareable",
    "write_csv",
    "write_json",
    "write_mapping",
]

MAX_FIELD_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """One label of a file; what the file does not speak of is None, and stays as it is when it is taken.

    `parent` is the name of the label that it stands under, blank for none. `source` and `provenance` say what the
    description was made from; only JSON carries them, and alone they are no difference.
    """

    name: str
    description: str | None = None
    parent: str | None = None
    group: str | None = None
    colour: str | None = None
    digit: str | None = None
    guideline: str | None = None
    examples_positive: tuple[str, ...] | None = None
    examples_tricky: tuple[str, ...] | None = None
    source: str | None = None
    provenance: Mapping[str, Any] | None = None


ORIGIN = ("source", "provenance")
ALL_FIELDS = tuple(one.name for one in fields(LabelRecord))
FIELDS = tuple(name for name in ALL_FIELDS if name not in ORIGIN)
LISTS = ("examples_positive", "examples_tricky")
# What a provenance may say outside its project; prompts, answers and sentences stay, for they quote documents.
SHAREABLE: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "url": str,
    "revision": int,
    "language": str,
    "licence": str,
    "answered_by": str,
    "temperature": (int, float),
    "tokens_in": int,
    "tokens_out": int,
    "kind": str,
    "documents": int,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """What taking a label from a file would do; `fields` are the ones that change."""

    kind: Literal["added", "changed", "unchanged", "missing"]
    name: str
    before: LabelRecord | None
    after: LabelRecord | None
    fields: tuple[str, ...] = ()


def shareable(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a provenance may leave its project: the article or the model, and no text of a document."""
    return {key: provenance[key] for key, kind in SHAREABLE.items() if _said(provenance.get(key), kind)}


def write_mapping(records: Iterable[LabelRecord]) -> str:
    """Return JSON of {name: description}, the form that `lagamc train` reads."""
    return _json({record.name: record.description or "" for record in records})


def write_json(records: Iterable[LabelRecord]) -> str:
    """Return JSON of {"labels": [...]} with every attribute that is known."""
    return _json({"labels": [_known(record) for record in records]})


def write_csv(records: Iterable[LabelRecord]) -> str:
    """Return CSV with one row a label; examples are lines of one cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(FIELDS)
    for record in records:
        known = _known(record)
        writer.writerow([guarded(_cell(known.get(field))) for field in FIELDS])
    return buffer.getvalue()


def read_labels(content: bytes, *, name: str) -> list[LabelRecord]:
    """Read a label set from the bytes of a file called `name`, by its form.

    Raises:
        LabelError: it is none of the three forms, a label is incomplete, or a name comes twice.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(
            f"{name} is no UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from error
    records = _from_csv(text, name) if name.casefold().endswith(".csv") else _from_json(text, name)
    if not records:
        raise LabelError(f"{name} holds no label. Choose another file.")
    seen: dict[str, str] = {}
    for record in records:
        if first := seen.get(name_key(record.name)):
            raise LabelError(f"{name} names {first!r} and {record.name!r}, which are one label. Keep one of them.")
        seen[name_key(record.name)] = record.name
    return records


def compare(present: Sequence[LabelRecord], incoming: Sequence[LabelRecord]) -> list[Difference]:
    """Return one difference a label: those of the file in its order, then those that the file lacks.

    Names are compared without regard to case and white space. A blank description is no change: it is not taken.
    """
    known = {name_key(record.name): record for record in present}
    found = []
    for record in incoming:
        before = known.pop(name_key(record.name), None)
        if before is None:
            found.append(Difference("added", record.name, None, record))
            continue
        changed = tuple(
            field
            for field, new in _known(record).items()
            if field in FIELDS and new != getattr(before, field) and (field != "description" or new.strip())
        )
        found.append(Difference("changed" if changed else "unchanged", before.name, before, record, changed))
    return found + [Difference("missing", record.name, record, None) for record in known.values()]


def _said(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and (math.isfinite(value) if isinstance(value, float) else value != "")


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _known(record: LabelRecord) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in ALL_FIELDS}
    return {name: value for name, value in values.items() if value is not None}


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else "\n".join(value)


def _from_csv(text: str, name: str) -> list[LabelRecord]:
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=cell_delimiter(text.splitlines(keepends=True)), strict=True
    )
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise LabelError(f"{name} is no CSV: {error} in line {reader.line_num}. Save it as CSV again.") from error
    if not rows:
        return []
    header = [cell.strip().casefold() for cell in rows[0][1]]
    if "label" in header and "name" not in header:
        header[header.index("label")] = "name"
    if unknown := [column for column in header if column not in FIELDS]:
        raise LabelError(
            f"{name} has the columns {', '.join(map(repr, unknown))}, which mean nothing here. Remove or rename "
            f"them; known are {', '.join(FIELDS)}."
        )
    if "name" not in header or len(set(header)) < len(header):
        raise LabelError(f"The first line of {name} must name its columns once each, one of them 'name'.")
    records = []
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise LabelError(
                f"Line {line} of {name} has {len(row)} cells, its header {len(header)}. Put texts in quotation marks."
            )
        values = dict(zip(header, map(unguarded, row), strict=True))
        records.append(_record(values, f"The row that ends in line {line} of {name}"))
    return records


def _from_json(text: str, name: str) -> list[LabelRecord]:
    try:
        content = json.loads(text, object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{name} cannot be read as JSON ({error}). Export it again, or use .csv.") from error
    if isinstance(content, dict) and isinstance(content.get("labels"), list):
        content = content["labels"]
    if isinstance(content, dict):
        if wrong := [key for key, value in content.items() if not isinstance(value, str)]:
            raise LabelError(f"The description of {wrong[0]!r} in {name} is no text. Expected {{name: description}}.")
        content = [{"name": key, "description": value} for key, value in content.items()]
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise LabelError(f'{name} must hold {{name: description}} or {{"labels": [{{"name": …}}]}}.')
    return [_record(entry, f"Label {number} of {name}") for number, entry in enumerate(content, start=1)]


def _record(values: Mapping[str, Any], where: str) -> LabelRecord:
    """Return a record with texts as they are; a blank digit is none, a cell of examples one a line."""
    if unknown := [str(key) for key in values if key not in ALL_FIELDS]:
        raise LabelError(f"{where} has {unknown[0]!r}, which means nothing here. Known are {', '.join(ALL_FIELDS)}.")
    taken: dict[str, Any] = {}
    for field, value in values.items():
        if field in LISTS:
            lines = value.splitlines() if isinstance(value, str) else value
            if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
                raise LabelError(f"{where} has {field} that are no list of texts.")
            taken[field] = tuple(" ".join(line.split()) for line in lines if line.strip())
        elif field == "provenance" and value is not None:
            if not isinstance(value, dict) or shareable(value) != value:
                raise LabelError(f"{where} has a provenance that means nothing here. Known are {', '.join(SHAREABLE)}.")
            taken[field] = value
        elif value is not None and not isinstance(value, str):
            raise LabelError(f"{where} has a {field} that is no text but {value!r}. Put it in quotation marks.")
        else:
            taken[field] = value
    if not (taken.get("name") or "").strip():
        raise LabelError(f"{where} has no name. Give every label one.")
    try:
        json.dumps(taken, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise LabelError(f"{where} holds half of a character, cut in the middle. Save the file again.") from error
    return LabelRecord(**taken)
