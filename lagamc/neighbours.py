"""What the training documents nearest to a document carry: a second opinion on its labels, which costs one product."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lagamc.backbone import Backbone
from lagamc.corpus import Corpus
from lagamc.decision import Neighbour
from lagamc.generation import document_embeddings
from lagamc.labels import LabelSet

__all__ = ["Neighbours"]

Alike = list[tuple[Neighbour, ...]]


class Neighbours:
    """The embedded training documents of a model, N of them of dimension D, with their labels.

    How probable a label is by them is the share of the `NEAREST` that carry it, each weighted by exp(cosine /
    `TEMPERATURE`); the model's own probability is averaged with it (k nearest neighbours for multi-label texts: Su et
    al., ACL 2022, "Contrastive Learning-Enhanced Nearest Neighbor Mechanism for Multi-Label Text Classification"). With
    a share below one half they alone never make a label more probable than not.

    Args:
        ids: what the N documents are called.
        embeddings: (N, D), unit length, in float16, as they are kept.
        carried: the labels of each document, indices below `labels`.
        labels: L, how many labels there are.
        share: weight of the neighbours in the average, in [0, 1].
    """

    FILE = "neighbours.safetensors"
    NEAREST = 10
    TEMPERATURE = 0.05
    MOST = 50_000  # documents that are kept; of a larger collection a sample
    ITSELF = 0.9995  # cosine above which the nearest one is taken for the document itself, rounded to float16

    def __init__(
        self, ids: Sequence[str], embeddings: Tensor, carried: Sequence[Sequence[int]], labels: int, *, share: float
    ) -> None:
        self._ids, self._carried = list(ids), list(carried)
        self._embeddings = embeddings.float()
        self._labels, self._share = labels, share

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
        embeddings = document_embeddings(backbone, [example.text for example in examples], cancelled=cancelled)
        carried = [[label_set.index(label) for label in example.labels] for example in examples]
        return cls([example.id for example in examples], embeddings.half(), carried, len(label_set), share=share)

    @classmethod
    def load(cls, model_folder: Path, labels: int, *, share: float) -> Neighbours | None:
        """Read what `save` wrote; None where a model was trained without."""
        path = model_folder / cls.FILE
        if not path.exists():
            return None
        with safe_open(path, framework="pt") as stored:
            counts, flat = stored.get_tensor("counts").tolist(), iter(stored.get_tensor("labels").tolist())
            carried = [[next(flat) for _ in range(count)] for count in counts]
            return cls(
                json.loads(stored.metadata()["ids"]), stored.get_tensor("embeddings"), carried, labels, share=share
            )

    def save(self, model_folder: Path) -> None:
        """Write neighbours.safetensors: labels one after the other, and how many of them are each document's."""
        tensors = {
            "embeddings": self._embeddings.half(),
            "counts": torch.tensor([len(labels) for labels in self._carried], dtype=torch.int32),
            "labels": torch.tensor([label for labels in self._carried for label in labels], dtype=torch.int32),
        }
        save_file(tensors, model_folder / self.FILE, metadata={"ids": json.dumps(self._ids)})

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of the embeddings by where they lie."""
        return {self._embeddings.data_ptr(): self._embeddings.nbytes}

    def joined(self, probabilities: NDArray[np.float64], documents: Tensor) -> tuple[NDArray[np.float64], Alike]:
        """Average a model's probabilities (B, L) with those of the nearest to documents (B, D).

        A training document is none of its own neighbours: its labels, which may be wrong, would confirm themselves.
        Copies of it are, where a collection holds some; an import into the app makes one document of them.

        Returns:
            Probabilities (B, L), and the neighbours of each document, the nearest first.
        """
        cosines, places = (documents @ self._embeddings.T).topk(min(self.NEAREST + 1, len(self._ids)), dim=1)
        found, alike = np.zeros((len(documents), self._labels)), []
        for row, itself in enumerate((cosines[:, 0] > self.ITSELF).tolist()):
            kept = slice(1, None) if itself and len(self._ids) > 1 else slice(self.NEAREST)
            near, own = cosines[row, kept], places[row, kept].tolist()
            for place, weight in zip(own, (near / self.TEMPERATURE).softmax(dim=0).tolist(), strict=True):
                found[row, self._carried[place]] += weight
            alike.append(tuple(map(Neighbour, (self._ids[place] for place in own), near.tolist())))
        return (1 - self._share) * probabilities + self._share * found.clip(max=1.0), alike
