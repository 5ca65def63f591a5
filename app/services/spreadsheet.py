"""Classified documents as CSV for spreadsheets, in which no cell is a formula; an import reads it back."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lagamc.formula_cells import guarded

__all__ = ["write_csv"]

COLUMNS = ("line", "id", "text", "labels", "evidence")


def write_csv(source: Path, target: Path) -> None:
    """Write the lines of a job's JSON file as rows, one at a time; an earlier file stays whole for who downloads it."""
    draft = target.with_name(f"{target.name}.part")
    with (
        source.open(encoding="utf-8") as lines,
        draft.open("w", encoding="utf-8-sig", newline="") as file,  # spreadsheets need the mark
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for line in lines:
            row = json.loads(line)
            cells = (str(row["line"]), row["id"] or "", row["text"], "; ".join(row["labels"]))
            writer.writerow([guarded(cell) for cell in (*cells, _evidence(row["sentences"]))])
    draft.replace(target)


def _evidence(sentences: Sequence[dict[str, Any]]) -> str:
    return " | ".join(f"{row['sentence']} ({_remark(row)}{row['label']} {row['cosine']:.3f})" for row in sentences)


def _remark(row: dict[str, Any]) -> str:
    if row["retired"]:
        return "retired, "
    if row["abstained"]:
        return "abstained, nearest "
    if row["zero_shot"]:
        return "added after training, "
    unwritten = row["log_probability"] is None and row["probability"] is not None
    return "not written, " if unwritten else ""
