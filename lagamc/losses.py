"""The hybrid loss (section 5.3, eq. 1) and the document-to-description term."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["IGNORED", "HybridLoss", "LambdaMode", "compared_labels", "cosine_loss", "description_loss"]

LambdaMode = Literal["learned", "fixed", "one"]

IGNORED = -100  # target id of padding


def cosine_loss(generated: Tensor, target: Tensor) -> Tensor:  # (S, D), (S, D) -> ()
    """One minus the mean cosine of matching rows, between 0 and 2; zero where there is no row."""
    if not len(generated):
        return generated.sum()
    return 1.0 - F.cosine_similarity(generated, target, dim=-1).mean()


class HybridLoss(nn.Module):
    """`lambda * CE + (1 - lambda) * (1 - cos)` (eq. 1).

    Lambda is learned inside `bounds`, or stays at its initial value, or is one: then the cosine term is
    reported and teaches nothing.
    """

    def __init__(
        self, *, initial_lambda: float = 0.5, bounds: tuple[float, float] = (0.2, 0.8), mode: LambdaMode = "learned"
    ) -> None:
        super().__init__()
        self.low, self.high = bounds
        self.mode = mode
        self._constant: Tensor
        if mode != "learned":
            self.register_buffer("_constant", torch.tensor(1.0 if mode == "one" else initial_lambda))
            return
        share = (initial_lambda - self.low) / (self.high - self.low)
        share = min(max(share, 1e-4), 1 - 1e-4)
        self.theta = nn.Parameter(torch.tensor(math.log(share / (1 - share))))

    @property
    def weight(self) -> Tensor:
        """Lambda, the share of the cross-entropy: ()."""
        if self.mode != "learned":
            return self._constant
        return self.low + (self.high - self.low) * torch.sigmoid(self.theta)

    def forward(
        self, logits: Tensor, targets: Tensor, generated: Tensor, described: Tensor, *, cosine_share: float = 1.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, cross-entropy and cosine term, each ().

        The cross-entropy is summed over the tokens of a target, as in the paper, and averaged over
        documents: the few tokens that decide the label would drown in a mean over all of them.

        Args:
            logits: (B, T, V) of the generator under teacher forcing.
            targets: (B, T), `IGNORED` where padded.
            generated: (S, D) embeddings of the generated sentences.
            described: (S, D) embeddings of the descriptions they should be.
            cosine_share: what the cosine term is multiplied by.
        """
        cross_entropy = F.cross_entropy(
            logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="sum"
        ) / len(targets)
        cosine = cosine_loss(generated.float(), described.float()) * cosine_share
        return self.weight * cross_entropy + (1 - self.weight) * cosine, cross_entropy, cosine


def description_loss(log_odds: Tensor, targets: Tensor) -> Tensor:  # (B, L), (B, L) -> ()
    """Binary cross-entropy of every label, summed over labels and averaged over documents.

    Args:
        log_odds: of every label.
        targets: whether a document carries it, or how probable it is meant to be.
    """
    return F.binary_cross_entropy_with_logits(log_odds, targets.float(), reduction="none").sum(dim=1).mean()


def compared_labels(carried: Tensor, room: int) -> tuple[Tensor, Tensor]:
    """Label columns compared in a step (C,), and for every label its place among them, or -1 (L,).

    Of many labels those that a document of the batch carries are compared, and a sample of the others, however many the
    batch carries.

    Args:
        carried: (B, L) bool.
        room: labels that are compared at once, if the batch does not carry more of them.
    """
    count, device = carried.shape[1], carried.device
    columns = torch.arange(count, device=device)
    if count > room:
        own = carried.any(dim=0)
        compared = max(room, int(own.sum()) + math.ceil(room / 2))
        preference = torch.rand(count, device=device) + own.float()
        columns = preference.topk(min(compared, count)).indices.sort().values
    positions = torch.full((count,), -1, device=device)
    positions[columns] = torch.arange(len(columns), device=device)
    return columns, positions
