"""Word diff of two wordings."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

__all__ = ["DiffPart", "word_diff"]


@dataclass(frozen=True, slots=True)
class DiffPart:
    """A run of words that both wordings have, or that one of them has alone."""

    kind: Literal["same", "removed", "added"]
    text: str


def word_diff(before: str, after: str) -> tuple[DiffPart, ...]:
    """What must go and come, in reading order, to make `before` into `after`; removals come before additions."""
    old, new = before.split(), after.split()
    changes: list[DiffPart] = []
    for kind, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            changes.append(DiffPart("same", " ".join(old[start:end])))
            continue
        if end > start:
            changes.append(DiffPart("removed", " ".join(old[start:end])))
        if new_end > new_start:
            changes.append(DiffPart("added", " ".join(new[new_start:new_end])))
    return tuple(changes)
