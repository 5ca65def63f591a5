"""An inverted-file index over label embeddings, for label sets so large that comparing all of them takes too long."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lagamc.errors import ConfigError

__all__ = ["ApproximateIndex"]

CELLS_PER_ROOT = 4  # cells for the square root of the number of labels
TRAINING_ROWS_PER_CELL = 40
PROBED = 32  # cells that are searched for one sentence


class ApproximateIndex:
    """Finds the two nearest of L unit vectors by inner product, in the nearest cells alone.

    A label in a cell that is not searched is missed: benchmarks/matching.py measures how often.

    Raises:
        ConfigError: the package faiss is missing.
    """

    def __init__(self, labels: NDArray[np.float32]) -> None:
        try:
            import faiss
        except ImportError as error:
            raise ConfigError(
                "Approximate matching needs the package faiss, which is not installed. Install it with "
                "pip install -e '.[approximate]', or match exactly."
            ) from error
        count, dimension = labels.shape
        cells = min(count, max(1, round(CELLS_PER_ROOT * math.sqrt(count))))
        self._index: Any = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(dimension), dimension, cells, faiss.METRIC_INNER_PRODUCT
        )
        self._index.cp.min_points_per_centroid = 1  # small label sets are no mistake
        self._index.cp.max_points_per_centroid = TRAINING_ROWS_PER_CELL
        self._index.train(labels)
        self._index.add(labels)
        self._index.nprobe = PROBED

    def search(self, sentences: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions and inner products of the two nearest labels of (S, D) sentences, both (S, 2).

        Where the searched cells hold fewer than two labels, all cells are searched.
        """
        products, labels = self._index.search(sentences, 2)
        missing = labels[:, 1] < 0
        if missing.any() and self._index.ntotal > 1:
            self._index.nprobe = self._index.nlist
            products[missing], labels[missing] = self._index.search(sentences[missing], 2)
            self._index.nprobe = PROBED
        return labels, products
