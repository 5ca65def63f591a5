"""Cosine matching of sentences to label descriptions (section 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lagamc.approximate import ApproximateIndex
from lagamc.errors import ConfigError

__all__ = ["Match", "Matcher", "Matching", "Nearest", "check_threshold"]

Matching = Literal["exact", "approximate"]
Matrix = NDArray[np.float32]

SENTENCE_BLOCK = 2048
LABEL_BLOCK = 2048  # cosines held at a time: 2,048 x 2,048 floats are 16 MB


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest label of one sentence, and the next one. Cosines lie in [-1, 1]."""

    label: str
    cosine: float
    runner_up: str | None  # None where there is only one label
    runner_up_cosine: float | None
    margin: float | None  # cosine - runner_up_cosine


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest and second nearest labels of S sentences, as positions in the label set.

    Where there is only one label, it is its own runner-up with a cosine of -1.
    """

    labels: NDArray[np.int64]  # (S,)
    cosines: Matrix  # (S,)
    runners_up: NDArray[np.int64]  # (S,)
    runner_up_cosines: Matrix  # (S,)


def check_threshold(threshold: float) -> float:
    """Give back a cosine threshold. Raises ConfigError outside [-1, 1]."""
    if not -1.0 <= threshold <= 1.0:
        raise ConfigError(f"The threshold is a cosine and must lie between -1 and 1, got {threshold}.")
    return threshold


def _norms(rows: Matrix) -> Matrix:
    lengths: Matrix = np.sqrt(np.vecdot(rows, rows))
    return np.maximum(lengths, np.float32(1e-12))


class Matcher:
    """Finds the nearest and second nearest of L label embeddings, block by block.

    Cosines of SENTENCE_BLOCK x LABEL_BLOCK pairs are in memory at a time, whatever S and L. Sentences are
    not normalised: their length does not change which label is nearest, so it divides the winners only.

    Args:
        names: L label names.
        embeddings: (L, D); rows need not be normalised.
        matching: `approximate` searches an index instead, which pays from some ten thousand labels on.

    Raises:
        ConfigError: there is no such `matching`, or the package behind it is missing.
        ValueError: there is no label, or not one embedding a label.
    """

    def __init__(
        self, names: Sequence[str], embeddings: NDArray[np.floating], *, matching: Matching = "exact",
        sentence_block: int = SENTENCE_BLOCK, label_block: int = LABEL_BLOCK,
    ) -> None:  # fmt: skip
        if len(names) != len(embeddings) or not len(names):
            raise ValueError(f"{len(names)} names for {len(embeddings)} embeddings; one each, and at least one")
        if matching not in get_args(Matching):
            raise ConfigError(f"matching must be exact or approximate, got {matching!r}.")
        self.names = tuple(names)
        rows = np.asarray(embeddings, dtype=np.float32)
        unit = rows / _norms(rows)[:, None]
        self._index = ApproximateIndex(unit) if matching == "approximate" and len(names) > 1 else None
        self._labels = np.ascontiguousarray(unit.T) if self._index is None else np.empty((0, 0), np.float32)  # (D, L)
        self._sentence_block = sentence_block
        self._label_block = label_block

    def nearest(self, sentences: NDArray[np.floating]) -> Nearest:
        """Match (S, D) sentence embeddings, in order, into arrays."""
        count = len(sentences)
        labels = np.zeros((count, 2), np.int64)  # nearest, runner-up
        cosines = np.full((count, 2), -np.inf, np.float32)
        for start in range(0, count, self._sentence_block):
            block = slice(start, start + self._sentence_block)
            rows = np.ascontiguousarray(sentences[block], dtype=np.float32)
            if self._index is not None:
                labels[block], cosines[block] = self._index.search(rows)
            else:
                self._compare(rows, labels[block], cosines[block])
            cosines[block] /= _norms(rows)[:, None]
        np.clip(cosines, -1.0, 1.0, out=cosines)
        return Nearest(labels[:, 0], cosines[:, 0], labels[:, 1], cosines[:, 1])

    def _compare(self, rows: Matrix, labels: NDArray[np.int64], best: Matrix) -> None:
        """The two largest products of (S', D) rows with all labels, and where they are, into (S', 2) each."""
        for first in range(0, len(self.names), self._label_block):
            products = rows @ self._labels[:, first : first + self._label_block]
            _keep_best(products, first, labels, best)

    def match(self, sentences: NDArray[np.floating]) -> list[Match]:
        """Match (S, D) sentence embeddings, in order, into one object each."""
        found = self.nearest(sentences)
        columns = found.labels, found.cosines, found.runners_up, found.runner_up_cosines
        return [self._match(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _match(self, label: int, cosine: float, runner_up: int, runner_up_cosine: float) -> Match:
        if len(self.names) == 1:
            return Match(self.names[label], cosine, None, None, None)
        return Match(self.names[label], cosine, self.names[runner_up], runner_up_cosine, cosine - runner_up_cosine)


def _keep_best(products: Matrix, first: int, labels: NDArray[np.int64], best: Matrix) -> None:
    """Merge the products (S', L') of labels from `first` on into the two best so far, both (S', 2), in place."""
    every = np.arange(len(products))
    for _ in range(min(2, products.shape[1])):
        column = products.argmax(axis=1)
        product = products[every, column]
        products[every, column] = -np.inf
        wins = product > best[:, 0]
        best[wins, 1], labels[wins, 1] = best[wins, 0], labels[wins, 0]
        best[wins, 0], labels[wins, 0] = product[wins], column[wins] + first
        follows = ~wins & (product > best[:, 1])
        best[follows, 1], labels[follows, 1] = product[follows], column[follows] + first
