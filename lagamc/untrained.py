"""Answers before anything is trained: the frozen encoder compares documents with descriptions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from lagamc.decision import DocumentResult, SentenceResult, judged
from lagamc.encoder import SentenceEncoder
from lagamc.labels import LabelSet
from lagamc.loaded import sizes
from lagamc.matcher import Match, check_threshold
from lagamc.precision import chosen_device
from lagamc.streaming import CHUNK, Advance, answered

__all__ = ["UntrainedClassifier"]


class UntrainedClassifier:
    """Before anything is trained: the frozen encoder compares the document with every description.

    Each sentence of a result is a stored description, nearest first, and its match says how near the
    document lies; the runner-up is the next one.

    Args:
        label_set: what is compared with.
        like: one of another label set, whose encoder is shared and whose embeddings are used again.
        device: where the encoder goes if it has to be loaded.
    """

    SHOWN = 5

    def __init__(self, label_set: LabelSet, *, like: UntrainedClassifier | None = None, device: str = "auto") -> None:
        self.label_set = label_set
        self.threshold = 0.25
        self.encoder: SentenceEncoder = (
            like.encoder if like else SentenceEncoder.load().to(chosen_device(device)).eval()
        )
        known = {} if like is None else dict(zip(like.label_set.descriptions, like.embeddings, strict=True))
        if new := [text for text in label_set.descriptions if text not in known]:
            known.update(zip(new, self.encoder.encode(new), strict=True))
        self.embeddings: Tensor = torch.stack([known[text] for text in label_set.descriptions])  # (L, D)

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of everything that takes memory by where it lies: weights and the descriptions' embeddings."""
        return {**sizes(self.encoder), self.embeddings.data_ptr(): self.embeddings.nbytes}

    def classify(self, texts: Sequence[str], *, threshold: float | None = None) -> list[DocumentResult]:
        """Classify documents, in order; labels are the descriptions above the threshold.

        Raises:
            ConfigError: the threshold is no cosine.
        """
        return list(self.stream(texts, threshold=threshold))

    def stream(
        self, texts: Iterable[str], *, threshold: float | None = None, batch_size: int = 32, chunk: int = CHUNK,
        progress: Advance | None = None, cancelled: Callable[[], bool] | None = None,
        turn: contextlib.AbstractContextManager[object] | None = None,
    ) -> Iterator[DocumentResult]:  # fmt: skip
        """Classify any number of documents as `Classifier.stream` does. Raises ConfigError and Cancelled."""
        decided = self.threshold if threshold is None else check_threshold(threshold)
        return answered(
            texts, lambda batch: self._answer(batch, decided), batch_size=batch_size, chunk=chunk,
            progress=progress, cancelled=cancelled, turn=turn,
        )  # fmt: skip

    def _answer(self, texts: Sequence[str], threshold: float) -> list[DocumentResult]:
        cosines = (self.encoder.encode(texts) @ self.embeddings.T).clamp(-1, 1)  # (N, L)
        best = cosines.topk(min(self.SHOWN + 1, cosines.shape[1]), dim=1)
        return [
            judged(text, self._ranked(labels, values), threshold)
            for text, labels, values in zip(texts, best.indices.tolist(), best.values.tolist(), strict=True)
        ]

    def _ranked(self, labels: Sequence[int], cosines: Sequence[float]) -> list[SentenceResult]:
        names, ranked = self.label_set.names, []
        for rank, (label, cosine) in enumerate(zip(labels[: self.SHOWN], cosines, strict=False)):
            match = Match(names[label], cosine, None, None, None)
            if rank + 1 < len(labels):
                runner_up = cosines[rank + 1]
                match = Match(names[label], cosine, names[labels[rank + 1]], runner_up, cosine - runner_up)
            ranked.append(SentenceResult(self.label_set.descriptions[label], match, None, False))
        return ranked
