"""lagamc classify: a stream of documents becomes a stream of labels with their evidence."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import itertools
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagamc.callbacks import CancelRequest
from lagamc.commands.terminal import add_columns, add_model, columns, loaded_model, progress
from lagamc.errors import Cancelled, DatasetError, OutputError
from lagamc.output import ResumableOutput
from lagamc.readers import HEAD, ColumnMapping, Refusal, Row, read_rows, rows_of
from lagamc.record_files import Record, read_json_lines

if TYPE_CHECKING:
    from lagamc.decision import DocumentResult

__all__ = ["register"]

PIPE = Path("-")  # standard input in place of a file


def register(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "classify",
        help="write the labels of every document of a file, however large",
        description="Reads and writes a stream: a file of any size takes constant memory. Ctrl-C stops it; with "
        "--output the same command goes on from there.",
    )
    add_model(command, file_help=".csv, .tsv or .jsonl, plain or .gz; - reads JSON lines from standard input")
    add_columns(command, labels=False)
    command.add_argument("--output", type=Path, metavar="FILE", help="write here; the same command resumes it")
    command.add_argument("--matching", default="exact", choices=("exact", "approximate"),
        help="approximate: an index for tens of thousands of labels, needs faiss (default: %(default)s)")  # fmt: skip
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from lagamc.matcher import check_threshold

    piped, refused = options.file == PIPE, Counter[str]()
    if piped and options.output:
        raise OutputError(
            "Standard input cannot be read again, so that --output could not go on after a stop. Give a file, or let "
            "the shell write: lagamc classify MODEL_FOLDER - > FILE."
        )
    name, mapping, documents = _from_standard_input(options) if piped else _from_file(options)
    good = _good_rows(name, documents, refused)
    first = next(good, None)
    if first is None:
        raise DatasetError(f"{name} holds no document: all {refused.total():,} lines were refused, as it stands above.")
    cancel = CancelRequest()
    lines, cut = _Lines(json=options.json), 0
    # nothing that comes through a pipe can be gone on with: Ctrl-C ends it at once, also where it waits for a line
    listening = contextlib.nullcontext() if piped else cancel.listening()
    with listening, progress("classified") as advance:
        classifier = loaded_model(options, matching=options.matching)
        threshold = classifier.threshold if options.threshold is None else check_threshold(options.threshold)
        total = 0 if piped or advance is None else _count(options.file, mapping)  # on a terminal, for the bar
        with _opened(options, mapping.text, threshold, classifier.label_set.hash) as output:
            rows = output.remaining(itertools.chain([first], good), same=lines.same, name=_identifier)
            ahead, behind = itertools.tee(rows)  # holds the rows of the chunk in hand
            results = classifier.stream(
                (row.text for row in ahead), threshold=threshold, cancelled=cancel,
                progress=None if advance is None else lambda done: advance(output.kept + done, total),
            )  # fmt: skip
            try:
                for row, result in zip(behind, results, strict=True):
                    output.write(lines.line(row, result))
                    cut += result.cut_at is not None
            except Cancelled as stop:
                raise Cancelled(output.stopped()) from stop
            output.complete()
    print(f"lagamc: {output.written:,} documents classified, {refused.total():,} lines refused", file=sys.stderr)
    if cut:
        most = classifier.backbone.config.max_document_tokens
        print(f"lagamc: {cut:,} of them reach the {most:,} tokens that the model reads; what follows was not read",
              file=sys.stderr)  # fmt: skip


class _Terminal(contextlib.AbstractContextManager["_Terminal"]):
    """Standard output, used as a ResumableOutput is; nothing is there yet."""

    kept = written = 0

    def remaining(self, items: Iterator[Row], **_: object) -> Iterator[Row]:
        return items

    def write(self, line: str) -> None:
        print(line, flush=True)  # for a reader that waits
        self.written += 1

    def stopped(self) -> str:
        return f"Stopped after {self.written:,} documents. With --output FILE the same command would go on from here."

    def complete(self) -> None:
        sys.stdout.flush()

    def __exit__(self, *_: object) -> None: ...


class _Lines:
    """A result as a line of JSON, or as id and labels with a tab between."""

    def __init__(self, *, json: bool) -> None:
        self._json = json

    def line(self, row: Row, result: DocumentResult) -> str:
        if not self._json:
            marked = (f"{name} (untrained)" if name in result.untrained else name for name in result.labels)
            return f"{' '.join(_identifier(row).split())}\t{'; '.join(marked) or '-'}"
        content = {
            "id": _identifier(row), "labels": result.labels, "untrained": result.untrained, "cut_at": result.cut_at,
            "sentences": [dataclasses.asdict(sentence) for sentence in result.sentences],
        }  # fmt: skip
        return json.dumps(content, ensure_ascii=False)

    def same(self, line: str, row: Row) -> bool:
        """Whether a line that was written earlier is of this row."""
        if not self._json:
            return line.partition("\t")[0] == " ".join(_identifier(row).split())
        try:
            return bool(json.loads(line)["id"] == _identifier(row))
        except (ValueError, KeyError, TypeError):
            return False


def _identifier(row: Row) -> str:
    return row.id or str(row.line)


def _opened(
    options: argparse.Namespace, text_column: str, threshold: float, label_set: str
) -> ResumableOutput | _Terminal:
    if options.output is None:
        return _Terminal()
    manifest = (options.model / "manifest.json").read_bytes()
    return ResumableOutput(options.output, {
        "input": f"{options.file.name}, {options.file.stat().st_size:,} bytes", "text column": text_column,
        "model": hashlib.sha256(manifest).hexdigest(), "threshold": threshold, "matching": options.matching,
        "constrained": options.constrained, "precision": options.precision, "label set": label_set,
        "format": "json" if options.json else "text",
    })  # fmt: skip


def _from_file(options: argparse.Namespace) -> tuple[str, ColumnMapping, Iterator[Row | Refusal]]:
    mapping = columns(options, head=HEAD).of_texts()
    return options.file.name, mapping, _read(options.file, mapping)


def _from_standard_input(options: argparse.Namespace) -> tuple[str, ColumnMapping, Iterator[Row | Refusal]]:
    """What comes in as JSON lines, its columns guessed by the first of them: the others may be long in coming."""
    name, head = "standard input", list[Record]()
    records = read_json_lines(sys.stdin.buffer, name)
    for record in records:
        head.append(record)
        if isinstance(record[1], dict):
            break
    mapping = columns(options, head=HEAD, path=Path(name), records=head).of_texts()
    return name, mapping, rows_of(itertools.chain(head, records), mapping, max_characters=math.inf)


def _read(file: Path, mapping: ColumnMapping) -> Iterator[Row | Refusal]:
    """The documents of a file of any size; the model reads the beginning of a text of any length."""
    return read_rows(file, mapping, max_bytes=math.inf, max_characters=math.inf)


def _good_rows(name: str, documents: Iterable[Row | Refusal], refused: Counter[str]) -> Iterator[Row]:
    """The documents that can be read; what is wrong with the others goes to the terminal, and is counted."""
    for row in documents:
        if isinstance(row, Refusal):
            refused["lines"] += 1
            print(f"lagamc: {name}, line {row.line}: {row.reason}; skipped", file=sys.stderr)
        else:
            yield row


def _count(file: Path, mapping: ColumnMapping) -> int:
    return sum(isinstance(row, Row) for row in _read(file, mapping))
