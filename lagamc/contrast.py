"""Documents and descriptions compared by what sets them off from the others of a collection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

__all__ = ["Contrast", "Matrix"]

Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A whitened cosine in the space of a frozen sentence encoder.

    What all documents of a collection have in common, its subject, tells no label, and a direction in which they differ
    much tells little of each. So their mean is subtracted from a document and that of the descriptions from a
    description, and both are whitened by the documents' covariance (Su et al. 2021, "Whitening Sentence Representations
    for Better Semantics and Faster Retrieval"), mixed with a multiple of the identity of the same trace, for documents
    may be few.

    Args:
        documents: (D,) mean.
        descriptions: (D,) mean.
        whitener: (D, D); rows times it are white.
    """

    documents: Matrix
    descriptions: Matrix
    whitener: Matrix

    FILE = "contrast.safetensors"

    @classmethod
    def of(cls, documents: Matrix, descriptions: Matrix) -> Contrast:
        """From documents (N, D), at least one, and the mean of the descriptions (D,)."""
        center, size = documents.mean(axis=0), documents.shape[1]
        apart = (documents - center).astype(np.float64)
        covariance = apart.T @ apart / len(documents)
        spread = np.trace(covariance) / size or 1.0  # equal documents have none
        factor = np.linalg.cholesky(covariance + spread * np.eye(size))
        return cls(center, descriptions, np.linalg.inv(factor).T.astype(np.float32))

    def cosines(self, documents: Matrix, descriptions: Matrix) -> Matrix:
        """Whitened cosines (N, A) of documents (N, D) with descriptions (A, D), as the encoder embeds them."""
        rows, columns = (white / np.linalg.norm(white, axis=1, keepdims=True).clip(1e-9) for white in (
            (documents - self.documents) @ self.whitener, (descriptions - self.descriptions) @ self.whitener,
        ))  # fmt: skip
        found: Matrix = rows @ columns.T
        return found

    def save(self, model_folder: Path) -> None:
        """Write contrast.safetensors."""
        parts = {"documents": self.documents, "descriptions": self.descriptions, "whitener": self.whitener}
        save_file({name: np.ascontiguousarray(part) for name, part in parts.items()}, model_folder / self.FILE)

    @classmethod
    def load(cls, model_folder: Path) -> Contrast:
        """Read what `save` wrote."""
        return cls(**load_file(model_folder / cls.FILE))
