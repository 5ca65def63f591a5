"""Free-running evaluation of a model on labelled documents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lagamc.analysis import (
    CountRow,
    LengthBucket,
    SubsetFigures,
    ThresholdRow,
    label_count_table,
    length_buckets,
    rarest_labels,
    subset_figures,
    threshold_sweep,
)
from lagamc.backbone import Backbone
from lagamc.bootstrap import Interval, bootstrap_intervals
from lagamc.classifier import Classifier
from lagamc.corpus import Corpus, described
from lagamc.decision import CANDIDATES, WRITTEN_ONLY, DecisionRule, DocumentResult, SentenceResult
from lagamc.encoder import SentenceEmbedder
from lagamc.errors import DatasetError
from lagamc.labels import LabelSet
from lagamc.matcher import Match, Matcher
from lagamc.metrics import Indicator, Metrics, indicator, multilabel_metrics
from lagamc.neighbours import Neighbours
from lagamc.streaming import Progress

__all__ = [
    "COSINE_THRESHOLDS",
    "Details",
    "Report",
    "chosen_rule",
    "decided",
    "details",
    "evaluate",
    "evaluate_classifier",
    "rematched",
    "sweep",
]

COSINE_THRESHOLDS = np.round(np.arange(0.0, 1.0, 0.05), 2)


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, and what they were computed from, in corpus order. Matrices are (documents, labels)."""

    metrics: Metrics
    results: tuple[DocumentResult, ...]
    label_set: LabelSet
    actual: Indicator
    predicted: Indicator


@dataclass(frozen=True, slots=True)
class Details:
    """What a report says beyond its figures; `rare` and `unseen` need to know the training labels."""

    intervals: dict[str, Interval]
    counts: tuple[CountRow, ...]
    buckets: tuple[LengthBucket, ...]
    rare: SubsetFigures | None = None
    unseen: SubsetFigures | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return asdict(self)


def evaluate_classifier(
    classifier: Classifier, corpus: Corpus, *, threshold: float | None = None,
    progress: Progress | None = None, cancelled: Callable[[], bool] | None = None,
) -> Report:  # fmt: skip
    """Classify the corpus, seeing the texts alone, and compare with its labels.

    Raises:
        DatasetError: the corpus is empty.
        LabelError: it carries a label that the model does not know.
    """
    if not corpus:
        raise DatasetError("There is no document to evaluate on.")
    label_set = classifier.label_set
    described(corpus, label_set.names, where="The corpus", by="the model's label set")
    actual = indicator([example.labels for example in corpus], label_set)
    results = classifier.classify(
        [example.text for example in corpus], threshold=threshold, progress=progress, cancelled=cancelled
    )
    predicted = indicator([result.labels for result in results], label_set)
    metrics = multilabel_metrics(actual, predicted, label_set.names)
    return Report(metrics, tuple(results), label_set, actual, predicted)


def evaluate(
    backbone: Backbone, label_set: LabelSet, corpus: Corpus, *,
    max_new_tokens: int, threshold: float, rule: DecisionRule = WRITTEN_ONLY, neighbours: Neighbours | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Report:  # fmt: skip
    """Evaluate a backbone as it stands, in the middle of training for example."""
    classifier = Classifier(
        backbone, label_set, max_new_tokens=max_new_tokens, threshold=threshold, rule=rule, neighbours=neighbours
    )
    return evaluate_classifier(classifier, corpus, cancelled=cancelled)


def decided(report: Report, rule: DecisionRule) -> Report:
    """The report by another rule, which decides no more labels than its own; nothing is generated."""
    return _reported(report, [result.decide(result.threshold, rule) for result in report.results])


def chosen_rule(report: Report, metric: str) -> DecisionRule:
    """The candidate rule with the best figure, an attribute of `Metrics`. Meant for dev, reported by `WIDEST`."""

    def figure(rule: DecisionRule) -> float:
        found: float = getattr(decided(report, rule).metrics, metric)
        return found

    return max(CANDIDATES, key=figure)


def _reported(report: Report, results: Sequence[DocumentResult]) -> Report:
    predicted = indicator([result.labels for result in results], report.label_set)
    metrics = multilabel_metrics(report.actual, predicted, report.label_set.names)
    return Report(metrics, tuple(results), report.label_set, report.actual, predicted)


def details(
    report: Report, *, train_counts: Mapping[str, int] | None = None, unseen: Collection[str] | None = None,
    samples: int = 1000, seed: int = 13,
) -> Details:  # fmt: skip
    """Intervals, label counts, length buckets, rare and unseen labels of a report.

    Args:
        report: of any system.
        train_counts: {label: training documents}; without it nothing can be said of rare and unseen labels.
        unseen: labels to report as unseen; by default those without a training document.
        samples: bootstrap resamples.
        seed: of the resamples.
    """
    actual, predicted, label_set = report.actual, report.predicted, report.label_set
    rare = None
    if train_counts is not None:
        rare = subset_figures(actual, predicted, label_set, rarest_labels(train_counts, label_set.names))
        if unseen is None:
            unseen = [name for name in label_set.names if not train_counts.get(name)]
    return Details(
        intervals=bootstrap_intervals(actual, predicted, samples=samples, seed=seed),
        counts=label_count_table(actual, predicted),
        buckets=length_buckets(actual, predicted, label_set),
        rare=rare,
        unseen=subset_figures(actual, predicted, label_set, unseen) if unseen else None,
    )


def sweep(report: Report) -> tuple[ThresholdRow, ...]:
    """Figures at every cosine threshold from 0 to 0.95, nothing generated anew. Meant for dev (section 8.5)."""

    def decide(threshold: float) -> Indicator:
        return indicator([result.decide(threshold).labels for result in report.results], report.label_set)

    return threshold_sweep(report.actual, decide, report.label_set.names, COSINE_THRESHOLDS)


def rematched(report: Report, encoder: str | None) -> Report:
    """The report with the written sentences matched anew by a frozen sentence encoder (Table 7); nothing is generated.

    A sentence that gets another label is decided by its cosine alone: its probability was that of the old label.

    Args:
        report: of any model.
        encoder: a sentence-transformers folder or hub name; None is the built-in one.

    Raises:
        BackboneError: the encoder cannot be loaded.
    """
    frozen = SentenceEmbedder.load(encoder).eval()
    label_set = report.label_set
    unique = sorted({item.text for result in report.results for item in result.sentences if item.written})
    matcher = Matcher(label_set.names, frozen.encode(label_set.descriptions).numpy())
    matches = matcher.match(frozen.encode(unique).numpy()) if unique else []
    by_text = dict(zip(unique, matches, strict=True))
    return _reported(
        report,
        [
            dataclasses.replace(
                result,
                sentences=tuple(
                    _matched_anew(item, by_text[item.text]) if item.written else item for item in result.sentences
                ),
            ).decide(result.threshold)
            for result in report.results
        ],
    )


def _matched_anew(item: SentenceResult, match: Match) -> SentenceResult:
    probability = item.probability if match.label == item.match.label else None
    return dataclasses.replace(item, match=match, probability=probability)
