"""Bootstrap intervals of multi-label figures, over documents, seeded; two systems are resampled together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lagamc.metrics import SUMMARY, Indicator

__all__ = ["Interval", "LabelIntervals", "bootstrap_intervals", "label_intervals", "paired_differences"]

_BLOCK = 64  # resamples computed at a time; memory is block x documents

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure lies in the middle `confidence` of the resamples."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LabelIntervals:
    """Those of one label's figures."""

    precision: Interval
    recall: Interval
    f1: Interval


def bootstrap_intervals(
    actual: Indicator, predicted: Indicator, *, samples: int = 1000, seed: int = 13, confidence: float = 0.95
) -> dict[str, Interval]:
    """Percentile intervals of every summary figure.

    Documents are drawn with replacement. The same seed and number of documents give the same draws,
    whatever is predicted, so that the figures of two systems can be compared draw by draw. Every macro-F1 is a
    mean over all labels: one that no drawn document carries, and that none was given, has no F1 there and keeps
    that of the whole set, which is 0 where it has none there either.

    Args:
        actual: (documents, labels).
        predicted: of the same shape.
        samples: how many times documents are drawn.
        seed: of the draws.
        confidence: share of resamples inside the interval.

    Raises:
        ValueError: nothing to resample, arrays of different shapes, or a confidence outside (0, 1).
    """
    return _intervals(_resampled(actual, predicted, samples, seed), confidence)


def paired_differences(
    actual: Indicator, first: Indicator, second: Indicator, *,
    samples: int = 1000, seed: int = 13, confidence: float = 0.95,
) -> dict[str, Interval]:  # fmt: skip
    """Intervals of (figure of `first` - figure of `second`) over the same resamples.

    An interval that does not contain zero says that the difference is more than the choice of documents.

    Raises:
        ValueError: nothing to resample, arrays of different shapes, or a confidence outside (0, 1).
    """
    one, other = (_resampled(actual, predicted, samples, seed) for predicted in (first, second))
    return _intervals({name: one[name] - other[name] for name in SUMMARY}, confidence)


def label_intervals(
    actual: Indicator, predicted: Indicator, *, samples: int = 1000, seed: int = 13, confidence: float = 0.95
) -> tuple[LabelIntervals, ...]:
    """Percentile intervals of every label's figures in column order, over the same draws as `bootstrap_intervals`.

    Draws in which a figure is 0 / 0 are left out of its interval. Where none is left, the interval is [0, 1]; where
    it is 0 / 0 in the whole set too, the figure counts as 0, and the interval is [0, 0].

    Raises:
        ValueError: nothing to resample, arrays of different shapes, or a confidence outside (0, 1).
    """
    _check(actual, predicted, samples)
    given, carried = predicted.astype(np.float64), actual.astype(np.float64)
    both = given * carried  # (N, L)
    found = []
    for part, whole in ((both, given), (both, carried), (2 * both, given + carried)):
        drawn = [_ratio(weights @ part, weights @ whole, otherwise=np.nan)
                 for weights in _draws(len(actual), samples, seed)]  # fmt: skip
        found.append(list(_columns(np.concatenate(drawn), whole, confidence)))
    return tuple(map(LabelIntervals, *found))


def _columns(drawn: Array, whole: Array, confidence: float) -> Iterator[Interval]:
    """The interval of every column of draws (S, L); `whole` (N, L) are the denominators."""
    for values, denominators in zip(drawn.T, whole.T, strict=True):
        kept = values[~np.isnan(values)]
        none = Interval(0.0, 1.0) if denominators.any() else Interval(0.0, 0.0)
        yield _interval(kept, confidence) if len(kept) else none


def _intervals(figures: dict[str, Array], confidence: float) -> dict[str, Interval]:
    return {name: _interval(values, confidence) for name, values in figures.items()}


def _interval(values: Array, confidence: float) -> Interval:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    low, high = np.quantile(values, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(float(low), float(high))


def _check(actual: Indicator, predicted: Indicator, samples: int) -> None:
    if actual.shape != predicted.shape or not len(actual) or samples < 1:
        raise ValueError(f"shapes {actual.shape} and {predicted.shape}, {samples} samples: nothing to resample")


def _resampled(actual: Indicator, predicted: Indicator, samples: int, seed: int) -> dict[str, Array]:
    """{figure: (samples,)}."""
    _check(actual, predicted, samples)
    both = (actual & predicted).astype(np.float64)
    given, carried = predicted.astype(np.float64), actual.astype(np.float64)
    whole = _ratio(2 * both.sum(axis=0), given.sum(axis=0) + carried.sum(axis=0))  # (L,)
    hits, sizes = both.sum(axis=1), given.sum(axis=1) + carried.sum(axis=1)  # (N,)
    rows = np.stack(
        [_ratio(2 * hits, sizes), _ratio(hits, sizes - hits), (actual == predicted).all(axis=1).astype(np.float64)],
        axis=1,
    )  # (N, 3)
    parts: dict[str, list[Array]] = {name: [] for name in SUMMARY}
    for weights in _draws(len(actual), samples, seed):
        label_hits, support = weights @ both, weights @ carried  # (S, L)
        total = weights @ given + support
        f1 = np.where(total > 0, _ratio(2 * label_hits, total), whole)
        parts["micro_f1"].append(_ratio(2 * label_hits.sum(axis=1), total.sum(axis=1)))
        parts["macro_f1"].append(f1.mean(axis=1))
        parts["weighted_f1"].append(_ratio((f1 * support).sum(axis=1), support.sum(axis=1)))
        means = weights @ rows / len(actual)  # (S, 3)
        for column, name in enumerate(("sample_f1", "jaccard", "subset_accuracy")):
            parts[name].append(means[:, column])
    return {name: np.concatenate(values) for name, values in parts.items()}


def _draws(documents: int, samples: int, seed: int) -> Iterator[Array]:
    """Blocks (S, documents) of how often each document was drawn."""
    generator = np.random.default_rng(seed)
    for start in range(0, samples, _BLOCK):
        size = min(_BLOCK, samples - start)
        chosen = generator.integers(documents, size=(size, documents))
        yield np.stack([np.bincount(row, minlength=documents) for row in chosen]).astype(np.float64)


def _ratio(numerator: Array, denominator: Array, otherwise: float = 0.0) -> Array:
    return np.divide(numerator, denominator, out=np.full_like(numerator, otherwise), where=denominator > 0)
