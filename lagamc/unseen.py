"""The unseen-label protocol (section 8.1): a few labels that no training document carries."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection

from lagamc.corpus import Corpus
from lagamc.datasets import Split
from lagamc.errors import DatasetError

__all__ = ["hold_out_labels"]

LEAST_TEST = 5  # test documents that an unseen label needs to be measured
MOST_LOST = 0.4  # share of training documents that may go


def hold_out_labels(split: Split, *, count: int = 4, seed: int = 13) -> tuple[Split, tuple[str, ...]]:
    """Draw labels and drop every train and dev document that carries one of them; test stays whole.

    Documents are dropped rather than stripped of the label: a text about it with the label taken away would
    teach that it does not apply. Labels that lie on too many training documents, or on too few test documents
    to be measured, are passed over.

    Returns:
        The split, and the names of the unseen labels in drawing order.

    Raises:
        DatasetError: not so many labels can be held out.
    """
    tested, names = split.test.label_counts(), list(split.label_set.names)
    random.Random(seed).shuffle(names)
    chosen: list[str] = []
    for name in names:
        if len(chosen) < count and tested[name] >= LEAST_TEST and _kept(split.train, [*chosen, name]):
            chosen.append(name)
    if len(chosen) < count:
        raise DatasetError(
            f"Only {len(chosen)} of {len(names)} labels can be held out: each needs {LEAST_TEST} test documents, and "
            f"{1 - MOST_LOST:.0%} of the training documents must remain. Hold out fewer, or use more documents."
        )
    held = dataclasses.replace(split, train=_without(split.train, chosen), dev=_without(split.dev, chosen))
    return held, tuple(chosen)


def _without(corpus: Corpus, names: Collection[str]) -> Corpus:
    return Corpus(example for example in corpus if not set(names).intersection(example.labels))


def _kept(train: Corpus, names: Collection[str]) -> bool:
    return len(_without(train, names)) >= (1 - MOST_LOST) * len(train)
