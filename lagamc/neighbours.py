"""What the training documents nearest to a document carry: a second opinion on its labels, which costs one product."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from lagamc.backbone import Backbone
from lagamc.corpus import Corpus
from lagamc.generation import document_embeddings
from lagamc.labels import LabelSet

__all__ = ["Neighbours"]


class Neighbours:
    """The embedded training documents of a model, N of them of dimension D, with their labels.

    How probable a label is by them is the share of the `NEAREST` that carry it, each weighted by exp(cosine /
    `TEMPERATURE`); the model's own probability is averaged with it (k nearest neighbours for multi-label texts: Su et
    al., ACL 2022, "Contrastive Learning-Enhanced Nearest Neighbor Mechanism for Multi-Label Text Classification").

    Args:
        stored: "embeddings" (N, D), unit length, in float16; "counts" (N,), labels of each document; "labels" (M,),
            the indices of all of them one after the other.
        labels: L, how many labels there are.
        share: weight of the neighbours in the average, in [0, 1].
    """

    FILE = "neighbours.safetensors"
    NEAREST = 10
    TEMPERATURE = 0.1
    MOST = 50_000  # documents that are kept; of a larger collection a sample

    def __init__(self, stored: Mapping[str, Tensor], labels: int, *, share: float) -> None:
        self._stored = {**stored, "embeddings": stored["embeddings"].float()}
        self._labels, self._share = labels, share
        ends = stored["counts"].cumsum(0).numpy()
        self._carried = np.split(stored["labels"].numpy(), ends[:-1])

    @classmethod
    def of(
        cls, backbone: Backbone, label_set: LabelSet, train: Corpus, *, share: float,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Neighbours:  # fmt: skip
        """Embed the documents that a model was trained on; the backbone is to be in evaluation mode.

        Raises:
            Cancelled: on request.
        """
        examples = list(train)
        if len(examples) > cls.MOST:
            examples = random.Random(backbone.config.seed).sample(examples, cls.MOST)
        carried = [[label_set.index(label) for label in example.labels] for example in examples]
        texts = [example.text for example in examples]
        stored = {
            "embeddings": document_embeddings(backbone, texts, cancelled=cancelled).half(),
            "counts": torch.tensor([len(labels) for labels in carried], dtype=torch.int32),
            "labels": torch.tensor([label for labels in carried for label in labels], dtype=torch.int32),
        }
        return cls(stored, len(label_set), share=share)

    @classmethod
    def load(cls, model_folder: Path, labels: int, *, share: float) -> Neighbours | None:
        """Read what `save` wrote; None where a model was trained without."""
        path = model_folder / cls.FILE
        return cls(load_file(path), labels, share=share) if path.exists() else None

    def save(self, model_folder: Path) -> None:
        """Write neighbours.safetensors."""
        stored = {**self._stored, "embeddings": self._stored["embeddings"].half()}
        save_file(stored, model_folder / self.FILE)

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of the embeddings and labels by where they lie."""
        return {tensor.data_ptr(): tensor.nbytes for tensor in self._stored.values()}

    def joined(self, probabilities: NDArray[np.float64], documents: Tensor) -> NDArray[np.float64]:
        """Average a model's probabilities (B, L) with those of the nearest to documents (B, D): (B, L)."""
        nearest = (documents @ self._stored["embeddings"].T).topk(min(self.NEAREST, len(self._carried)), dim=1)
        weights = (nearest.values / self.TEMPERATURE).softmax(dim=1).tolist()  # (B, K)
        found = np.zeros((len(documents), self._labels))
        for row, (places, own) in enumerate(zip(nearest.indices.tolist(), weights, strict=True)):
            for place, weight in zip(places, own, strict=True):
                found[row, self._carried[place]] += weight
        return (1 - self._share) * probabilities + self._share * found
