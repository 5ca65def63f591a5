"""What models take in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from torch import nn

from lagamc.prepacked import PrepackedLinear

__all__ = ["Loaded", "megabytes", "sizes"]


class Loaded(Protocol):
    """Anything that knows its size."""

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of everything that takes memory, by where it lies."""
        ...


def megabytes(classifiers: Iterable[Loaded]) -> float:
    """Memory of loaded classifiers in MB; what several of them share counts once."""
    taken: dict[int, int] = {}
    for classifier in classifiers:
        taken |= classifier.sizes
    return sum(taken.values()) / 1024 / 1024


def sizes(model: nn.Module) -> dict[int, int]:
    """Bytes of the weights of a model by where they lie."""
    packed = {id(module): module.nbytes for module in model.modules() if isinstance(module, PrepackedLinear)}
    return packed | {tensor.data_ptr(): tensor.nbytes for tensor in (*model.parameters(), *model.buffers())}
