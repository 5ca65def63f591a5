"""lagamc evaluate: free-running predictions against the labels of a file."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from lagamc.commands.terminal import add_model, progress
from lagamc.corpus import Corpus, read_corpus
from lagamc.errors import DatasetError

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("evaluate", help="compare free-running predictions with a file's labels")
    add_model(command, file_help=".csv or .jsonl with labels, plain or .gz")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from lagamc.classifier import Classifier
    from lagamc.evaluation import evaluate_classifier

    corpus: Corpus = read_corpus(options.file)
    if not corpus.label_counts():
        raise DatasetError(
            f"No document of {options.file.name} carries a label to compare with. Add a column 'labels'."
        )
    classifier = Classifier.load(options.model, device=options.device)
    with progress("evaluated") as advance:
        report = evaluate_classifier(classifier, corpus, threshold=options.threshold, progress=advance)
    figures: dict[str, Any] = {"documents": len(corpus), **report.metrics.summary()}
    if options.json:
        labels = [dataclasses.asdict(label) for label in report.metrics.labels]
        print(json.dumps({**figures, "labels": labels}, ensure_ascii=False))
        return
    print(f"{len(corpus):,} documents, free-running")
    for name, value in report.metrics.summary().items():
        print(f"{name:>16}  {value:.4f}")
    width = max(len(label.name) for label in report.metrics.labels)
    print(f"\n{'label':<{width}}  precision  recall      f1  documents")
    for label in report.metrics.labels:
        print(
            f"{label.name:<{width}}  {label.precision:9.4f}  {label.recall:6.4f}  {label.f1:6.4f}  {label.support:9,}"
        )
