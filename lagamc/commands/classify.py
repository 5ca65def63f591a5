"""lagamc classify: a file of documents becomes labels with their evidence."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any

from lagamc.commands.terminal import add_model, progress
from lagamc.readers import Refusal, preview_file, read_rows

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("classify", help="write the labels of every document of a file")
    add_model(command, file_help=".csv or .jsonl, plain or .gz")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from lagamc.classifier import Classifier

    mapping = preview_file(options.file).mapping
    classifier = Classifier.load(options.model, device=options.device)
    rows, refused = [], 0
    for row in read_rows(options.file, mapping):
        if isinstance(row, Refusal):
            refused += 1
            print(f"lagamc: {options.file.name}, line {row.line}: {row.reason}; skipped", file=sys.stderr)
        else:
            rows.append(row)
    with progress("classified") as advance:
        results = classifier.classify([row.text for row in rows], threshold=options.threshold, progress=advance)
    for row, result in zip(rows, results, strict=True):
        identifier = row.id or str(row.line)
        if options.json:
            evidence = [dataclasses.asdict(sentence) for sentence in result.sentences]
            print(json.dumps({"id": identifier, "labels": result.labels, "sentences": evidence}, ensure_ascii=False))
        else:
            print(f"{identifier}\t{'; '.join(result.labels) or '-'}")
    print(f"lagamc: {len(rows):,} documents classified, {refused:,} lines refused", file=sys.stderr)
