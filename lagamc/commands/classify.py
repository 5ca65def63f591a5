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
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagamc.callbacks import CancelRequest
from lagamc.commands.terminal import add_columns, add_model, columns, loaded_model, progress
from lagamc.errors import Cancelled
from lagamc.output import ResumableOutput
from lagamc.readers import HEAD, ColumnMapping, Refusal, Row, read_rows

if TYPE_CHECKING:
    from lagamc.decision import DocumentResult

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "classify",
        help="write the labels of every document of a file, however large",
        description="Reads and writes a stream: a file of any size takes constant memory. Ctrl-C stops it; with "
        "--output the same command goes on from there.",
    )
    add_model(command, file_help=".csv, .tsv or .jsonl, plain or .gz")
    add_columns(command, labels=False)
    command.add_argument("--output", type=Path, metavar="FILE", help="write here; the same command resumes it")
    command.add_argument("--matching", default="exact", choices=("exact", "approximate"),
        help="approximate: an index for tens of thousands of labels, needs faiss (default: %(default)s)")  # fmt: skip
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from lagamc.matcher import check_threshold

    mapping = columns(options, head=HEAD).of_texts()
    cancel = CancelRequest()
    refused: Counter[str] = Counter()
    lines, cut = _Lines(json=options.json), 0
    with cancel.listening(), progress("classified") as advance:
        classifier = loaded_model(options, matching=options.matching)
        threshold = classifier.threshold if options.threshold is None else check_threshold(options.threshold)
        total = _count(options.file, mapping) if advance is not None else 0  # on a terminal, for the bar
        with _opened(options, mapping.text, threshold, classifier.label_set.hash) as output:
            rows = output.remaining(_good_rows(options.file, mapping, refused), same=lines.same, name=_identifier)
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
        "constrained": options.constrained, "label set": label_set, "format": "json" if options.json else "text",
    })  # fmt: skip


def _good_rows(file: Path, mapping: ColumnMapping, refused: Counter[str]) -> Iterator[Row]:
    """The documents of a file; what is wrong with the other lines goes to the terminal, and is counted."""
    for row in read_rows(file, mapping, max_bytes=math.inf):
        if isinstance(row, Refusal):
            refused["lines"] += 1
            print(f"lagamc: {file.name}, line {row.line}: {row.reason}; skipped", file=sys.stderr)
        else:
            yield row


def _count(file: Path, mapping: ColumnMapping) -> int:
    return sum(isinstance(row, Row) for row in read_rows(file, mapping, max_bytes=math.inf))
