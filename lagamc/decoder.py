"""The decoder run on several rows at once that stand at different places, with a way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from transformers import EncoderDecoderCache

if TYPE_CHECKING:
    from lagamc.adapters import AdapterBackbone

__all__ = ["Decoder", "RewindingDecoder"]


class Decoder(Protocol):
    """What generation asks of every family: slots fed to B rows, and as many of each kept as turn out to stand."""

    def feed(self, rows: Sequence[Sequence[int]], asked: Sequence[Sequence[int]]) -> Tensor:
        """One forward pass.

        Args:
            rows: slots for each row, which follow those kept before.
            asked: places among them, for each row, whose following slot is in question.

        Returns:
            (Q, V) logits of the slot that follows each asked place, row by row, float32.
        """
        ...

    def keep(self, rows: Sequence[int], counts: Sequence[int]) -> None:
        """After a pass: go on with these rows alone, and with this many of the slots that each was fed."""
        ...


class RewindingDecoder:
    """Any model of transformers with its own cache.

    In the cache every row ends at the last slot and is padded on the left; the prompts of a causal model
    stand there too, before the slots. So the distance between two places in the cache is the distance between
    two tokens (T5's relative positions), and the number of places in use up to a token is its position
    (learnt and rotary positions). Going back shifts a row to the right.
    """

    def __init__(self, backbone: AdapterBackbone, states: Tensor, mask: Tensor) -> None:  # (B, T', H), (B, T')
        self._backbone = backbone
        self._states, self._mask = states, mask
        self._cache, self._lengths = backbone.new_cache(mask)  # places in use of each row, once it was fed

    def feed(self, rows: Sequence[Sequence[int]], asked: Sequence[Sequence[int]]) -> Tensor:
        past, width = max(self._lengths), max(map(len, rows))
        ids, seen = [], []
        for length, row in zip(self._lengths, rows, strict=True):
            padding = width - len(row)
            ids.append([*row, *[self._backbone.pad_slot] * padding])
            seen.append([0] * (past - length) + [1] * (length + len(row)) + [0] * padding)
        device = self._states.device
        logits = self._backbone.extend(
            self._states, self._mask, torch.tensor(ids, device=device), torch.tensor(seen, device=device), self._cache
        )  # (B, U, V)
        places = [row * width + place for row, own in enumerate(asked) for place in own]
        return logits.flatten(0, 1)[torch.tensor(places, device=device)].float()

    def keep(self, rows: Sequence[int], counts: Sequence[int]) -> None:
        past, device = max(self._lengths), self._states.device
        leaving = len(rows) < len(self._lengths)
        self._lengths = [self._lengths[row] + count for row, count in zip(rows, counts, strict=True)]
        width = max(self._lengths)
        index = torch.tensor(rows, device=device)
        ends = past + torch.tensor(counts, device=device)
        places = (ends[:, None] - width + torch.arange(width, device=device)).clamp(min=0)  # (B, width)
        crossed = isinstance(self._cache, EncoderDecoderCache)
        own = self._cache.self_attention_cache if crossed else self._cache
        for layer in own.layers:  # keys and values (B, heads, past + U, d)
            layer.keys = layer.keys[index[:, None], :, places].transpose(1, 2)
            layer.values = layer.values[index[:, None], :, places].transpose(1, 2)
        if leaving:
            self._states, self._mask = self._states[index], self._mask[index]
            for layer in self._cache.cross_attention_cache.layers if crossed else ():
                layer.keys, layer.values = layer.keys[index], layer.values[index]
