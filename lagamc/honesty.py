"""The honesty report: what a sceptic would ask of a trained model, answered in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from lagamc.bootstrap import Interval, bootstrap_intervals, paired_differences
from lagamc.classifier import Classifier
from lagamc.corpus import Corpus, Example
from lagamc.decision import WRITTEN_ONLY
from lagamc.duplicates import find_duplicates
from lagamc.errors import DatasetError, LagamcError
from lagamc.evaluation import Report, evaluate_classifier
from lagamc.metrics import Indicator, indicator, multilabel_metrics
from lagamc.streaming import Progress
from lagamc.teacher_forcing import teacher_forced

__all__ = ["Chance", "DuplicateFigures", "Honesty", "PeerFailure", "PeerFigures", "Verdict", "honesty_report"]

PERMUTATIONS = 200
FEWEST = 20  # documents of a verdict; of fewer, one of the permutations may give every answer back to its own document

Figures = dict[str, float]
Verdict = Literal["too few documents", "not above chance", "above chance without the text", "falls to chance"]
Peer = Callable[[], Indicator]  # trains on the same split and predicts the test documents


@dataclass(frozen=True, slots=True)
class Chance:
    """What answers reach that know nothing of the text.

    `permuted` hands the model's own answers round among the documents; `constant` gives every document
    the commonest train labels, as many as suit train best.
    """

    permuted: Figures  # mean over permutations
    permuted_range: dict[str, Interval]  # from the lowest of them to the highest
    constant: Figures
    constant_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DuplicateFigures:
    """Test documents that lie in train as well, and the figures without them."""

    exact: int
    near: int
    limit: float
    examples: tuple[tuple[str, str, float], ...]  # test id, train id, similarity: the most similar ones
    without: Figures | None  # None where no document is left


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """A peer on the same split. `lead` is the model's figure less the peer's, over the same resamples."""

    name: str
    figures: Figures
    lead: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class PeerFailure:
    """A peer that could not be trained or asked, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Honesty:
    """All answers. Figures are those of `Metrics.summary`."""

    documents: int
    free_running: Figures
    intervals: dict[str, Interval]
    sentences_alone: Figures  # free-running, each written sentence decides its label: what teacher_forced compares with
    teacher_forced: Figures
    shuffled: Figures  # free-running, every text given to another document
    teacher_forced_shuffled: Figures
    chance: Chance
    duplicates: DuplicateFigures
    peers: tuple[PeerFigures | PeerFailure, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {**asdict(self), "verdict": self.verdict}

    @property
    def verdict(self) -> Verdict:
        """What micro-F1 says on the documents' own texts and on shuffled ones, beside answers that read no text.

        A classifier is given texts alone, so one that has learnt something falls to chance on shuffled ones unless
        something around it leaks: an `evaluate` that passed the labels on, or one that kept documents in an order that
        tells them. What a model takes from the target shows in `teacher_forced_shuffled`.
        """
        if self.documents < FEWEST:
            return "too few documents"
        ceiling = max(self.chance.permuted_range["micro_f1"].high, self.chance.constant["micro_f1"])
        if self.free_running["micro_f1"] <= ceiling:
            return "not above chance"
        return "falls to chance" if self.shuffled["micro_f1"] <= ceiling else "above chance without the text"


def honesty_report(
    classifier: Classifier, *, train: Corpus, test: Corpus, peers: Mapping[str, Peer] | None = None,
    limit: float = 0.8, seed: int = 13, samples: int = 1000, progress: Progress | None = None,
) -> Honesty:  # fmt: skip
    """Free-running against teacher-forced, shuffled texts against chance, duplicates, and peers.

    Args:
        classifier: any trained model.
        train: what it was trained on.
        test: what it was not.
        peers: {name: function that gives (documents, labels) predictions for test}; a LagamcError of one costs its
            own figures alone.
        limit: Jaccard similarity from which two texts are near duplicates.
        seed: of the shuffle and of the resamples.
        samples: bootstrap resamples.
        progress: told of documents done in each pass over test.

    Raises:
        DatasetError: there are fewer than two test documents.
        LabelError: a document carries a label that the model does not know.
    """
    if len(test) < 2:
        raise DatasetError(f"Texts cannot be shuffled among {len(test)} test documents. Give at least 2.")
    report = evaluate_classifier(classifier, test, progress=progress)
    shuffled = _shuffled(test, seed)
    blind = evaluate_classifier(classifier, shuffled, progress=progress)
    return Honesty(
        documents=len(test),
        free_running=report.metrics.summary(),
        intervals=bootstrap_intervals(report.actual, report.predicted, samples=samples, seed=seed),
        sentences_alone=_every_sentence(report),
        teacher_forced=teacher_forced(classifier, test, progress=progress).summary(),
        shuffled=blind.metrics.summary(),
        teacher_forced_shuffled=teacher_forced(classifier, shuffled, progress=progress).summary(),
        chance=_chance(report, train, seed),
        duplicates=_duplicates(report, train, test, limit),
        peers=tuple(_peer(name, peer, report, samples=samples, seed=seed) for name, peer in (peers or {}).items()),
    )  # fmt: skip


def _every_sentence(report: Report) -> Figures:
    """Figures of the labels whose descriptions were written, however near, as `teacher_forced` counts them."""
    given = [result.decide(-1.0, WRITTEN_ONLY).labels for result in report.results]
    names = report.label_set.names
    return multilabel_metrics(report.actual, indicator(given, report.label_set), names).summary()


def _shuffled(corpus: Corpus, seed: int) -> Corpus:
    """Every document's text given to the document that follows it in a random circle: none keeps its own."""
    order = np.random.default_rng(seed).permutation(len(corpus))
    texts = {int(row): corpus[int(following)].text for row, following in zip(order, np.roll(order, -1), strict=True)}
    return Corpus(Example(example.id, texts[row], example.labels) for row, example in enumerate(corpus))


def _chance(report: Report, train: Corpus, seed: int) -> Chance:
    generator = np.random.default_rng(seed)
    names = report.label_set.names
    rounds = [
        multilabel_metrics(report.actual, report.predicted[generator.permutation(len(report.actual))], names).summary()
        for _ in range(PERMUTATIONS)
    ]
    values = {name: np.array([figures[name] for figures in rounds]) for name in rounds[0]}
    chosen = _commonest(train, report)
    constant = np.tile(indicator([chosen], report.label_set), (len(report.actual), 1))
    return Chance(
        permuted={name: float(column.mean()) for name, column in values.items()},
        permuted_range={name: Interval(float(column.min()), float(column.max())) for name, column in values.items()},
        constant=multilabel_metrics(report.actual, constant, names).summary(),
        constant_labels=chosen,
    )


def _commonest(train: Corpus, report: Report) -> tuple[str, ...]:
    """As many of the commonest train labels as give train the best micro-F1 when all documents get them."""
    ranked = [(name, count) for name, count in train.label_counts().most_common() if name in report.label_set.names]
    carried = sum(count for _, count in ranked)
    best, hits = (0.0, 0), 0
    for size, (_, count) in enumerate(ranked, start=1):
        hits += count
        best = max(best, (2 * hits / (carried + size * len(train)), size))
    return tuple(name for name, _ in ranked[: best[1]])


def _duplicates(report: Report, train: Corpus, test: Corpus, limit: float) -> DuplicateFigures:
    found = find_duplicates([example.text for example in test], [example.text for example in train], limit=limit)
    kept = ~found.either
    without = None
    if kept.any():
        names = report.label_set.names
        without = multilabel_metrics(report.actual[kept], report.predicted[kept], names).summary()
    closest = [row for row in np.argsort(-found.similarity) if found.either[row]][:10]
    pairs = tuple(
        (test[int(row)].id, train[int(found.nearest[row])].id, float(found.similarity[row])) for row in closest
    )
    return DuplicateFigures(int(found.exact.sum()), int(found.near.sum()), limit, pairs, without)


def _peer(name: str, peer: Peer, report: Report, *, samples: int, seed: int) -> PeerFigures | PeerFailure:
    try:
        predicted = peer()
    except LagamcError as error:
        return PeerFailure(name, str(error))
    figures = multilabel_metrics(report.actual, predicted, report.label_set.names).summary()
    lead = paired_differences(report.actual, report.predicted, predicted, samples=samples, seed=seed)
    return PeerFigures(name, figures, lead)
