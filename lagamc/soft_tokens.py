"""Logits become tokens that the sentence encoder can embed, in a way that lets gradient through (section 5.3)."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

__all__ = ["SoftTokens", "soft_tokens"]

SoftTokens = Literal["softmax", "straight-through", "gumbel"]


def soft_tokens(logits: Tensor, bridge: Tensor, kind: SoftTokens) -> Tensor:  # (S, W, V), (V, D) -> (S, W, D)
    """An embedding for every place where a token was written.

    Args:
        logits: (S, W, V) over the generator's vocabulary.
        bridge: (V, D), the embedding of each token.
        kind: `softmax` is the mean embedding under the model's probabilities; `straight-through` the embedding
            of the likeliest token, with the gradient of that mean (Bengio et al. 2013); `gumbel` the mean under
            probabilities of logits with Gumbel noise, at temperature 1 (Jang et al. 2017).
    """
    if kind == "gumbel":
        return F.gumbel_softmax(logits.float(), tau=1.0, dim=-1) @ bridge
    soft = logits.softmax(dim=-1) @ bridge
    if kind == "softmax":
        return soft
    hard = bridge[logits.argmax(dim=-1)]
    return soft + (hard - soft).detach()
