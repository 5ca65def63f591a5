"""Folders of train, dev and test files with a label file, as docs/data.md lays them out."""

from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lagamc.corpus import Corpus, described, read_corpus, with_labels
from lagamc.errors import DatasetError, LabelError
from lagamc.labels import Label, LabelSet, each_once, in_file

__all__ = [
    "SPLITS",
    "DataSet",
    "Split",
    "few_documents",
    "find_data_sets",
    "read_data_set",
    "read_descriptions",
    "read_labels",
    "split_file",
]

SPLITS = ("train", "dev", "test")
_ENDINGS = tuple(f"{ending}{packed}" for ending in (".jsonl", ".csv", ".tsv") for packed in ("", ".gz"))


@dataclass(frozen=True, slots=True)
class Split:
    """Documents to learn from, to choose settings on, and to measure on once; and the labels."""

    train: Corpus
    dev: Corpus
    test: Corpus
    label_set: LabelSet

    def sampled(self, *, train: int | None = None, dev: int | None = None, test: int | None = None,
                seed: int = 13) -> Split:  # fmt: skip
        """At most so many documents of each part, drawn with the seed and kept in order."""
        return dataclasses.replace(
            self, train=_drawn(self.train, train, seed), dev=_drawn(self.dev, dev, seed),
            test=_drawn(self.test, test, seed),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DataSet:
    """One folder. A label without a description got its name as one, and stands in `undescribed`."""

    name: str
    split: Split
    undescribed: tuple[str, ...]


def read_descriptions(path: str | Path) -> dict[str, str]:
    """The {name: description} of a label file in its order; a label without a description has an empty one.

    Raises:
        DatasetError: the file is missing, holds something else, or no label.
        LabelError: a name comes twice, or a label cannot be used.
    """
    path = Path(path)
    where = _where(path)
    try:
        with in_file(where):
            content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=each_once)
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{where} cannot be read ({error}). Expected {{name: description}}.") from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()) or not content:
        raise DatasetError(f"{where} must hold one JSON object of {{name: description}}.")
    with in_file(where):
        labels = {name: Label(name, text if text.strip() else name) for name, text in content.items()}
    found = {label.name: label.description if content[name].strip() else "" for name, label in labels.items()}
    if len(found) < len(labels):
        raise LabelError(f"{where} holds two labels whose names look the same. Keep one of them.")
    return found


def read_labels(path: str | Path) -> tuple[LabelSet, tuple[str, ...]]:
    """The labels of such a file, and the names of those without a description: a name stands in for one.

    Raises:
        DatasetError: as `read_descriptions`.
        LabelError: as there, or the labels cannot be used together.
    """
    found = read_descriptions(path)
    undescribed = tuple(name for name, text in found.items() if not text)
    with in_file(_where(Path(path))):
        return LabelSet.from_mapping({name: text or name for name, text in found.items()}), undescribed


def _where(path: Path) -> str:
    return f"{path.name} in {path.absolute().parent.name}"


def _existing(folder: str | Path) -> Path:
    if not (folder := Path(folder)).is_dir():
        raise DatasetError(f"{folder} is not a folder. Give one that is laid out as docs/data.md shows.")
    return folder


def read_data_set(folder: str | Path) -> DataSet:
    """Read train, dev and test (.jsonl, .csv or .tsv, plain or .gz) and labels.json.

    Raises:
        DatasetError: a part is missing, cannot be read, or none of its documents carries a label.
        LabelError: the labels cannot be used, or a document carries an unknown one.
    """
    folder = _existing(folder)
    label_set, undescribed = read_labels(folder / "labels.json")
    parts = {name: split_file(folder, name) for name in SPLITS}
    if missing := [name for name, path in parts.items() if path is None]:
        raise DatasetError(
            f"{folder.name} has no {' and no '.join(missing)} file. Expected {', '.join(SPLITS)} as .jsonl, .csv or "
            ".tsv, plain or .gz; docs/data.md says where each set comes from."
        )
    try:
        corpora = {
            name: described(
                with_labels(read_corpus(path, known=label_set.names), path), label_set.names, where=path.name
            )
            for name, path in parts.items()
            if path is not None
        }
    except (DatasetError, LabelError) as error:
        raise type(error)(f"{folder.name}: {error}") from error
    return DataSet(folder.name, Split(**corpora, label_set=label_set), undescribed)


def find_data_sets(folder: str | Path) -> tuple[str, ...]:
    """Names of the folders in `folder` that hold a labels.json. Raises DatasetError when there is none."""
    found = tuple(sorted(path.parent.name for path in _existing(folder).glob("*/labels.json")))
    if not found:
        raise DatasetError(
            f"{folder} holds no data set: no folder in it has a labels.json. docs/data.md shows the layout."
        )
    return found


def few_documents(train: Corpus, per_label: int, *, seed: int = 13) -> Corpus:
    """Draw documents until every label lies on `per_label` of them, or on all that carry it; the rarest label first.

    A document counts for each of its labels, so common labels can end up on more. Documents without a label
    are not drawn.
    """
    counts = train.label_counts()
    order = list(range(len(train)))
    random.Random(seed).shuffle(order)
    drawn: dict[int, None] = {}
    have: Counter[str] = Counter()
    for label in sorted(counts, key=lambda name: (counts[name], name)):
        for row in order:
            if have[label] >= per_label:
                break
            if row not in drawn and label in train[row].labels:
                drawn[row] = None
                have.update(set(train[row].labels))
    return Corpus(train[row] for row in sorted(drawn))


def split_file(folder: Path, name: str) -> Path | None:
    """The file of a part in a folder, if there is one."""
    return next((path for ending in _ENDINGS if (path := folder / (name + ending)).is_file()), None)


def _drawn(corpus: Corpus, size: int | None, seed: int) -> Corpus:
    if size is None or size >= len(corpus):
        return corpus
    rows = sorted(random.Random(seed).sample(range(len(corpus)), size))
    return Corpus(corpus[row] for row in rows)
