"""Linear layers of models that learn no more, their weights laid out once for the processor.

torch lays weights out anew for every product; for the few tokens of one document that is a quarter of its time. The
layout is oneDNN's, through the operators that torch.compile puts in.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import GELUActivation
from transformers.models.bert.modeling_bert import BertIntermediate

__all__ = ["PrepackedLinear", "prepack"]


class PrepackedLinear(nn.Module):
    """A linear layer, and the GELU after it where there is one; float32, on a CPU, without gradient."""

    def __init__(self, linear: nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        self.nbytes = linear.weight.nbytes  # the weight itself has no address
        self.weight: Any = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())  # noqa: SLF001
        self.bias = None if linear.bias is None else nn.Buffer(linear.bias.detach())
        self._after: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, states: Tensor) -> Tensor:
        """(..., K) -> (..., N)."""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(states, self.weight, self.bias, *self._after)  # noqa: SLF001
        return product


def prepack(*models: nn.Module) -> None:
    """Replace the linear layers in these models, where the processor and the number format allow it."""
    for model in models:
        for name, child in model.named_children():
            gelu = isinstance(child, BertIntermediate) and isinstance(child.intermediate_act_fn, GELUActivation)
            linear = child.dense if gelu else child
            if isinstance(linear, nn.Linear) and _possible(linear.weight):
                setattr(model, name, PrepackedLinear(linear, gelu=gelu))
            else:
                prepack(child)


def _possible(weight: Tensor) -> bool:
    onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return onednn and weight.device.type == "cpu" and weight.dtype == torch.float32
