"""Where a figure comes from: revision, machine, library versions and time, for every results file."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["cores", "provenance", "revision"]

PACKAGES = ("torch", "transformers", "sentence-transformers", "scikit-learn")


def provenance(**facts: Any) -> dict[str, Any]:
    """The given facts (seed, configuration, ...) with revision, machine, versions and time added."""
    return {
        **facts,
        "revision": revision(),
        "machine": f"{platform.machine()}, {_cores()}{_gpu()}, Python {platform.python_version()}",
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cores() -> str:
    return "1 core" if cores() == 1 else f"{cores()} cores"


def _gpu() -> str:
    import torch

    return f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""


def revision() -> str:
    """The git revision of this code, marked where it has changed since; the package version outside git.

    Files under docs/ are no code: a benchmark that writes its results there goes on at the same revision.
    """
    head = _git("rev-parse", "HEAD")
    if not head:
        return f"lagamc-workbench {importlib.metadata.version('lagamc-workbench')}"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", ":(top,exclude)docs")
    return f"{head}-dirty" if changed else head


def _git(*arguments: str) -> str:
    """What git says of this folder; nothing where there is no git, or no repository."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(Path(__file__).parent), *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # no shell
    return found.stdout.strip() if found.returncode == 0 else ""
