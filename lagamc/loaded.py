"""What trained and untrained classifiers have in common, and what they take in memory."""

from __future__ import annotations

import contextlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence

from torch import nn

from lagamc.decision import DocumentResult
from lagamc.errors import ConfigError, DatasetError
from lagamc.labels import LabelSet, half_character
from lagamc.matcher import check_threshold
from lagamc.streaming import CHUNK, Advance, Progress, answered, paced

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
        """Classify documents, in order, all of them sorted by length together.

        Raises:
            TypeError: `texts` is one text.
            ConfigError: the threshold is no cosine, or the batch size holds no text.
            DatasetError: a text holds half of a character.
            Cancelled: `cancelled` returned true.
        """
        _check_sizes(batch_size=batch_size)
        results = answered(
            [list(_documents(texts))], self._answers(threshold), batch_size=batch_size, cancelled=cancelled,
            progress=None if progress is None else lambda done: progress(done, len(texts)),
        )  # fmt: skip
        return list(results)

    def stream(
        self, texts: Iterable[str], *, threshold: float | None = None, batch_size: int = 32, chunk: int = CHUNK,
        progress: Advance | None = None, cancelled: Callable[[], bool] | None = None,
        turn: contextlib.AbstractContextManager[object] | None = None,
    ) -> Iterator[DocumentResult]:  # fmt: skip
        """Classify any number of documents, in order, in memory for a chunk of them; see `paced` and `answered`.

        Results come every few seconds; that of a document does not depend on which others are in its chunk, but for
        the last digits of its figures.

        Raises:
            TypeError: `texts` is one text, whose characters would be the documents.
            ConfigError: the threshold is no cosine, or a size holds no text.
            DatasetError: a text holds half of a character; Cancelled: `cancelled` returned true. Both while the
                iterator is advanced.
        """
        _check_sizes(batch_size=batch_size, chunk=chunk)
        return answered(
            paced(_documents(texts), chunk), self._answers(threshold), batch_size=batch_size, progress=progress,
            cancelled=cancelled, turn=turn,
        )  # fmt: skip

    def _answers(self, threshold: float | None) -> Callable[[Sequence[str]], list[DocumentResult]]:
        decided = self.threshold if threshold is None else check_threshold(threshold)
        return lambda batch: self._answer(batch, decided)


def _check_sizes(**sizes: int) -> None:
    """Raise ConfigError where no text would be answered, or held, at a time."""
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"{name} must be at least 1, got {size}.")


def _documents(texts: Iterable[str]) -> Iterator[str]:
    """Give back documents, each looked at as it is read.

    Raises:
        TypeError: they are one text, whose characters would be the documents; told at once.
        DatasetError: one holds half of a character.
    """
    if isinstance(texts, str):
        raise TypeError("Expected documents, got one text. Put it in a list.")
    return map(_whole, itertools.count(1), texts)


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
