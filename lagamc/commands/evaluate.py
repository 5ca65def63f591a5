"""lagamc evaluate: free-running predictions against the labels of a file."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagamc.commands.terminal import (
    add_columns,
    add_model,
    at_least,
    columns,
    label_names,
    labelled,
    loaded_model,
    progress,
    seed,
)
from lagamc.corpus import UNASSIGNED, Corpus, described, read_split, read_splits
from lagamc.errors import DatasetError
from lagamc.labels import one_line
from lagamc.readers import ColumnMapping

if TYPE_CHECKING:
    from lagamc.analysis import SubsetFigures, ThresholdRow
    from lagamc.bootstrap import LabelIntervals
    from lagamc.evaluation import Details, Report

__all__ = ["register"]

SPLITS = ("train", "dev", "test", UNASSIGNED)


def register(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("evaluate", help="compare free-running predictions with a file's labels")
    add_model(command, file_help=".csv, .tsv or .jsonl with labels, plain or .gz")
    add_columns(command, labels=True)
    command.add_argument("--split", choices=SPLITS, help="of a file that holds several")
    command.add_argument("--train", type=Path, metavar="FILE", help="its training documents: tells rare, unseen labels")
    command.add_argument(
        "--unseen", help="labels to report as unseen, separated by ';' (default: none in train, or zero-shot)"
    )
    command.add_argument("--sweep", action="store_true", help="figures at every threshold; choose one on dev, not test")
    command.add_argument("--teacher-forced", action="store_true", help="a diagnostic: feed the decoder the true target")
    command.add_argument("--resamples", type=at_least(1), default=1000, help="of the bootstrap (default: %(default)s)")
    command.add_argument("--seed", type=seed, default=13, help="of the bootstrap (default: %(default)s)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from lagamc.bootstrap import label_intervals
    from lagamc.evaluation import details, evaluate_classifier, sweep
    from lagamc.teacher_forcing import TEACHER_FORCED, check_targets, teacher_forced

    known = label_names(options)
    mapping = columns(options, head=None, known=known)
    corpus = labelled(_asked(options.file, options.split, mapping, known), options.file)
    train: Corpus | None = None
    if options.train:
        mapping = columns(options, head=None, known=known, path=options.train)
        train = labelled(read_split(options.train, "train", mapping, known=known), options.train)
    classifier = loaded_model(options)
    for path, documents in ((options.file, corpus), (options.train, train)):
        if documents is not None:
            described(documents, classifier.label_set.names, where=path.name, by="the model, or --labels FILE,")
    if options.teacher_forced:
        check_targets(classifier)
    unseen = classifier.zero_shot or None
    if options.unseen:
        unseen = tuple(one_line(name) for name in options.unseen.split(";") if name.strip())
        for name in unseen:
            classifier.label_set.index(name)
    unseen_title = "labels without a training document" if unseen is None else "labels reported as unseen"
    with progress("evaluated") as advance:
        report = evaluate_classifier(classifier, corpus, threshold=options.threshold, progress=advance)
    counts = None if train is None else train.label_counts()
    more = details(report, train_counts=counts, unseen=unseen, samples=options.resamples, seed=options.seed)
    intervals = label_intervals(report.actual, report.predicted, samples=options.resamples, seed=options.seed)
    rows = sweep(report) if options.sweep else ()
    generation = "constrained" if options.constrained else "free-running"
    diagnostic: dict[str, Any] | None = None
    if options.teacher_forced:
        with progress("teacher-forced") as advance:
            forced = teacher_forced(classifier, corpus, progress=advance).summary()
        diagnostic = {"what": TEACHER_FORCED, **forced}
    if options.json:
        figures = _as_json(report, more, intervals, rows, diagnostic, untrained=classifier.zero_shot)
        print(json.dumps({"generation": generation, **figures}, ensure_ascii=False))
    else:
        print(f"{len(report.results):,} documents, {generation}; 95% intervals over documents")
        untrained = classifier.zero_shot
        lines = _as_text(report, more, intervals, rows, diagnostic, untrained=untrained, unseen_title=unseen_title)
        print("\n".join(lines))


def _asked(path: Path, split: str | None, mapping: ColumnMapping, known: Iterable[str]) -> Corpus:
    """The documents of a file, or those of a split: a model is not asked about what it was trained on by accident."""
    parts = read_splits(path, mapping, known=known)
    found = ", ".join(f"{len(corpus):,} {name}" for name, corpus in parts.items())
    if split is None and len(parts) > 1:
        options = " or ".join(f"--split {name}" for name in parts)
        raise DatasetError(f"{path.name} holds documents of several splits ({found}). Name one: {options}.")
    if split is not None and split not in parts:
        raise DatasetError(f"{path.name} holds no document of the split {split!r}; it holds {found}.")
    asked = split or next(iter(parts))
    if set(parts) != {UNASSIGNED}:
        print(f"lagamc: {path.name}: documents of the split {asked!r}", file=sys.stderr)
    return parts[asked]


def _as_json(
    report: Report, more: Details, intervals: Sequence[LabelIntervals], rows: Sequence[ThresholdRow],
    diagnostic: dict[str, Any] | None, *, untrained: Collection[str],
) -> dict[str, Any]:  # fmt: skip
    figures: dict[str, Any] = {"documents": len(report.results), **report.metrics.summary(), **more.to_dict()}
    figures["labels"] = [
        {
            **dataclasses.asdict(label),
            **{f"{name}_interval": interval for name, interval in dataclasses.asdict(own).items()},
            "untrained": label.name in untrained,
        }
        for label, own in zip(report.metrics.labels, intervals, strict=True)
    ]
    if rows:
        figures["sweep"] = [dataclasses.asdict(row) for row in rows]
    if diagnostic:
        figures["teacher_forced"] = diagnostic
    return figures


def _as_text(
    report: Report, more: Details, intervals: Sequence[LabelIntervals], rows: Sequence[ThresholdRow],
    diagnostic: dict[str, Any] | None, *, untrained: Collection[str], unseen_title: str,
) -> Iterator[str]:  # fmt: skip
    for name, value in report.metrics.summary().items():
        interval = more.intervals[name]
        yield f"{name:>16}  {value:.4f}  [{interval.low:.4f}, {interval.high:.4f}]"
    if diagnostic:
        yield f"\n{diagnostic['what']}"
        for name in report.metrics.summary():
            yield f"{name:>16}  {diagnostic[name]:.4f}"
    names = [f"{label.name} (untrained)" if label.name in untrained else label.name for label in report.metrics.labels]
    width = max(5, *map(len, names))
    head = "".join(f"  {name:<6}  {'[95%]':<16}" for name in ("prec.", "recall", "f1"))
    yield f"\n{'label':<{width}}{head}  documents"
    for name, label, own in zip(names, report.metrics.labels, intervals, strict=True):
        figures = (label.precision, own.precision), (label.recall, own.recall), (label.f1, own.f1)
        cells = (f"  {value:.4f}  [{interval.low:.4f}, {interval.high:.4f}]" for value, interval in figures)
        yield f"{name:<{width}}{''.join(cells)}  {label.support:9,}"
    yield "\nlabels a document  actual  predicted"
    for count in more.counts:
        yield f"{count.labels:17}  {count.actual:6,}  {count.predicted:9,}"
    yield "\nwords of the target  documents  micro_f1  macro_f1"
    for bucket in more.buckets:
        span = f"{bucket.shortest} to {bucket.longest}"
        yield f"{span:>19}  {bucket.documents:9,}  {bucket.micro_f1:8.4f}  {bucket.macro_f1:8.4f}"
    yield from _subset("least frequent 15% of labels in train", more.rare)
    yield from _subset(unseen_title, more.unseen)
    if rows:
        yield "\nthreshold  micro_f1  macro_f1   (choose it on dev)"
        for row in rows:
            yield f"{row.threshold:9.2f}  {row.micro_f1:8.4f}  {row.macro_f1:8.4f}"


def _subset(title: str, figures: SubsetFigures | None) -> Iterator[str]:
    if figures is None:
        return
    yield f"\n{title}: {', '.join(figures.labels)}"
    yield f"macro-F1 {figures.macro_f1:.4f} over all documents"
    yield f"macro-F1 {figures.macro_f1_of_carriers:.4f} over the {figures.carriers:,} documents that carry one of them"
