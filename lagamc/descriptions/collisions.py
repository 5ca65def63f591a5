"""Which descriptions lie close together, and whose documents are matched to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Collisions", "Rival", "collisions", "confusions", "normalised", "rival_of"]

Matrix = NDArray[np.float32]
BLOCK = 512


@dataclass(frozen=True, slots=True)
class Rival:
    """The description nearest to one of another label; positions are rows of the label set."""

    label: int
    rival: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Collisions:
    """Pairwise cosines of L descriptions and each one's nearest rival, in label order.

    `cosines` is (L, L) float32, symmetric, with ones on the diagonal.
    """

    cosines: Matrix
    rivals: tuple[Rival, ...]


def collisions(embeddings: NDArray[np.floating]) -> Collisions:
    """Compare (L, D) description embeddings, block by block.

    Raises:
        ValueError: there is no label.
    """
    if not len(embeddings):
        raise ValueError("no description to compare")
    rows = normalised(embeddings)
    size = len(rows)
    cosines = np.empty((size, size), dtype=np.float32)
    for start in range(0, size, BLOCK):
        np.matmul(rows[start : start + BLOCK], rows.T, out=cosines[start : start + BLOCK])
    np.clip(cosines, -1.0, 1.0, out=cosines)
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.argmax(axis=1)
    tops = cosines[np.arange(size), nearest]
    np.fill_diagonal(cosines, 1.0)
    rivals = (Rival(label, int(nearest[label]), float(tops[label])) for label in range(size))
    return Collisions(cosines, tuple(rivals) if size > 1 else ())


def rival_of(embedding: NDArray[np.floating], others: NDArray[np.floating]) -> tuple[int, float] | None:
    """Row and cosine of the nearest of (N, D) other descriptions to one (D,); None without others."""
    if not len(others):
        return None
    cosines = normalised(others) @ normalised(embedding[np.newaxis])[0]
    best = int(cosines.argmax())
    return best, float(np.clip(cosines[best], -1.0, 1.0))


def confusions(carried: Sequence[set[int]], matched: Sequence[set[int]], label: int, rival: int) -> list[int]:
    """Documents that carry `label` and not `rival`, and are matched to `rival` and not to `label`.

    Args:
        carried: labels of each document, as annotated.
        matched: labels of each document, as its sentences are matched.
        label: the label that they should have got.
        rival: the label that they got.
    """
    return [
        number
        for number, (truth, found) in enumerate(zip(carried, matched, strict=True))
        if label in truth and rival not in truth and rival in found and label not in found
    ]


def normalised(matrix: NDArray[np.floating]) -> Matrix:
    """Rows of unit length as float32; a zero row stays zero."""
    rows = np.asarray(matrix, dtype=np.float32)
    unit: Matrix = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return unit
