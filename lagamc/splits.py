"""Seeded splits that keep the share of every label, and of label pairs, alike in each part."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence

from lagamc.corpus import Example
from lagamc.errors import DatasetError

__all__ = ["DEFAULT_FRACTIONS", "LEAST", "stratified_split"]

DEFAULT_FRACTIONS: Mapping[str, float] = {"train": 0.8, "dev": 0.1, "test": 0.1}
LEAST = 2 * len(DEFAULT_FRACTIONS)  # examples with a label that are divided; fewer stay together in the first split


def stratified_split(
    examples: Sequence[Example], *, fractions: Mapping[str, float] = DEFAULT_FRACTIONS, seed: int = 13
) -> dict[str, str]:
    """Assign each example to a split by iterative stratification (Sechidis et al., 2011).

    Examples without a label are divided by themselves, so that every split gets some with one.

    Args:
        examples: documents with unique ids.
        fractions: split name > share; the shares add up to 1. The first split takes what is left
            where rounding, or too few documents, leave a choice.
        seed: the same seed and examples give the same split.

    Returns:
        {example id: split name}.

    Raises:
        DatasetError: repeated ids, or fractions that are not positive and do not add up to 1.
    """
    if abs(sum(fractions.values()) - 1.0) > 1e-6 or any(share <= 0 for share in fractions.values()):
        raise DatasetError(f"Split fractions must be positive and add up to 1, got {dict(fractions)}.")
    if len({example.id for example in examples}) != len(examples):
        raise DatasetError("Two documents have the same id. Ids must be unique to be split.")
    names = list(fractions)
    assigned = {example.id: names[0] for example in examples}
    labelled = [example for example in examples if example.labels]
    if len(labelled) < 2 * len(names):
        return assigned
    assigned |= zip((example.id for example in labelled), _stratified(labelled, fractions, seed), strict=True)
    others = [example.id for example in examples if not example.labels]
    random.Random(seed).shuffle(others)
    for name in names[1:]:
        size = max(1, round(fractions[name] * len(examples))) - list(assigned.values()).count(name)
        assigned |= dict.fromkeys(others[:size], name)
        others = others[size:]
    return assigned


def _stratified(examples: Sequence[Example], fractions: Mapping[str, float], seed: int) -> list[str]:
    import numpy as np
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    labels = sorted({label for example in examples for label in example.labels})
    columns = {label: column for column, label in enumerate(labels)}
    indicator = np.zeros((len(examples), max(len(labels), 2)), dtype=np.int64)  # (N, L)
    for row, example in enumerate(examples):
        for label in example.labels:
            indicator[row, columns[label]] = 1

    names = list(fractions)
    assigned = [names[0]] * len(examples)
    left = np.arange(len(examples))
    for name in reversed(names[1:]):
        size = min(max(1, round(fractions[name] * len(examples))), len(left) - 1)
        splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=size / len(left), random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # rarer labels than splits: stratified as far as they go
            stay, go = next(splitter.split(left, indicator[left]))
        shuffled = np.random.default_rng(seed).permutation
        order = np.concatenate([shuffled(go), shuffled(stay)])  # shares of rare labels are rounded: go is not of `size`
        go, stay = order[:size], np.sort(order[size:])
        for row in left[go]:
            assigned[row] = name
        left = left[stay]
    return assigned
