"""Targets of the description term that lean on what the model itself said one epoch before.

Progressive self-knowledge distillation: Kim et al., ICCV 2021, "Self-Knowledge Distillation with Progressive Refinement
of Targets". A model that once held a label of a document improbable, or another one probable, is not pressed to be
certain of the opposite: labels that people gave are not all right, nor all there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lagamc.batches import Batches
from lagamc.workers import Workers

__all__ = ["SelfDistillation"]


class SelfDistillation:
    """What the description term is to say of N documents and L labels.

    In the first epoch a target is 1 or 0 by the labels that a document carries. In the last one `share` of it is the
    probability that the model gave when it trained on that document before, and in between proportionally less; that
    probability comes from the training step itself, so it costs no other pass.

    Args:
        batches: of the documents, descriptions that are read as documents included.
        share: in [0, 1]; with 0 targets stay what they are.
        epochs: how many the run makes.
        device: where the targets are asked for.
    """

    MOST = 100_000_000  # probabilities that are kept, in float16; a larger collection goes without

    def __init__(self, batches: Batches, *, share: float, epochs: int, device: torch.device) -> None:
        fits = len(batches.rows) * batches.label_count <= self.MOST
        self._share, self._epochs = share if fits else 0.0, epochs
        self.said = batches.carried(batches.rows if self._share else []).half().to(device)  # (N, L)
        self._pending: list[tuple[Tensor, Tensor, Tensor]] = []

    def targets(self, carried: Tensor, rows: Tensor, columns: Tensor, *, epoch: int) -> Tensor:
        """Probabilities (B, C) to aim at, of documents `rows` (B,) and labels `columns` (C,), `carried` (B, C) bool.

        Epochs are counted from 0. Of a label that was not compared before, the model has said what people said.
        """
        share = self._share * epoch / max(1, self._epochs - 1)
        if not share:
            return carried.float()
        return torch.lerp(carried.float(), self.said[rows[:, None], columns].float(), share)

    def hear(self, log_odds: Tensor, rows: Tensor, columns: Tensor) -> None:
        """Take down what the model says in this step (B, C); `settle` ends the step."""
        if self._share:
            self._pending.append((rows.cpu(), columns.cpu(), log_odds.detach().sigmoid().half().cpu()))

    def settle(self, workers: Workers) -> None:
        """Keep what all processes have heard in this step."""
        if not self._share:
            return
        heard: Sequence[list[tuple[Tensor, Tensor, Tensor]]] = workers.gathered(self._pending)
        for rows, columns, probabilities in (item for own in heard for item in own):
            self.said[rows[:, None], columns] = probabilities.to(self.said.device)
        self._pending = []
