"""Documents with their labels, as an immutable, hashed sequence."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import overload

from lagamc.errors import DatasetError
from lagamc.readers import ColumnMapping, Refusal, preview_file, read_rows

__all__ = ["Corpus", "Example", "read_corpus"]


@dataclass(frozen=True, slots=True)
class Example:
    """One document and the names of its labels."""

    id: str
    text: str
    labels: tuple[str, ...] = ()


class Corpus(Sequence[Example]):
    """An immutable sequence of examples with a content hash."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = tuple(examples)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        return self._examples[index]

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def hash(self) -> str:
        """sha256 over the examples in order, in hex."""
        digest = hashlib.sha256()
        for example in self._examples:
            digest.update(json.dumps(asdict(example), ensure_ascii=False).encode() + b"\n")
        return digest.hexdigest()

    def label_counts(self) -> Counter[str]:
        """How many documents carry each label."""
        return Counter(label for example in self._examples for label in example.labels)

    @classmethod
    def read_jsonl(cls, path: Path) -> Corpus:
        """Read what `write_jsonl` wrote. Raises DatasetError on the first line that is not such a line."""
        return read_corpus(path, ColumnMapping(text="text", labels="labels", id="id"))

    def write_jsonl(self, path: Path) -> None:
        """Write one {"id", "text", "labels"} a line, UTF-8."""
        with path.open("w", encoding="utf-8") as file:
            for example in self._examples:
                file.write(json.dumps(asdict(example), ensure_ascii=False) + "\n")


def read_corpus(path: Path, mapping: ColumnMapping | None = None) -> Corpus:
    """Read a whole file strictly, however large. Without a mapping, the guessed one is used.

    Raises:
        DatasetError: the file, or any line in it, cannot be taken; two lines share an id.
    """
    mapping = mapping or replace(preview_file(path, max_bytes=math.inf).mapping, split=None)
    examples: dict[str, Example] = {}
    for row in read_rows(path, mapping, max_bytes=math.inf):
        if isinstance(row, Refusal):
            raise DatasetError(f"{path.name}, line {row.line}: {row.reason}")
        identifier = row.id or str(row.line)
        if identifier in examples:
            raise DatasetError(f"{path.name}, line {row.line}: the id {identifier!r} occurs twice.")
        examples[identifier] = Example(identifier, row.text, row.labels)
    return Corpus(examples.values())
