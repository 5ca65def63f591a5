"""Where a model is right and wrong: label counts, rare labels, long targets (sections 8.2 and 8.4), thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lagamc.labels import LabelSet
from lagamc.metrics import Indicator, Metrics, multilabel_metrics

__all__ = [
    "CountRow",
    "LengthBucket",
    "SubsetFigures",
    "ThresholdRow",
    "label_count_table",
    "length_buckets",
    "rarest_labels",
    "subset_figures",
    "threshold_sweep",
]

RARE_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many documents carry exactly so many labels, and how many were given so many (Table 6)."""

    labels: int
    actual: int
    predicted: int


@dataclass(frozen=True, slots=True)
class SubsetFigures:
    """Macro-F1 over some of the labels.

    `macro_f1_of_carriers` is the paper's figure (section 8.2): only documents that carry one of these labels
    are looked at, so a label wrongly given elsewhere costs nothing. `macro_f1` is over all documents.
    """

    labels: tuple[str, ...]
    carriers: int  # documents that carry one of them
    macro_f1: float
    macro_f1_of_carriers: float


@dataclass(frozen=True, slots=True)
class LengthBucket:
    """Documents whose targets are alike in length, in words of the concatenated descriptions (Figs. 4 to 6)."""

    shortest: int
    longest: int
    documents: int
    micro_f1: float
    macro_f1: float  # over labels that a document of the bucket carries or was given


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """Figures at one threshold."""

    threshold: float
    micro_f1: float
    macro_f1: float


def label_count_table(actual: Indicator, predicted: Indicator) -> tuple[CountRow, ...]:
    """Documents by number of labels, from 0 to the most that occur on either side."""
    sides = [np.bincount(matrix.sum(axis=1)) for matrix in (actual, predicted)]
    size = max(map(len, sides))
    carried, given = (np.pad(side, (0, size - len(side))) for side in sides)
    return tuple(CountRow(count, int(carried[count]), int(given[count])) for count in range(size))


def rarest_labels(
    train_counts: Mapping[str, int], names: Sequence[str], *, share: float = RARE_SHARE
) -> tuple[str, ...]:
    """The least frequent labels in train, rarest first: `share` of all, rounded up; ties go by name."""
    ordered = sorted(names, key=lambda name: (train_counts.get(name, 0), name))
    return tuple(ordered[: math.ceil(share * len(ordered))])


def subset_figures(
    actual: Indicator, predicted: Indicator, label_set: LabelSet, chosen: Collection[str]
) -> SubsetFigures:
    """Macro-F1 over the chosen labels. Raises LabelError when one of them is not in the set."""
    columns = sorted(label_set.index(name) for name in chosen)
    own, given = actual[:, columns], predicted[:, columns]
    carriers = own.any(axis=1)
    names = [label_set.names[column] for column in columns]
    return SubsetFigures(
        tuple(chosen),
        int(carriers.sum()),
        multilabel_metrics(own, given, names).macro_f1,
        multilabel_metrics(own[carriers], given[carriers], names).macro_f1 if carriers.any() else 0.0,
    )


def length_buckets(
    actual: Indicator, predicted: Indicator, label_set: LabelSet, *, buckets: int = 5
) -> tuple[LengthBucket, ...]:
    """Figures by length of the true target, in buckets of equally many documents.

    Documents of one length can fall on both sides of a border; there the order of the documents decides.
    Documents without a label are left out: their target is empty.
    """
    words = np.array([len(description.split()) for description in label_set.descriptions])
    lengths = actual @ words  # (N,)
    order = np.flatnonzero(lengths)[np.argsort(lengths[lengths > 0], kind="stable")]
    found = []
    for rows in np.array_split(order, min(buckets, max(len(order), 1))):
        if not len(rows):
            continue
        used = np.flatnonzero((actual[rows] | predicted[rows]).any(axis=0))
        names = [label_set.names[column] for column in used]
        metrics = multilabel_metrics(actual[rows][:, used], predicted[rows][:, used], names)
        span = int(lengths[rows[0]]), int(lengths[rows[-1]])
        found.append(LengthBucket(*span, len(rows), metrics.micro_f1, metrics.macro_f1))
    return tuple(found)


def threshold_sweep(
    actual: Indicator, decide: Callable[[float], Indicator], names: Sequence[str],
    thresholds: Sequence[float] | NDArray[np.float64],
) -> tuple[ThresholdRow, ...]:  # fmt: skip
    """Figures at every threshold, for dev: `decide` gives the predictions at one threshold."""
    rows = []
    for threshold in thresholds:
        metrics: Metrics = multilabel_metrics(actual, decide(float(threshold)), names)
        rows.append(ThresholdRow(float(threshold), metrics.micro_f1, metrics.macro_f1))
    return tuple(rows)
