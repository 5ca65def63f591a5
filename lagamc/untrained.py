"""Answers before anything is trained: the frozen encoder compares documents with descriptions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lagamc.decision import DocumentResult, SentenceResult, judged
from lagamc.encoder import SentenceEncoder
from lagamc.labels import LabelSet
from lagamc.loaded import LoadedClassifier, sizes
from lagamc.matcher import Match
from lagamc.precision import chosen_device

__all__ = ["UntrainedClassifier"]


class UntrainedClassifier(LoadedClassifier):
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

    def _answer(self, texts: Sequence[str], threshold: float) -> list[DocumentResult]:
        cosines = (self.encoder.encode(texts) @ self.embeddings.T).clamp(-1, 1)  # (N, L)
        best = cosines.topk(min(self.SHOWN + 1, cosines.shape[1]), dim=1)
        return [
            judged(text, self._ranked(labels, values), threshold, cut_at=self._cut_at(text))
            for text, labels, values in zip(texts, best.indices.tolist(), best.values.tolist(), strict=True)
        ]

    def _cut_at(self, text: str) -> int | None:
        most: int = self.encoder.model.max_seq_length  # where `encode` cuts
        if 3 * len(text) + 2 <= most:  # a character becomes three tokens at most: a Korean one is parted
            return None
        return most if self.encoder.count_tokens(text) + 2 > most else None  # [CLS] and [SEP] beside

    def _ranked(self, labels: Sequence[int], cosines: Sequence[float]) -> list[SentenceResult]:
        names, ranked = self.label_set.names, []
        for rank, (label, cosine) in enumerate(zip(labels[: self.SHOWN], cosines, strict=False)):
            match = Match(names[label], cosine, None, None, None)
            if rank + 1 < len(labels):
                runner_up = cosines[rank + 1]
                match = Match(names[label], cosine, names[labels[rank + 1]], runner_up, cosine - runner_up)
            ranked.append(SentenceResult(self.label_set.descriptions[label], match, None, False))
        return ranked
