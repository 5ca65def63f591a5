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
        "machine": f"{platform.machine()}, {cores()} cores, Python {platform.python_version()}",
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def revision() -> str:
    """The git revision of this code, marked where files have changed since; the package version outside git."""
    folder = Path(__file__).parent
    git = shutil.which("git")
    if git is not None:
        command = [git, "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # fixed arguments
        if found.returncode == 0:
            return found.stdout.strip()
    return f"lagamc-workbench {importlib.metadata.version('lagamc-workbench')}"
