"""Readers of documents from CSV and JSON lines, plain or gzipped: line by line, with a reason for every refusal."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lagamc.errors import DatasetError
from lagamc.labels import half_character, name_key, one_line
from lagamc.record_files import MAX_FILE_BYTES, Record, file_format, read_records

__all__ = [
    "HEAD",
    "MAX_TEXT_CHARACTERS",
    "ColumnMapping",
    "Preview",
    "Refusal",
    "Row",
    "preview_file",
    "preview_records",
    "read_rows",
    "require_columns",
    "rows_of",
]

MAX_TEXT_CHARACTERS = 50_000
HEAD = 500  # records that a preview looks at
_EXPECTED = " Expected a header and rows, or one JSON object a line."
_NUMBER = re.compile(r"[-+]?[\d.,]+(e[-+]?\d+)?%?", re.IGNORECASE)
_SPLITS: dict[str, str | None] = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
}
_SPLITS |= {"test": "test", "testing": "test", "": None, "unassigned": None}
_GUESSES: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "document", "message", "content", "body", "abstract", "tweet", "comment", "description"),
    "labels": ("labels", "label", "categories", "category", "tags", "topics", "classes", "class"),
    "id": ("id", "doc_id", "document_id", "pmid", "uid", "key"),
    "split": ("split", "set", "partition", "fold"),
}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column holds what. Labels in one text are separated by `label_separator`.

    Raises:
        DatasetError: that separator is empty.
    """

    text: str
    labels: str | None = None
    id: str | None = None
    split: str | None = None
    label_separator: str = ";"

    def __post_init__(self) -> None:
        if not self.label_separator:
            raise DatasetError("The text between two labels is empty. Name it, for instance ';'.")

    def of_texts(self) -> ColumnMapping:
        """The same for documents that are only read: a file to classify may hold labels and splits of another use."""
        return replace(self, labels=None, split=None)

    def named(self) -> dict[str, str]:
        """{role: column} of the columns in use."""
        roles = {"text": self.text, "labels": self.labels, "id": self.id, "split": self.split}
        return {role: column for role, column in roles.items() if column}


@dataclass(frozen=True, slots=True)
class Row:
    """One good line of a file. `split` is train, dev, test or None."""

    line: int
    id: str | None
    text: str
    labels: tuple[str, ...]
    split: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line that was not taken, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The head of a file: its columns, first rows as text, and a guess of the mapping.

    `labels_as_text` says whether labels stand in one text, to be parted by a separator, and not in lists;
    `by_length`, that no column is called like one of texts, so that the longest was taken.
    """

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    mapping: ColumnMapping
    labels_as_text: bool
    by_length: bool


def preview_file(
    path: str | Path, *, rows: int = 5, head: int | None = HEAD, max_bytes: float = MAX_FILE_BYTES,
    known: Iterable[str] = (), text: str | None = None, labels: str | None = None,
) -> Preview:  # fmt: skip
    """Show the first rows of a file and guess its mapping; `max_bytes` is as `read_rows` has it.

    Raises:
        DatasetError: as `preview_records`; the file is empty, not UTF-8, of another type, or too large.
    """
    records = read_records(path := Path(path), max_bytes=max_bytes)
    found = preview_records(records, path.name, rows=rows, head=head, known=known, text=text, labels=labels)
    return replace(found, labels_as_text=found.labels_as_text or file_format(path) == "csv")


def preview_records(
    read: Iterable[Record], name: str, *, rows: int = 5, head: int | None = HEAD, known: Iterable[str] = (),
    text: str | None = None, labels: str | None = None,
) -> Preview:  # fmt: skip
    """Show the first rows of what is called `name`, and guess its mapping.

    Texts and labels stand in the columns called `text` and `labels`, where those are told. A cell that is one of the
    `known` labels says nothing of what parts labels: "Health, safety" may be one.

    Columns are those of the first `head` readable records, or of all of them where it is None: objects of JSON lines
    need not all have the same ones.

    Raises:
        DatasetError: there is no record, or no column of texts.
    """
    records: list[dict[str, Any]] = []
    refused = ""
    for line, record in read:
        if isinstance(record, str):
            refused = refused or f" Line {line}: {record.rstrip('.')}."
        else:
            records.append(record)
        if len(records) == head:
            break
    if not records:
        raise DatasetError(f"{name} has no rows that can be read.{refused or _EXPECTED}")
    columns = tuple(dict.fromkeys(str(column) for record in records for column in record))
    guess = {
        role: next((column for usual in names for column in columns if column.strip().lower() == usual), None)
        for role, names in _GUESSES.items()
    }
    labels = guess["labels"] = labels or guess["labels"]
    named = text or guess["text"]
    text = named or _longest(name, columns, records[:HEAD], taken=set(guess.values()))
    cells = [cell for record in records if isinstance(cell := record.get(labels), str)] if labels else []
    names = set(map(name_key, known))
    parted = [cell for cell in cells if name_key(cell) not in names]
    separator = next((mark for mark in (";", "|", ",") if any(mark in cell for cell in parted)), ";")
    mapping = ColumnMapping(text, labels, guess["id"], guess["split"], separator)
    shown = tuple({column: _shown(record.get(column)) for column in columns} for record in records[:rows])
    return Preview(columns, shown, mapping, labels_as_text=bool(cells), by_length=not named)


def read_rows(
    path: str | Path, mapping: ColumnMapping, *, max_bytes: float = MAX_FILE_BYTES,
    max_characters: float = MAX_TEXT_CHARACTERS, known: Iterable[str] = (),
) -> Iterator[Row | Refusal]:  # fmt: skip
    """Stream a file: a Row for every good line, a Refusal for every other, in order.

    Args:
        path: the file.
        mapping: its columns.
        max_bytes: the size, unpacked, that is refused when it is exceeded; math.inf for no limit.
        max_characters: of a text; a line with a longer one is refused.
        known: names of labels; one that holds the separator is not parted by it.

    Raises:
        DatasetError: the file as a whole cannot be read, or is a CSV file that lacks a mapped column. JSON lines may
            lack any.
    """
    path = Path(path)
    records = read_records(path, max_bytes=max_bytes)
    return rows_of(_with_columns(path, mapping, records), mapping, max_characters=max_characters, known=known)


def rows_of(
    records: Iterable[Record], mapping: ColumnMapping, *, max_characters: float = MAX_TEXT_CHARACTERS,
    known: Iterable[str] = (),
) -> Iterator[Row | Refusal]:  # fmt: skip
    """A Row for every good record, a Refusal for every other, in order; see `read_rows`."""
    whole = {name_key(name) for name in known if mapping.label_separator in name}
    for line, record in records:
        yield Refusal(line, record) if isinstance(record, str) else _row(line, record, mapping, whole, max_characters)


def require_columns(path: Path, mapping: ColumnMapping, columns: Collection[str]) -> None:
    """Raise DatasetError where a mapped column is none of those of a file."""
    if missing := [column for column in mapping.named().values() if column not in columns]:
        raise DatasetError(
            f"{path.name} has no column {', '.join(repr(column) for column in missing)}; "
            f"it has {', '.join(repr(column) for column in columns)}. Choose another column for it."
        )


def _with_columns(path: Path, mapping: ColumnMapping, records: Iterable[Record]) -> Iterator[Record]:
    """The records of a file, once the first of a CSV file shows that it has the mapped columns."""
    checked = False
    for line, record in records:
        if not checked and not isinstance(record, str) and file_format(path) == "csv":
            require_columns(path, mapping, record)
            checked = True
        yield line, record


def _longest(
    name: str, columns: Collection[str], records: Iterable[Mapping[str, Any]], *, taken: Collection[str | None]
) -> str:
    """The column with the most text among those whose name says nothing, and that hold more than numbers."""
    lengths: dict[str, int] = dict.fromkeys(columns, 0)
    worded = set()
    for record, column in itertools.product(records, columns):
        cell = _shown(record.get(column)).strip()
        lengths[column] += len(cell)
        if cell and column not in taken and not _NUMBER.fullmatch(cell):
            worded.add(column)
    if not worded:
        raise DatasetError(
            f"{name} has no column with texts; it has {', '.join(map(repr, columns))}. Add one called 'text', or "
            "choose another file."
        )
    return max((column for column in columns if column in worded), key=lengths.__getitem__)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode(errors="replace").decode()  # halves of characters cannot be shown


def _cut_character(**values: str) -> str | None:
    """The reason where a value holds half of a character."""
    for what, value in values.items():
        if found := half_character(value):
            return f"{found!r} stands in the {what}, half of a character: it was cut in the middle of one"
    return None


def _parted(cell: str, separator: str, whole: Collection[str]) -> Iterator[str]:
    """The names in a cell. Neighbouring parts that make one of the names in `whole` stay together, as many as do."""
    parts, place = cell.split(separator), 0
    most = 1 + max((name.count(separator) for name in whole), default=0)
    while place < len(parts):
        joined = (separator.join(parts[place : place + count]) for count in range(most, 1, -1))
        name = next((name for name in joined if name_key(name) in whole), parts[place])
        yield name
        place += 1 + name.count(separator)


def _row(
    line: int, record: Mapping[str, Any], mapping: ColumnMapping, whole: Collection[str], max_characters: float
) -> Row | Refusal:
    text = record.get(mapping.text)
    if not isinstance(text, str):
        return Refusal(line, f"no text in {mapping.text!r}")
    text = text.strip()
    if not text:
        return Refusal(line, "the text is empty")
    if len(text) > max_characters:
        return Refusal(line, f"the text has {len(text):,} characters; at most {max_characters:,} are taken")
    if "\x00" in text:
        return Refusal(line, "the text holds a NUL character, so it is probably not text")
    labels = record.get(mapping.labels) if mapping.labels else None
    if labels is None:
        labels = []
    elif isinstance(labels, str):
        labels = list(_parted(labels, mapping.label_separator, whole))
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return Refusal(line, f"{mapping.labels!r} holds neither a list of label names nor a text of them")
    names = tuple(dict.fromkeys(one_line(label) for label in labels if label.strip()))
    split = str(record.get(mapping.split) or "").strip().lower() if mapping.split else ""
    if split not in _SPLITS:
        return Refusal(line, f"the split {split!r} is none of train, dev, test. Leave it empty for none")
    identifier = record.get(mapping.id) if mapping.id else None
    identifier = str(identifier).strip() if identifier is not None else ""
    if reason := _cut_character(text=text, labels=" ".join(names), id=identifier):
        return Refusal(line, reason)
    return Row(line, identifier or None, text, names, _SPLITS[split])
