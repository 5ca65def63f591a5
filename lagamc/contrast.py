"""Documents and descriptions compared by what sets them off from the others of a collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

__all__ = ["Contrast", "Contrasts", "Matrix"]

Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A whitened cosine in the space of a sentence encoder.

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


@dataclass(frozen=True, slots=True)
class Contrasts:
    """One in the space of the encoder before training, one in that after it.

    Training on some labels wears off what the encoder knew of others, and teaches it what this collection is about: the
    mean of both cosines ranks the documents of an added label better than either (docs/measurements.md).
    """

    before: Contrast
    after: Contrast

    FILE = "contrasts.safetensors"

    def cosines(self, documents: Sequence[Matrix], descriptions: Sequence[Matrix]) -> Matrix:
        """Means (N, A) of both cosines, from documents (N, D) and descriptions (A, D) in each space."""
        before, after = documents
        old, new = descriptions
        found: Matrix = (self.before.cosines(before, old) + self.after.cosines(after, new)) / 2
        return found

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of the whiteners by where they lie."""
        whiteners = self.before.whitener, self.after.whitener
        return {whitener.ctypes.data: whitener.nbytes for whitener in whiteners}

    def save(self, model_folder: Path) -> None:
        """Write contrasts.safetensors."""
        spaces = asdict(self)
        parts = {f"{space}.{name}": part for space, own in spaces.items() for name, part in own.items()}
        save_file({name: np.ascontiguousarray(part) for name, part in parts.items()}, model_folder / self.FILE)

    @classmethod
    def load(cls, model_folder: Path) -> Contrasts:
        """Read what `save` wrote."""
        spaces: dict[str, dict[str, Matrix]] = {"before": {}, "after": {}}
        for name, part in load_file(model_folder / cls.FILE).items():
            space, own = name.split(".")
            spaces[space][own] = part
        return cls(**{space: Contrast(**parts) for space, parts in spaces.items()})
