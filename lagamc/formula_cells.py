"""Cells of CSV files that a spreadsheet would take for a formula: written with an apostrophe, read without it."""

from __future__ import annotations

__all__ = ["guarded", "unguarded"]

_MARKS = ("=", "+", "-", "@", "\t", "\r")


def guarded(cell: str) -> str:
    """The cell as a spreadsheet shows it and does not run it. One of apostrophes and a mark gets another apostrophe."""
    return f"'{cell}" if _marked(cell) else cell


def unguarded(cell: str) -> str:
    """The cell that `guarded` was given; an apostrophe before anything else is the cell's own."""
    return cell[1:] if cell.startswith("'") and _marked(cell) else cell


def _marked(cell: str) -> bool:
    return cell.lstrip("'").startswith(_MARKS)
