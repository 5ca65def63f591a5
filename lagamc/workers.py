"""Several processes train one model, one a GPU: each computes its share of a batch, gradients are added up.

`accelerate launch --multi_gpu --num_processes N -m lagamc train RUN_FOLDER` starts them (torchrun does too). Everything
else of a run, from evaluation to the model folder, is done by the first process; the others wait for what it found.
"""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import nn

__all__ = ["Workers", "is_first_worker"]

T = TypeVar("T")
PATIENCE = timedelta(hours=12)  # for the first process, which evaluates while the others wait


def is_first_worker() -> bool:
    """Whether this is the process that reports and writes; known before anything is set up."""
    return int(os.environ.get("RANK", "0")) == 0


class Workers:
    """The processes of this run. A process that was started by itself is alone, and nothing here does anything."""

    def __init__(self, *, cpu: bool) -> None:
        self.count, self.index = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        self.is_first = self.index == 0
        self.device: torch.device | None = None  # this process's own, where there are several
        if self.count > 1:
            from accelerate import PartialState

            self.device = PartialState(cpu=cpu, timeout=PATIENCE).device

    def share(self, parts: Sequence[T]) -> Sequence[T]:
        """The parts of a batch that this process computes; there may be none."""
        return parts[self.index :: self.count]

    def add_up(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by the sum of all processes'; one that has none counts as zero."""
        if self.count > 1:
            from accelerate.utils import reduce

            for parameter in parameters:
                own = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                parameter.grad = reduce(own, reduction="sum")

    def totals(self, figures: Mapping[str, float]) -> dict[str, float]:
        """Each figure summed over all processes; one that computed nothing counts as zero."""
        if self.count == 1:
            return dict(figures)
        everyone = self.gathered(dict(figures))
        return {name: sum(own.get(name, 0.0) for own in everyone) for name in dict(ChainMap(*everyone))}

    def any(self, asked: Callable[[], bool]) -> bool:
        """Whether it is true in one of the processes; all hear the same."""
        return any(self.gathered(asked()))

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes, of any kind; the others wait for it."""
        if self.count == 1:
            return make()
        from accelerate.utils import broadcast_object_list

        held: list[Any] = [make() if self.is_first else None]
        broadcast_object_list(held)
        made: T = held[0]
        return made

    def gathered(self, value: T) -> list[T]:
        """The value of every process, in their order."""
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        everyone: list[T] = gather_object([value])
        return everyone
