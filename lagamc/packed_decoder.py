"""The embedded family's decoder in generation: rows of unequal length, nothing computed that nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lagamc.packed import Packing, attend, feed_forward, memory

__all__ = ["PackedDecoder"]


class PackedDecoder:
    """Keys and values of every row begin at the first place; going back is to forget how far a row had come.

    Args:
        decoder: a `BertLMHeadModel` with cross-attention.
        states: (B, T, H) that it attends to.
        mask: (B, T).
    """

    def __init__(self, decoder: Any, states: Tensor, mask: Tensor) -> None:
        self._decoder = decoder
        self._memory = memory(decoder, states)
        self._everyone = mask.bool()[:, None, None]
        self._lengths = torch.zeros(len(states), dtype=torch.long, device=states.device)
        empty = states.new_zeros(len(states), 0, states.shape[-1])
        self._cache = [(empty, empty) for _ in self._memory]  # keys and values (B, P, H) of each layer

    def feed(self, rows: Sequence[Sequence[int]], asked: Sequence[Sequence[int]]) -> Tensor:
        device = self._lengths.device
        counts = torch.tensor([len(row) for row in rows], device=device)
        fed = Packing(torch.arange(int(counts.max()), device=device) < counts[:, None])
        ids = torch.tensor([slot for row in rows for slot in row], device=device)
        positions = fed.positions + self._lengths[fed.rows]  # (N,)
        hidden = self._decoder.bert.embeddings(input_ids=ids[None], position_ids=positions[None])
        width = int(positions.max()) + 1
        last = len(self._cache) - 1
        for number, (layer, crossed) in enumerate(zip(self._decoder.bert.encoder.layer, self._memory, strict=True)):
            own = layer.attention.self
            key, value = (
                _written(cached, fed, positions, projection(hidden), width)
                for cached, projection in zip(self._cache[number], (own.key, own.value), strict=True)
            )
            self._cache[number] = key, value
            if number == last:  # of the last layer only the places in question need more than keys and values
                fed, hidden, positions = _only(fed, hidden, positions, asked)
            seen = torch.arange(key.shape[1], device=device) <= fed.unpack(positions[None])[:, None, :, None]
            hidden = attend(layer.attention, hidden, fed, key, value, mask=seen)
            hidden = attend(layer.crossattention, hidden, fed, *crossed, mask=self._everyone)
            hidden = feed_forward(layer, hidden)
        logits: Tensor = self._decoder.cls(hidden)[0].float()
        return logits

    def keep(self, rows: Sequence[int], counts: Sequence[int]) -> None:
        device = self._lengths.device
        index = torch.tensor(rows, device=device)
        leaving = len(rows) < len(self._lengths)
        self._lengths = self._lengths[index] + torch.tensor(counts, device=device)
        if leaving:
            self._everyone = self._everyone[index]
            self._cache = [(key[index], value[index]) for key, value in self._cache]
            self._memory = [(key[index], value[index]) for key, value in self._memory]


def _written(cached: Tensor, fed: Packing, positions: Tensor, fresh: Tensor, width: int) -> Tensor:
    """The cache (B, P, H), widened where needed, with (1, N, H) new entries in their places."""
    if not cached.shape[1]:
        return fed.unpack(fresh)
    if width > cached.shape[1]:
        more = cached.new_zeros(len(cached), width - cached.shape[1], cached.shape[2])
        cached = torch.cat([cached, more], dim=1)
    cached[fed.rows, positions] = fresh[0]
    return cached


def _only(
    fed: Packing, hidden: Tensor, positions: Tensor, asked: Sequence[Sequence[int]]
) -> tuple[Packing, Tensor, Tensor]:
    """The asked places alone: where they lie, their states and positions."""
    counts = torch.tensor([len(own) for own in asked], device=hidden.device)
    if int(counts.sum()) == len(positions):
        return fed, hidden, positions
    width = fed.mask.shape[1]
    flat = torch.tensor([row * width + place for row, own in enumerate(asked) for place in own], device=hidden.device)
    chosen = torch.searchsorted(fed.where, flat)
    questions = Packing(torch.arange(int(counts.max()), device=hidden.device) < counts[:, None])
    return questions, hidden[:, chosen], positions[chosen]
