"""Cosine matching of sentences to label descriptions (section 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lagamc.errors import ConfigError

__all__ = ["Match", "Matcher", "check_threshold"]

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest label of one sentence, and the next one. Cosines lie in [-1, 1]."""

    label: str
    cosine: float
    runner_up: str | None  # None where there is only one label
    runner_up_cosine: float | None
    margin: float | None  # cosine - runner_up_cosine


def check_threshold(threshold: float) -> float:
    """Give back a cosine threshold. Raises ConfigError outside [-1, 1]."""
    if not -1.0 <= threshold <= 1.0:
        raise ConfigError(f"The threshold is a cosine and must lie between -1 and 1, got {threshold}.")
    return threshold


def _normalised(matrix: NDArray[np.floating]) -> Matrix:
    rows = np.asarray(matrix, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    normalised: Matrix = rows / np.maximum(norms, np.float32(1e-12))
    return normalised


class Matcher:
    """Finds the nearest and second nearest of L label embeddings, block by block.

    Args:
        names: L label names.
        embeddings: (L, D); rows need not be normalised.
        block: sentences compared at a time; memory is block x L floats at the most.
    """

    def __init__(self, names: Sequence[str], embeddings: NDArray[np.floating], *, block: int = 1024) -> None:
        if len(names) != len(embeddings) or not len(names):
            raise ValueError(f"{len(names)} names for {len(embeddings)} embeddings; one each, and at least one")
        self.names = tuple(names)
        self._labels = np.ascontiguousarray(_normalised(embeddings).T)  # (D, L)
        self._block = block

    def match(self, sentences: NDArray[np.floating]) -> list[Match]:
        """Match (S, D) sentence embeddings, in order."""
        matches: list[Match] = []
        for start in range(0, len(sentences), self._block):
            cosines = _normalised(sentences[start : start + self._block]) @ self._labels  # (S', L)
            np.clip(cosines, -1.0, 1.0, out=cosines)
            rows = np.arange(len(cosines))
            best = cosines.argmax(axis=1)
            top = cosines[rows, best]
            cosines[rows, best] = -np.inf
            second = cosines.argmax(axis=1)
            runner_up = cosines[rows, second]
            matches += [self._match(*row) for row in zip(best, top, second, runner_up, strict=True)]
        return matches

    def _match(self, best: int, cosine: float, second: int, runner_up: float) -> Match:
        if len(self.names) == 1:
            return Match(self.names[best], float(cosine), None, None, None)
        return Match(
            self.names[best], float(cosine), self.names[second], float(runner_up), float(cosine) - float(runner_up)
        )
