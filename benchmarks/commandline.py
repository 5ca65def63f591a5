"""What benchmarks do alike: say where a results file comes from, write it, and print its table."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lagamc.provenance import cores, provenance

__all__ = ["RESULTS", "given_command", "origin", "print_table", "write_results"]

RESULTS = Path(__file__).parent.parent / "docs" / "results"


def origin(*packages: str, threads: int | None = None) -> dict[str, Any]:
    """How every results file begins: command, machine, versions of the packages that matter, revision and time.

    Threads are those of matrix products; by default those that OpenMP is told to use, or one a core.
    """
    count = threads or int(os.environ.get("OMP_NUM_THREADS", cores()))
    found = provenance()
    return {
        "command": given_command(),
        "machine": f"{_processor()}, {count} of {cores()} cores, Python {platform.python_version()}",
        "versions": {package: version(package) for package in packages},
        "revision": found["revision"],
        "time": found["time"],
    }


def given_command() -> str:
    """The script and all options as they were given; of what lies on this machine the last part of its path alone."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(_shown, sys.argv[1:])])


def write_results(name: str, content: Mapping[str, Any]) -> None:
    """Write docs/results/NAME.json."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def print_table(report: Mapping[str, Any], rows: Sequence[Mapping[str, object]]) -> None:
    """A report's machine and versions, and under them the rows; the names of the first row head the columns."""
    print(f"\n{report['machine']}; {report['versions']}")
    lines = [tuple(rows[0]), *(tuple(map(str, row.values())) for row in rows)]
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    for name, *figures in lines:
        print(name.ljust(first), *(text.rjust(width) for text, width in zip(figures, others, strict=True)), sep="  ")


def _processor() -> str:
    """The architecture, and the widest vectors that torch computes with on it."""
    import torch

    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def _shown(word: str) -> str:
    if word.startswith("{"):  # settings as JSON
        return word
    option, equals, value = word.rpartition("=")
    return option + equals + (Path(value).absolute().name if value and Path(value).exists() else value)
