"""Which parameters learn how fast, and when."""

from __future__ import annotations

from typing import Any

from torch import nn

from lagamc.backbone import Backbone
from lagamc.config import TrainingConfig

__all__ = ["parameter_groups", "schedule"]

SCALAR_RATE = 1e-2  # of lambda and of the scorer's scale and offset


def parameter_groups(backbone: Backbone, hybrid: nn.Module, config: TrainingConfig) -> list[dict[str, Any]]:
    """Groups for the optimiser, each with its `peak` rate: what was trained before, new layers, and scalars."""
    rate = config.learning_rate
    new = {id(parameter): parameter for parameter in backbone.new_parameters()}
    scalars = {id(parameter): parameter for parameter in [*hybrid.parameters(), *backbone.scorer.parameters()]}
    apart = new.keys() | scalars.keys()
    old = [parameter for parameter in backbone.trained_parameters().values() if id(parameter) not in apart]
    return [
        {"params": old, "peak": rate},
        {"params": list(new.values()), "peak": rate * config.new_layer_rate},
        {"params": list(scalars.values()), "peak": SCALAR_RATE, "weight_decay": 0.0},
    ]


def schedule(step: int, total_steps: int, warmup_fraction: float) -> float:
    """Return the factor on the peak rates: linear warm-up over that fraction of the steps, then linear decay to 0."""
    warmup = max(1, round(warmup_fraction * total_steps))
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (total_steps - step) / max(1, total_steps - warmup))
