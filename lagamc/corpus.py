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

from lagamc.errors import DatasetError, LabelError, few
from lagamc.labels import one_line
from lagamc.readers import ColumnMapping, Refusal, Row, preview_file, read_rows

__all__ = ["UNASSIGNED", "Corpus", "Example", "described", "read_corpus", "read_split", "read_splits", "with_labels"]

UNASSIGNED = "unassigned"  # in no split


@dataclass(frozen=True, slots=True)
class Example:
    """One document and the names of its labels, as `lagamc.labels.one_line` has them, each once; a tuple from here on.

    Raises:
        DatasetError: the labels are a text, whose letters would each be one.
    """

    id: str
    text: str
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        if isinstance(self.labels, str):
            raise DatasetError(f"The labels of document {self.id!r} are the text {self.labels!r}. Give a list.")
        object.__setattr__(self, "labels", tuple(dict.fromkeys(map(one_line, self.labels))))


class Corpus(Sequence[Example]):
    """An immutable sequence of examples with a content hash."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = tuple(examples)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Corpus: ...
    def __getitem__(self, index: int | slice) -> Example | Corpus:
        return Corpus(self._examples[index]) if isinstance(index, slice) else self._examples[index]

    def __len__(self) -> int:
        return len(self._examples)

    def __repr__(self) -> str:
        return f"Corpus({len(self):,} documents, {len(self.label_counts()):,} labels)"

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
    def read_jsonl(cls, path: str | Path) -> Corpus:
        """Read what `write_jsonl` wrote. Raises DatasetError on the first line that is not such a line."""
        return read_corpus(path, ColumnMapping(text="text", labels="labels", id="id"))

    def write_jsonl(self, path: str | Path) -> None:
        """Write one {"id", "text", "labels"} a line, UTF-8."""
        with Path(path).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in self._examples)


def read_corpus(
    path: str | Path, mapping: ColumnMapping | None = None, *, known: Iterable[str] = ()
) -> Corpus:  # fmt: skip
    """Read a whole file strictly, however large. Without a mapping one is guessed.

    The `known` labels tell what parts names, and what belongs to one.

    Raises:
        DatasetError: the file, or any line in it, cannot be taken; two lines share an id.
    """
    path = Path(path)
    mapping = mapping or replace(_guessed(path, known), split=None)
    return Corpus(example for example, _ in _examples(path, mapping, known))


def read_splits(
    path: str | Path, mapping: ColumnMapping | None = None, *, known: Iterable[str] = ()
) -> dict[str, Corpus]:
    """The documents of a file by the split that it tells: train, dev, test or unassigned, those that have documents.

    Without a mapping one is guessed by the `known` labels, as in `read_corpus`.

    All are unassigned where no column tells splits, or the one that is called so tells something else, like folds:
    train, dev or test in no line.

    Raises:
        DatasetError: as `read_corpus`; a line tells another split where others tell these.
    """
    path = Path(path)
    mapping = mapping or _guessed(path, known)
    rows = read_rows(path, mapping, max_bytes=math.inf, max_characters=math.inf)
    if not any(isinstance(row, Row) and row.split for row in rows):
        mapping = replace(mapping, split=None)
    parts: dict[str, list[Example]] = {}
    for example, split in _examples(path, mapping, known):
        parts.setdefault(split or UNASSIGNED, []).append(example)
    return {name: Corpus(examples) for name, examples in parts.items()}


def read_split(
    path: str | Path, split: str, mapping: ColumnMapping | None = None, *, known: Iterable[str] = ()
) -> Corpus:  # fmt: skip
    """The documents of one split, or all where the file tells no splits; `known` is as `read_splits` has it.

    Raises:
        DatasetError: the file tells splits, and not this one; or as `read_corpus`.
    """
    parts = read_splits(path, mapping, known=known)
    if split not in parts and set(parts) != {UNASSIGNED}:
        raise DatasetError(f"{Path(path).name} holds no document of the split {split!r}, but {', '.join(parts)}.")
    return parts[split if split in parts else UNASSIGNED]


def with_labels(
    corpus: Corpus, path: Path, *,
    advice: str = "Its labels must stand in a column 'labels', or under that key of JSON lines.",
) -> Corpus:  # fmt: skip
    """Give back the documents of a file. Raises DatasetError, with this advice, where none of them carries a label."""
    if not corpus.label_counts():
        raise DatasetError(f"No document of {path.name} carries a label. {advice}")
    return corpus


def described(corpus: Corpus, known: Iterable[str], *, where: str, by: str = "labels.json") -> Corpus:
    """Give back the documents of `where`. Raises LabelError where one carries a label that is not known `by` that."""
    names = set(known)
    for example in corpus:
        if not names.issuperset(example.labels):
            unknown = few(sorted(corpus.label_counts().keys() - names))
            raise LabelError(
                f"{where} carries labels that {by} does not describe: {unknown} (first in document {example.id!r}). "
                "Describe them there, or take them off the documents."
            )
    return corpus


def _guessed(path: Path, known: Iterable[str] = ()) -> ColumnMapping:
    return preview_file(path, head=None, max_bytes=math.inf, known=known).mapping


def _examples(path: Path, mapping: ColumnMapping, known: Iterable[str]) -> list[tuple[Example, str | None]]:
    found: dict[str, tuple[Example, str | None]] = {}
    for row in read_rows(path, mapping, max_bytes=math.inf, max_characters=math.inf, known=known):
        if isinstance(row, Refusal):
            raise DatasetError(f"{path.name}, line {row.line}: {row.reason}")
        identifier = row.id or str(row.line)
        if identifier in found:
            raise DatasetError(
                f"{path.name}, line {row.line}: the id {identifier!r} occurs twice. Give every document its own."
            )
        found[identifier] = Example(identifier, row.text, row.labels), row.split
    return list(found.values())
