"""The command that a benchmark was started with, for its results file."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

__all__ = ["given_command"]


def given_command() -> str:
    """The script and all options as they were given; of what lies on this machine the last part of its path alone."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(_shown, sys.argv[1:])])


def _shown(word: str) -> str:
    if word.startswith("{"):  # settings as JSON
        return word
    option, equals, value = word.rpartition("=")
    return option + equals + (Path(value).absolute().name if value and Path(value).exists() else value)
