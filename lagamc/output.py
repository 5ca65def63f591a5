"""A file of results, a line a document, that can be cancelled and gone on with."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO, TypeVar

from lagamc.errors import OutputError

__all__ = ["ResumableOutput"]

_BLOCK = 64 * 1024
Item = TypeVar("Item")


class ResumableOutput:
    """Appends lines to a file. Until `complete`, NAME.unfinished beside it says what the lines come from.

    Args:
        path: the file; where it exists, NAME.unfinished must be there too, and say the same.
        origin: what the lines come from (model, threshold, input); two runs must agree in all of it.

    Raises:
        OutputError: the file is finished already, comes from something else, or cannot be written.
    """

    def __init__(self, path: Path, origin: Mapping[str, object]) -> None:
        self.path = path
        self._marker = path.with_name(path.name + ".unfinished")
        self._origin = dict(origin)
        self.kept = 0  # lines that were there already, once `remaining` has checked them
        self.written = 0  # lines since then
        with _failures(path):
            self._file = self._opened()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _failures(self.path):
            self._file.close()

    def remaining(
        self, items: Iterable[Item], *, same: Callable[[str, Item], bool], name: Callable[[Item], str]
    ) -> Iterator[Item]:
        """The items whose lines are still to be written, after those of the lines that are there.

        Args:
            items: everything that the file is to hold, in order.
            same: whether a line of the file is this item's.
            name: what an item is called in an error.

        Raises:
            OutputError: a line is another item's, or there are more lines than items.
        """
        items = iter(items)
        with self.path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                self.kept, item = number, next(items, None)
                if item is None or not same(line, item):
                    found = "no document" if item is None else f"the document {name(item)}"
                    raise OutputError(
                        f"Line {number:,} of {self.path.name} is of another document: the input has {found} there. "
                        f"Give the input that it was begun with, or delete {self.path.name} and {self._marker.name}."
                    )
        yield from items

    def write(self, line: str) -> None:
        """Append one line. Raises OutputError where the disk takes no more."""
        with _failures(self.path):
            self._file.write(line + "\n")
        self.written += 1

    def stopped(self) -> str:
        """How far it is, for who stopped it."""
        return f"{self.path} holds {self.kept + self.written:,} documents; the same command goes on from there."

    def complete(self) -> None:
        """Everything is written: the file counts as finished from now on. Raises OutputError where it cannot be."""
        with _failures(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._marker.unlink()

    def _opened(self) -> TextIO:
        if begun := self._marker.exists():
            self._check_origin()
        elif self.path.exists():
            what = "is a folder" if self.path.is_dir() else "exists already, and no run that was stopped wrote it"
            raise OutputError(f"{self.path} {what}. Name another file.")
        else:
            self._marker.write_text(json.dumps(self._origin, indent=1) + "\n", encoding="utf-8")
        file = self.path.open("a", encoding="utf-8", newline="\n", buffering=1)  # a line is on disk once written
        try:  # the system lets go of the lock when this process ends
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise OutputError(f"{self.path} is being written by another process. Wait for it, or stop it.") from error
        if begun:
            _cut_torn_line(self.path)
        return file

    def _check_origin(self) -> None:
        try:
            begun = json.loads(self._marker.read_text(encoding="utf-8"))
        except ValueError:
            begun = {}
        names = [name for name, value in self._origin.items() if begun.get(name) != value]
        if names:
            changes = "; ".join(f"{name} was {begun.get(name)!r}, is {self._origin[name]!r}" for name in names)
            raise OutputError(
                f"{self.path.name} was begun otherwise ({changes}). Go on with the same settings, name another file, "
                f"or delete {self.path.name} and {self._marker.name}."
            )


@contextlib.contextmanager
def _failures(path: Path) -> Iterator[None]:
    """What the system says about a file, in the words of this package."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}. Name another file, or free the disk.") from error


def _cut_torn_line(path: Path) -> None:
    """Remove what stands after the last line end; a process that was killed may have left it."""
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            if (found := file.read(end - start).rfind(b"\n")) >= 0:
                end = start + found + 1
                break
            end = start
        file.truncate(end)
