"""Records of CSV and JSON lines files, plain or gzipped, one after another; what is no record comes as the reason.

Cells of CSV come without the apostrophe that keeps a spreadsheet from taking them for a formula.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from lagamc.errors import DatasetError
from lagamc.formula_cells import unguarded

__all__ = ["MAX_FILE_BYTES", "Record", "cell_delimiter", "file_format", "read_json_lines", "read_records"]

Record = tuple[int, dict[str, Any] | str]  # line number, and the record; a str in its place is why there is none

MAX_FILE_BYTES = 200 * 1024 * 1024  # unpacked
_LOOKED_AT = 100  # lines that tell what parts the cells; the row below the header may have some
_TOLD = re.compile(r"sep=(.)\r?\n?")
_ONE_A_LINE = "Each line holds one whole object, without a comma or brackets around all of them."
_FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def file_format(path: Path) -> str:
    """`csv` (whatever parts its cells) or `jsonl`, by the name of a file. Raises DatasetError for any other."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    form = _FORMATS.get(suffixes[-1]) if suffixes else None
    if form is None:
        raise DatasetError(f"{path.name} is not a type that can be read. Use .csv, .tsv or .jsonl, plain or with .gz.")
    return form


def read_json_lines(raw: BinaryIO, name: str) -> Iterator[Record]:
    """The records of an open file, read as they come. Raises DatasetError where it cannot be read."""
    with _failures(name):
        yield from _json_records(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))


def read_records(path: Path, *, max_bytes: float) -> Iterator[Record]:
    """The records of a file.

    Raises:
        DatasetError: the file as a whole cannot be read, or has more than `max_bytes` unpacked.
    """
    if path.is_dir():
        raise DatasetError(f"{path} is a folder. Give a file in it.")
    if not path.exists():
        raise DatasetError(f"{path} is not there. Check how it is written.")
    form = file_format(path)
    with _failures(path.name, path):
        if path.stat().st_size == 0:
            raise DatasetError(f"{path.name} is empty. Export it again, with at least one document.")
        if path.stat().st_size > max_bytes:
            raise DatasetError(
                f"{path.name} has {path.stat().st_size / 1024 / 1024:,.0f} MB; at most "
                f"{max_bytes / 1024 / 1024:,.0f} MB are read at a time. Split it into smaller files."
            )
        with _opened(path) as raw:
            limited = io.BufferedReader(_Limited(raw, path.name, max_bytes))
            file = io.TextIOWrapper(limited, encoding="utf-8-sig", newline="")
            yield from _csv_records(file, path) if form == "csv" else _json_records(file)


@contextmanager
def _failures(name: str, path: Path | None = None) -> Iterator[None]:
    """What reading a file raises, in the words of this package; the file at `path` is looked through for its line."""
    try:
        yield
    except UnicodeDecodeError as error:
        line = "" if path is None else f" in line {_damaged_line(path)}"
        raise DatasetError(
            f"{name} is not UTF-8 text (it holds the byte {error.object[error.start]:#04x}{line}). Convert it; "
            "a spreadsheet saves it as 'CSV UTF-8'."
        ) from error
    except gzip.BadGzipFile as error:
        raise DatasetError(
            f"{name} is not packed by gzip, or damaged ({error}). Take '.gz' off its name if it is not, else fetch it "
            "again."
        ) from error
    except (EOFError, zlib.error) as error:
        raise DatasetError(f"{name} is damaged: {str(error).rstrip('.')}. Fetch or pack it again.") from error
    except OSError as error:
        raise DatasetError(f"{name} cannot be read: {error}.") from error


def _damaged_line(path: Path) -> int:
    """The number of the first line that is not UTF-8; no character but the line break has its byte."""
    with _opened(path) as raw:
        for number, line in enumerate(raw, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    raise AssertionError("every line is UTF-8, the file was not")


def _opened(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


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


def cell_delimiter(lines: Sequence[str]) -> str:
    """What parts the cells of CSV, a comma, a semicolon or a tab, from its first lines.

    The one by which the header and the row below it have equally many cells, and the most of them; where there is
    none, the most frequent one in the header.
    """

    def cells(mark: str) -> int:
        rows = csv.reader(lines, delimiter=mark, strict=True)
        try:
            header, row = next(rows, []), next(rows, [])
        except csv.Error:
            return 0
        return len(header) if len(header) == len(row) > 1 else 0

    return max(",;\t", key=lambda mark: (cells(mark), lines[0].count(mark) if lines else 0))


def _csv_records(file: Iterable[str], path: Path) -> Iterator[Record]:
    csv.field_size_limit(MAX_FILE_BYTES)
    lines = iter(file)
    first = list(itertools.islice(lines, _LOOKED_AT))
    told = first and _TOLD.fullmatch(first[0])  # a line of spreadsheets, above the header
    if told:
        delimiter = told[1]
        del first[0]
    else:
        delimiter = "\t" if ".tsv" in path.suffixes and "\t" in "".join(first[:1]) else cell_delimiter(first)
    above = 1 if told else 0
    reader = csv.reader(itertools.chain(first, lines), delimiter=delimiter, strict=True)
    try:
        columns = next(reader, [])
    except csv.Error as error:
        raise DatasetError(f"The first line of {path.name} is not readable as CSV ({error}).") from error
    if len(set(columns)) != len(columns) or not any(column.strip() for column in columns):
        raise DatasetError(f"The first line of {path.name} must name each column once; it holds {columns}.")
    while True:
        start = above + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # a mark that is never closed swallows all that follows, and says so once
            last = above + reader.line_num
            read = f"to line {last} " if last > start else ""
            yield start, f"not readable as CSV from here {read}({error}). Check the quotation marks"
            continue
        if not cells:  # a blank line
            continue
        if len(cells) != len(columns):
            reason = f"{len(cells)} cells where the header has {len(columns)}. Quote texts that hold a {delimiter!r}."
            yield start, reason
        else:
            yield start, dict(zip(columns, map(unguarded, cells), strict=True))


def _json_records(file: Iterable[str]) -> Iterator[Record]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            yield number, f"not JSON ({error.msg}, character {error.pos + 1}). {_ONE_A_LINE}"
        except (ValueError, RecursionError) as error:
            yield number, f"not JSON ({error})"
        else:
            yield number, record if isinstance(record, dict) else f"not a JSON object in braces. {_ONE_A_LINE}"
