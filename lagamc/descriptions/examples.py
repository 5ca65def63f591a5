"""Examples of a label for a prompt: typical of it, and different from one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["pick_examples"]


def pick_examples(embeddings: NDArray[np.floating], count: int = 2) -> list[int]:
    """Rows of (N, D) unit vectors that are near the centroid and far from each other.

    The typical half of the rows, by cosine to the centroid, is a pool. The first example is the most typical
    one; each further one is the row of the pool whose nearest chosen example is farthest.
    """
    if not len(embeddings):
        return []
    rows = np.asarray(embeddings, dtype=np.float32)
    order = np.argsort(-(rows @ rows.mean(axis=0)), kind="stable")
    pool = order[: max(count, (len(order) + 1) // 2)]
    chosen = [int(pool[0])]
    while len(chosen) < min(count, len(pool)):
        nearest = (rows[pool] @ rows[chosen].T).max(axis=1)
        nearest[np.isin(pool, chosen)] = np.inf
        chosen.append(int(pool[nearest.argmin()]))
    return chosen
