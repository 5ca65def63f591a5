"""What benchmarks say alike: the command that they were started with, and their table."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["given_command", "print_table"]


def given_command() -> str:
    """The script and all options as they were given; of what lies on this machine the last part of its path alone."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(_shown, sys.argv[1:])])


def print_table(report: Mapping[str, Any], rows: Sequence[Mapping[str, object]]) -> None:
    """A report's machine and versions, and under them the rows; the names of the first row head the columns."""
    print(f"\n{report['machine']}; {report['versions']}")
    lines = [tuple(rows[0]), *(tuple(map(str, row.values())) for row in rows)]
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    for name, *figures in lines:
        print(name.ljust(first), *(text.rjust(width) for text, width in zip(figures, others, strict=True)), sep="  ")


def _shown(word: str) -> str:
    if word.startswith("{"):  # settings as JSON
        return word
    option, equals, value = word.rpartition("=")
    return option + equals + (Path(value).absolute().name if value and Path(value).exists() else value)
