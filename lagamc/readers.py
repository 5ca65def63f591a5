"""Readers of documents from CSV and JSON lines, plain or gzipped: line by line, with a reason for every refusal."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lagamc.errors import DatasetError

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_TEXT_CHARACTERS",
    "ColumnMapping",
    "Preview",
    "Refusal",
    "Row",
    "preview_file",
    "read_rows",
    "require_columns",
]

MAX_FILE_BYTES = 200 * 1024 * 1024  # unpacked
MAX_TEXT_CHARACTERS = 50_000
HEAD = 500  # records that a preview looks at
_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
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
    """Which column holds what. Labels in one CSV cell are separated by `label_separator`.

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
    """The head of a file: its columns, first rows as text, and a guess of the mapping."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    mapping: ColumnMapping
    format: str


def preview_file(path: Path, *, rows: int = 5, max_bytes: float = MAX_FILE_BYTES) -> Preview:
    """Show the first rows of a file and guess its mapping; `max_bytes` is as `read_rows` has it.

    Columns are those of the first HEAD readable records: objects of JSON lines need not all have the same ones.

    Raises:
        DatasetError: the file is empty, not UTF-8, of another type, too large, or without a column of texts.
    """
    readable = (record for _, record in _records(path, max_bytes) if isinstance(record, dict))
    records = list(itertools.islice(readable, max(rows, HEAD)))
    if not records:
        raise DatasetError(f"{path.name} has no rows that can be read. Expected a header and rows, or JSON objects.")
    columns = tuple(dict.fromkeys(str(column) for record in records for column in record))
    guess = {
        role: next((column for name in names for column in columns if column.strip().lower() == name), None)
        for role, names in _GUESSES.items()
    }
    head = tuple({column: _shown(record.get(column)) for column in columns} for record in records)
    text, labels = guess["text"] or _longest(path, head, taken=set(guess.values())), guess["labels"]
    cells = [row[labels] for row in head] if labels else []
    separator = next((mark for mark in (";", "|") if any(mark in cell for cell in cells)), None)
    if separator is None:
        separator = "," if any("," in cell for cell in cells) and _format(path) == "csv" else ";"
    mapping = ColumnMapping(text, labels, guess["id"], guess["split"], separator)
    return Preview(columns, head[:rows], mapping, _format(path))


def read_rows(path: Path, mapping: ColumnMapping, *, max_bytes: float = MAX_FILE_BYTES) -> Iterator[Row | Refusal]:
    """Stream a file: a Row for every good line, a Refusal for every other, in order.

    Args:
        path: the file.
        mapping: its columns.
        max_bytes: the size, unpacked, that is refused when it is exceeded; math.inf for no limit.

    Raises:
        DatasetError: the file as a whole cannot be read, or is a CSV file that lacks a mapped column. JSON lines may
            lack any.
    """
    checked = False
    for line, record in _records(path, max_bytes):
        if isinstance(record, str):
            yield Refusal(line, record)
            continue
        if not checked and _format(path) == "csv":
            require_columns(path, mapping, record)
            checked = True
        yield _row(line, record, mapping)


def require_columns(path: Path, mapping: ColumnMapping, columns: Collection[str]) -> None:
    """Raise DatasetError where a mapped column is none of those of a file."""
    if missing := [column for column in mapping.named().values() if column not in columns]:
        raise DatasetError(
            f"{path.name} has no column {', '.join(repr(column) for column in missing)}; "
            f"it has {', '.join(repr(column) for column in columns)}. Choose another column for it."
        )


def _format(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    form = _FORMATS.get(suffixes[-1]) if suffixes else None
    if form is None:
        raise DatasetError(f"{path.name} is not a type that can be read. Use .csv or .jsonl, plain or with .gz.")
    return form


class _Limited(io.RawIOBase):
    """Counts unpacked bytes, so that a small gzip file cannot unpack without end."""

    def __init__(self, raw: Any, name: str, max_bytes: float) -> None:
        self._raw, self._name, self._max_bytes, self._count = raw, name, max_bytes, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        self._count += len(data)
        if self._count > self._max_bytes:
            raise DatasetError(
                f"{self._name} is larger than {self._max_bytes / 1024 / 1024:,.0f} MB unpacked. "
                "Split it into smaller files and import them one after another."
            )
        buffer[: len(data)] = data
        return len(data)


def _longest(path: Path, rows: Iterable[Mapping[str, str]], *, taken: Collection[str | None]) -> str:
    """The column with the most text among those whose name says nothing."""
    lengths = Counter[str]()
    for row in rows:
        lengths.update({column: len(cell) for column, cell in row.items() if column not in taken})
    if not lengths:
        found = ", ".join(repr(column) for column in dict.fromkeys(column for row in rows for column in row))
        raise DatasetError(
            f"{path.name} has no column with texts; it has {found}. Add one called 'text', or choose another file."
        )
    return lengths.most_common(1)[0][0]


def _records(path: Path, max_bytes: float) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """(line number, record) for each record; a str in its place is the reason it cannot be one."""
    form = _format(path)
    try:
        if path.stat().st_size == 0:
            raise DatasetError(f"{path.name} is empty. Export it again, with at least one document.")
        if path.stat().st_size > max_bytes:
            raise DatasetError(
                f"{path.name} has {path.stat().st_size / 1024 / 1024:,.0f} MB; at most "
                f"{max_bytes / 1024 / 1024:,.0f} MB are read at a time. Split it into smaller files."
            )
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as raw:
            limited = io.BufferedReader(_Limited(raw, path.name, max_bytes))
            file = io.TextIOWrapper(limited, encoding="utf-8-sig", newline="")
            yield from _csv_records(file, path) if form == "csv" else _json_records(file)
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path.name} is not UTF-8 text (byte {error.object[error.start]:#04x} near position {error.start:,}). "
            "Save it as 'CSV UTF-8' or convert it."
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path.name} cannot be read: {error}.") from error


def _csv_records(file: Iterable[str], path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    csv.field_size_limit(MAX_FILE_BYTES)
    lines = iter(file)
    head = next(lines, "")
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(itertools.chain([head], lines), delimiter=delimiter, strict=True)
    try:
        columns = reader.fieldnames or ()
    except csv.Error as error:
        raise DatasetError(f"The first line of {path.name} is not readable as CSV ({error}).") from error
    if len(set(columns)) != len(columns) or not any(column.strip() for column in columns):
        raise DatasetError(f"The first line of {path.name} must name each column once; it holds {list(columns)}.")
    while True:
        start = reader.reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # a mark that is never closed swallows all that follows, and says so once
            last = reader.reader.line_num
            read = f"to line {last} " if last > start else ""
            yield start, f"not readable as CSV from here {read}({error}). Check the quotation marks"
            continue
        if None in record or None in record.values():
            found = sum(value is not None for key, value in record.items() if key is not None)
            found += len(record.get(None) or ())
            yield start, f"{found} cells where the header has {len(columns)}. Quote texts that hold a {delimiter!r}."
        else:
            yield start, record


def _json_records(file: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"not JSON ({error})"
            continue
        yield number, record if isinstance(record, dict) else "not a JSON object in braces"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode(errors="replace").decode()  # halves of characters cannot be shown


def _half_character(**values: str) -> str | None:
    """The reason where a value holds a surrogate alone, which JSON can name and UTF-8 cannot hold."""
    for what, value in values.items():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            found = value[error.start]
            return f"{found!r} stands in the {what}, half of a character: it was cut in the middle of one"
    return None


def _row(line: int, record: Mapping[str, Any], mapping: ColumnMapping) -> Row | Refusal:
    text = record.get(mapping.text)
    if not isinstance(text, str):
        return Refusal(line, f"no text in {mapping.text!r}")
    text = text.strip()
    if not text:
        return Refusal(line, "the text is empty")
    if len(text) > MAX_TEXT_CHARACTERS:
        return Refusal(line, f"the text has {len(text):,} characters; at most {MAX_TEXT_CHARACTERS:,} are taken")
    if "\x00" in text:
        return Refusal(line, "the text holds a NUL character, so it is probably not text")
    labels = record.get(mapping.labels) if mapping.labels else None
    if labels is None:
        labels = []
    elif isinstance(labels, str):
        labels = labels.split(mapping.label_separator)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return Refusal(line, f"{mapping.labels!r} holds neither a list of label names nor a text of them")
    names = tuple(dict.fromkeys(" ".join(label.split()) for label in labels if label.strip()))
    split = str(record.get(mapping.split) or "").strip().lower() if mapping.split else ""
    if split not in _SPLITS:
        return Refusal(line, f"the split {split!r} is none of train, dev, test")
    identifier = record.get(mapping.id) if mapping.id else None
    identifier = str(identifier).strip() if identifier is not None else ""
    if reason := _half_character(text=text, labels=" ".join(names), id=identifier):
        return Refusal(line, reason)
    return Row(line, identifier or None, text, names, _SPLITS[split])
