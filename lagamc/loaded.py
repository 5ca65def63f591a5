"""What trained and untrained classifiers have in common, and what they take in memory."""

from __future__ import annotations

import contextlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence

from torch import nn

from lagamc.decision import DocumentResult
from lagamc.errors import DatasetError
from lagamc.labels import LabelSet, half_character
from lagamc.matcher import check_threshold
from lagamc.streaming import CHUNK, Advance, Progress, answered

__all__ = ["LoadedClassifier", "megabytes", "sizes"]


class LoadedClassifier(ABC):
    """Answers documents in memory. It is not to be used by two threads at a time."""

    label_set: LabelSet
    threshold: float  # the cosine below which a written sentence counts as not written, unless a call says otherwise

    @property
    @abstractmethod
    def sizes(self) -> dict[int, int]:
        """Bytes of everything that takes memory by where it lies: weights and the descriptions' embeddings."""

    @abstractmethod
    def _answer(self, texts: Sequence[str], threshold: float) -> list[DocumentResult]: ...

    def classify(
        self, texts: Sequence[str], *, threshold: float | None = None, batch_size: int = 32,
        progress: Progress | None = None, cancelled: Callable[[], bool] | None = None,
    ) -> list[DocumentResult]:  # fmt: skip
        """Classify documents, in order.

        Raises:
            TypeError: `texts` is one text.
            ConfigError: the threshold is no cosine, or the batch size holds no text.
            DatasetError: a text holds half of a character.
            Cancelled: `cancelled` returned true.
        """
        stream = self.stream(
            texts, threshold=threshold, batch_size=batch_size, chunk=max(CHUNK, len(texts)), cancelled=cancelled,
            progress=None if progress is None else lambda done: progress(done, len(texts)),
        )  # fmt: skip
        return list(stream)

    def stream(
        self, texts: Iterable[str], *, threshold: float | None = None, batch_size: int = 32, chunk: int = CHUNK,
        progress: Advance | None = None, cancelled: Callable[[], bool] | None = None,
        turn: contextlib.AbstractContextManager[object] | None = None,
    ) -> Iterator[DocumentResult]:  # fmt: skip
        """Classify any number of documents, in order, in memory for a chunk of them; see `answered`.

        Raises:
            TypeError: `texts` is one text, whose characters would be the documents.
            ConfigError: the threshold is no cosine, or a size holds no text.
            DatasetError: a text holds half of a character; Cancelled: `cancelled` returned true. Both while the
                iterator is advanced.
        """
        if isinstance(texts, str):
            raise TypeError("Expected documents, got one text. Put it in a list.")
        decided = self.threshold if threshold is None else check_threshold(threshold)
        return answered(
            map(_whole, itertools.count(1), texts), lambda batch: self._answer(batch, decided),
            batch_size=batch_size, chunk=chunk, progress=progress, cancelled=cancelled, turn=turn,
        )  # fmt: skip


def _whole(number: int, text: str) -> str:
    if found := half_character(text):
        raise DatasetError(
            f"{found!r}, half of a character, stands in document {number:,}. Take it out, or write it whole."
        )
    return text


def megabytes(classifiers: Iterable[LoadedClassifier]) -> float:
    """Memory of loaded classifiers in MB; what several of them share counts once."""
    taken: dict[int, int] = {}
    for classifier in classifiers:
        taken |= classifier.sizes
    return sum(taken.values()) / 1024 / 1024


def sizes(model: nn.Module) -> dict[int, int]:
    """Bytes of the weights of a model by where they lie."""
    return {tensor.data_ptr(): tensor.nbytes for tensor in (*model.parameters(), *model.buffers())}
