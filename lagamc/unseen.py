"""The unseen-label protocol (section 8.1): a few labels that no training document carries."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection, Sequence

import numpy as np

from lagamc.corpus import Corpus
from lagamc.datasets import Split
from lagamc.errors import DatasetError
from lagamc.metrics import Indicator, indicator

__all__ = ["hold_out_labels"]

LEAST_TEST = 5  # test documents that an unseen label needs to be measured
MOST_LOST = 0.4  # share of training documents that may go
DRAWS = 100  # orders of the labels that are tried


def hold_out_labels(split: Split, *, count: int = 4, seed: int = 13) -> tuple[Split, tuple[str, ...]]:
    """Draw labels and drop every train and dev document that carries one of them; test stays whole.

    Documents are dropped rather than stripped of the label: a text about it with the label taken away would
    teach that it does not apply. Labels that lie on too many training documents, or on too few test documents
    to be measured, are passed over. Where fewer than `count` fit together, all are drawn again, at most 100 times.

    Returns:
        The split, and the names of the unseen labels in drawing order.

    Raises:
        DatasetError: not so many labels can be held out.
    """
    tested, names, chooser = split.test.label_counts(), list(split.label_set.names), random.Random(seed)
    carried = indicator([example.labels for example in split.train], split.label_set)
    most = 0
    for _ in range(DRAWS):
        chooser.shuffle(names)
        columns = [split.label_set.index(name) for name in names if tested[name] >= LEAST_TEST]
        chosen = [split.label_set.names[column] for column in _fitting(columns, carried, count)]
        if len(chosen) == count:
            break
        most = max(most, len(chosen))
    else:
        raise DatasetError(
            f"Only {most} of {len(names)} labels can be held out: each needs {LEAST_TEST} test documents, and "
            f"{1 - MOST_LOST:.0%} of the training documents must remain. Hold out fewer, or use more documents."
        )
    held = dataclasses.replace(split, train=_without(split.train, chosen), dev=_without(split.dev, chosen))
    if not len(held.dev):
        raise DatasetError(
            f"Every dev document carries one of the labels held out, {', '.join(chosen)}. Hold out fewer, or use more "
            "documents."
        )
    return held, tuple(chosen)


def _without(corpus: Corpus, names: Collection[str]) -> Corpus:
    return Corpus(example for example in corpus if not set(names).intersection(example.labels))


def _fitting(columns: Sequence[int], carried: Indicator, count: int) -> list[int]:
    """The first `count` columns, in order, that leave enough training documents; fewer where no more do."""
    lost, chosen = np.zeros(len(carried), bool), list[int]()
    for column in columns:
        more = lost | carried[:, column]
        if len(chosen) < count and more.sum() <= MOST_LOST * len(carried):
            lost = more
            chosen.append(column)
    return chosen
