"""Multi-label metrics as pure functions of indicator matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lagamc.labels import LabelSet

__all__ = ["SUMMARY", "Indicator", "LabelMetrics", "Metrics", "indicator", "multilabel_metrics"]

Indicator = NDArray[np.bool_]  # (documents, labels)
SUMMARY = ("micro_f1", "macro_f1", "weighted_f1", "sample_f1", "jaccard", "subset_accuracy")  # figures over all labels


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """Figures of one label. Where a figure is undefined (0 / 0) it is 0."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of a set of predictions, each in [0, 1]; undefined ones (0 / 0) are 0."""

    micro_f1: float
    macro_f1: float
    weighted_f1: float
    sample_f1: float
    jaccard: float  # mean over documents
    subset_accuracy: float
    labels: tuple[LabelMetrics, ...]

    @property
    def micro_macro_f1(self) -> float:
        """Mean of micro- and macro-F1: what dev chooses by unless a run names another figure."""
        return (self.micro_f1 + self.macro_f1) / 2

    def summary(self) -> dict[str, float]:
        """The figures over all labels, by name."""
        return {name: getattr(self, name) for name in SUMMARY}


def indicator(labels: Sequence[Sequence[str]], label_set: LabelSet) -> Indicator:
    """(documents, labels) matrix, true where the document carries the label.

    Raises:
        LabelError: a document carries a label that is not in the set.
    """
    matrix = np.zeros((len(labels), len(label_set)), dtype=np.bool_)
    for row, names in enumerate(labels):
        for name in names:
            matrix[row, label_set.index(name)] = True
    return matrix


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _f1(hits: NDArray[np.float64], predicted: NDArray[np.float64], actual: NDArray[np.float64]) -> NDArray[np.float64]:
    return _ratio(2 * hits, predicted + actual)


def multilabel_metrics(actual: Indicator, predicted: Indicator, names: Sequence[str]) -> Metrics:
    """Micro, macro, weighted and sample F1, Jaccard, subset accuracy and figures a label.

    Args:
        actual: (documents, labels).
        predicted: of the same shape.
        names: label names, in column order.

    Raises:
        ValueError: the shapes differ, or there is no document.
    """
    if actual.shape != predicted.shape or actual.shape[1] != len(names) or not len(actual):
        raise ValueError(f"shapes {actual.shape}, {predicted.shape} and {len(names)} names do not fit together")
    both = actual & predicted
    hits, positives, support = (matrix.sum(axis=0, dtype=np.float64) for matrix in (both, predicted, actual))
    f1 = _f1(hits, positives, support)
    row_hits, row_positives, row_support = (
        matrix.sum(axis=1, dtype=np.float64) for matrix in (both, predicted, actual)
    )
    precision, recall = _ratio(hits, positives), _ratio(hits, support)
    return Metrics(
        micro_f1=float(_f1(hits.sum(keepdims=True), positives.sum(keepdims=True), support.sum(keepdims=True))[0]),
        macro_f1=float(f1.mean()),
        weighted_f1=float(np.average(f1, weights=support)) if support.any() else 0.0,
        sample_f1=float(_f1(row_hits, row_positives, row_support).mean()),
        jaccard=float(_ratio(row_hits, row_positives + row_support - row_hits).mean()),
        subset_accuracy=float((actual == predicted).all(axis=1).mean()),
        labels=tuple(
            LabelMetrics(name, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, name in enumerate(names)
        ),
    )
