"""What several commands say on a terminal."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lagamc.config import PRECISIONS
from lagamc.corpus import Corpus, with_labels
from lagamc.errors import few
from lagamc.readers import ColumnMapping, preview_file, preview_records, require_columns
from lagamc.record_files import Record

if TYPE_CHECKING:
    from lagamc.classifier import Classifier
    from lagamc.matcher import Matching

__all__ = [
    "add_columns",
    "add_json",
    "add_model",
    "at_least",
    "columns",
    "label_names",
    "labelled",
    "loaded_model",
    "progress",
    "seed",
]


def add_json(command: argparse.ArgumentParser) -> None:
    """The option that every command has."""
    command.add_argument("--json", action="store_true", help="print JSON for programs instead of text")


def add_model(command: argparse.ArgumentParser, *, file_help: str) -> None:
    """A trained model, a file of documents, and how to decide."""
    command.add_argument("model", type=Path, metavar="MODEL_FOLDER")
    command.add_argument("file", type=Path, metavar="FILE", help=file_help)
    command.add_argument(
        "--threshold", type=float, help="cosine below which a written sentence says nothing for its label"
    )
    command.add_argument("--constrained", action="store_true",
        help="write whole descriptions alone: faster, and no longer free-running")  # fmt: skip
    command.add_argument("--labels", type=Path, metavar="FILE",
        help="JSON {name: description}: labels that the model was not trained on are given too")  # fmt: skip
    command.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    command.add_argument("--precision", default="float32", choices=PRECISIONS,
        help="bfloat16: faster where the processor multiplies in it (default: %(default)s)")  # fmt: skip
    add_json(command)


def add_columns(command: argparse.ArgumentParser, *, labels: bool) -> None:
    """What a file calls its texts, and its labels where they are read, for who knows better than the guess."""
    command.add_argument("--text-column", metavar="NAME", help="holds the texts (default: guessed, and said)")
    if labels:
        command.add_argument("--labels-column", metavar="NAME", help="holds the labels (default: guessed, and said)")
        command.add_argument(
            "--label-separator", metavar="TEXT", help="between two labels of a text (default: guessed)"
        )


def columns(
    options: argparse.Namespace, *, head: int | None, known: Iterable[str] = (), path: Path | None = None,
    records: Sequence[Record] | None = None,
) -> ColumnMapping:  # fmt: skip
    """The mapping of `path`, else of the command's file, that the options of `add_columns` tell, the rest guessed as
    `preview_file` does; says it. Where the first `records` are told, the file is not opened.

    Raises:
        DatasetError: the file cannot be read, or lacks a column that was named.
    """
    path = path or options.file
    reads_labels = "labels_column" in options
    told = {"text": options.text_column, "labels": options.labels_column if reads_labels else None}
    if records is None:
        preview = preview_file(path, head=head, max_bytes=math.inf, known=known, **told)
    else:
        preview = preview_records(records, path.name, head=head, known=known, **told)
    mapping = preview.mapping
    if reads_labels and options.label_separator is not None:
        mapping = dataclasses.replace(mapping, label_separator=options.label_separator)
    require_columns(path, mapping, preview.columns)
    said = f"texts from the column {mapping.text!r}"
    if reads_labels and mapping.labels:
        said += f", labels from {mapping.labels!r}"
        if preview.labels_as_text:
            said += f", parted by {mapping.label_separator!r}"
    if preview.by_length:
        said += (
            " (no column is called text: the longest one is taken; --text-column names another. The first line is "
            "taken as the names of the columns: if it is a document, put such a line above it)"
        )
    print(f"lagamc: {path.name}: {said}", file=sys.stderr)
    return mapping


def labelled(corpus: Corpus, path: Path) -> Corpus:
    """Give back the documents of a file. Raises DatasetError where the columns read give none of them a label."""
    return with_labels(
        corpus, path, advice="Add a column 'labels', or name the one that holds them: --labels-column NAME."
    )


def label_names(options: argparse.Namespace) -> list[str]:
    """Names of the labels that the options of `add_model` tell, to read files by; what is no model loading it says."""
    from lagamc.labels import LabelSet

    files = [file for file in (options.model / "labels.json", options.labels) if file and file.is_file()]
    return [name for file in files for name in LabelSet.read(file).names]


def loaded_model(options: argparse.Namespace, *, matching: Matching = "exact") -> Classifier:
    """The classifier that the options of `add_model` ask for. Raises LagamcError where it cannot be loaded."""
    from lagamc.classifier import Classifier
    from lagamc.labels import LabelSet, in_file

    described = LabelSet.read(options.labels) if options.labels else ()
    classifier = Classifier.load(
        options.model, device=options.device, precision=options.precision, matching=matching,
        constrained=options.constrained,
    )  # fmt: skip
    learnt = {label.name: label.description for label in classifier.label_set}
    added = [label for label in described if label.name not in learnt]
    if kept := [label.name for label in described if learnt.get(label.name, label.description) != label.description]:
        print(
            f"lagamc: these keep the descriptions that they were trained with: {few(kept)}. Train again to use others.",
            file=sys.stderr,
        )
    if not added:
        return classifier
    with in_file(f"{options.labels.name} and the model's own labels"):
        return classifier.with_labels(added)


def at_least(low: int) -> Callable[[str], int]:
    """The type of an option that takes a whole number from `low` on; anything else is an error of usage."""

    def parsed(text: str) -> int:
        if not text.isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"must be a whole number of at least {low}, got {text!r}")
        return int(text)

    return parsed


def seed(text: str) -> int:
    """The type of an option that takes a seed, as numpy and torch both have it: 32 bits."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {2**32 - 1}, got {text!r}")
    return int(text)


@contextlib.contextmanager
def progress(verb: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(unit="doc", desc=verb, dynamic_ncols=True) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total or None  # not known of standard input
            bar.update(done - bar.n)

        yield advance
