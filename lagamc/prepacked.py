"""Linear layers of models that learn no more, their weights laid out once for the processor.

torch lays weights out anew for every product; for the few tokens of one document that is a quarter of its time. The
layout is oneDNN's, through the operators that torch.compile puts in.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["PrepackedLinear", "prepack"]

# What oneDNN and torch make for a shape they keep, 1,024 shapes each: half a gigabyte where every batch has another
# number of tokens. The layers of one batch need a few dozen. Read when the first of them is made.
for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_cache, "64")


class PrepackedLinear(nn.Module):
    """A linear layer, and the GELU after it where there is one; float32, on a CPU, without gradient."""

    def __init__(self, linear: nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        self.nbytes = linear.weight.nbytes  # the weight itself has no address
        self._weight: Any = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())  # noqa: SLF001
        self._bias = nn.Buffer(linear.bias.detach())
        self._after: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, states: Tensor) -> Tensor:
        """(..., K) -> (..., N)."""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(states, self._weight, self._bias, *self._after)  # noqa: SLF001
        return product


def prepack(transformer: Any, head: Any = None) -> None:
    """Replace the linear layers of a `BertModel`'s layers, and of the `head` after them where there is one, if the
    processor and the number format allow it.
    """
    weight = transformer.embeddings.word_embeddings.weight
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or not _has_onednn():
        return
    for layer in transformer.encoder.layer:
        if transformer.config.hidden_act == "gelu" and not isinstance(layer.intermediate, PrepackedLinear):
            layer.intermediate = PrepackedLinear(layer.intermediate.dense, gelu=True)
    parts = [transformer.encoder.layer, head] if head is not None else [transformer.encoder.layer]
    for module in [module for part in parts for module in part.modules()]:
        for name, child in module.named_children():
            if isinstance(child, nn.Linear):
                setattr(module, name, PrepackedLinear(child))


def _has_onednn() -> bool:
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
