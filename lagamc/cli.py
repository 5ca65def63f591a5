"""The command line: lagamc train | classify | evaluate."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lagamc.corpus import Corpus, Refusal, preview_file, read_corpus, read_rows
from lagamc.errors import Cancelled, DatasetError, LagamcError

__all__ = ["main"]

EXIT_COMPLETED, EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 usage, 3 cancelled."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        options.run(options)
    except Cancelled as stop:
        print(stop, file=sys.stderr)
        return EXIT_CANCELLED
    except LagamcError as error:
        print(f"lagamc: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_COMPLETED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lagamc", description="Multi-label text classification by generating label descriptions."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train the model that a run folder describes, or resume it")
    train.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="holds config, labels, train and dev files")
    train.set_defaults(run=_train)

    classify = commands.add_parser("classify", help="write the labels of every document of a file")
    classify.add_argument("model", type=Path, metavar="MODEL_FOLDER")
    classify.add_argument("file", type=Path, metavar="FILE", help=".csv or .jsonl, plain or .gz")
    classify.set_defaults(run=_classify)

    evaluate = commands.add_parser("evaluate", help="compare free-running predictions with a file's labels")
    evaluate.add_argument("model", type=Path, metavar="MODEL_FOLDER")
    evaluate.add_argument("file", type=Path, metavar="FILE", help=".csv or .jsonl with labels, plain or .gz")
    evaluate.set_defaults(run=_evaluate)

    for command in (classify, evaluate):
        command.add_argument("--threshold", type=float, help="cosine below which a sentence is abstained")
        command.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    for command in (train, classify, evaluate):
        command.add_argument("--json", action="store_true", help="print JSON for programs instead of text")
    return parser


def _train(options: argparse.Namespace) -> None:
    from lagamc.callbacks import CancelRequest, EventLog, ProgressBar
    from lagamc.run import train_run

    folder: Path = options.folder
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder. Give a run folder with config.json, labels.json and documents.")
    events = EventLog(folder / "events.jsonl")
    callbacks: list[Any] = [events]
    if sys.stderr.isatty():
        callbacks.append(ProgressBar())
    cancel = CancelRequest(folder / "cancel")
    try:
        with cancel.listening():
            manifest = train_run(folder, callbacks=callbacks, cancelled=cancel)
    except Cancelled as stop:
        events.on_event("cancelled", {"message": str(stop)})
        raise
    except Exception as error:
        known = isinstance(error, LagamcError)
        if not known:
            traceback.print_exc()
        message = str(error) if known else f"{type(error).__name__}: {error}"
        with contextlib.suppress(OSError):  # a full disk must not hide what happened first
            events.on_event("failed", {"error": message})
        if known:
            raise
        raise LagamcError(f"{message} (the traceback stands above)") from error
    _print_result(options, {"model": str(folder / "model"), "dev": manifest.dev, "test": manifest.test})


def _classify(options: argparse.Namespace) -> None:
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
    with _progress("classified") as progress:
        results = classifier.classify([row.text for row in rows], threshold=options.threshold, progress=progress)
    for row, result in zip(rows, results, strict=True):
        identifier = row.id or str(row.line)
        if options.json:
            evidence = [dataclasses.asdict(sentence) for sentence in result.sentences]
            print(json.dumps({"id": identifier, "labels": result.labels, "sentences": evidence}, ensure_ascii=False))
        else:
            print(f"{identifier}\t{'; '.join(result.labels) or '-'}")
    print(f"lagamc: {len(rows):,} documents classified, {refused:,} lines refused", file=sys.stderr)


def _evaluate(options: argparse.Namespace) -> None:
    from lagamc.classifier import Classifier
    from lagamc.evaluation import evaluate_classifier

    corpus: Corpus = read_corpus(options.file)
    classifier = Classifier.load(options.model, device=options.device)
    with _progress("evaluated") as progress:
        report = evaluate_classifier(classifier, corpus, threshold=options.threshold, progress=progress)
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


def _print_result(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    if options.json:
        print(json.dumps(figures))
        return
    print(f"The model lies in {figures['model']}")
    for split in ("dev", "test"):
        if figures[split]:
            print(f"{split}: micro-F1 {figures[split]['micro_f1']:.4f}, macro-F1 {figures[split]['macro_f1']:.4f}")


@contextlib.contextmanager
def _progress(verb: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(unit="doc", desc=verb, dynamic_ncols=True) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance
