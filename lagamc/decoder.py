"""The decoder run on several rows at once that stand at different places, with a way back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import EncoderDecoderCache

from lagamc.backbone import Backbone

__all__ = ["RewindingDecoder"]


class RewindingDecoder:
    """Feeds slots to B rows and keeps their keys and values, as many of each row as turn out to stand.

    In the cache every row ends at the last slot and is padded on the left; the prompts of a causal model
    stand there too, before the slots. So the distance between two places in the cache is the distance between
    two tokens (T5's relative positions), and the number of places in use up to a token is its position
    (learnt and rotary positions). Going back shifts a row to the right.
    """

    def __init__(self, backbone: Backbone, states: Tensor, mask: Tensor) -> None:  # (B, T', H), (B, T')
        self._backbone = backbone
        self._states, self._mask = states, mask
        self._cache, self._lengths = backbone.new_cache(mask)  # places in use of each row, once it was fed

    def feed(self, rows: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[list[float]]]:
        """One forward pass. The slot chosen greedily after every slot of every row, and its log-probability."""
        past, width = max(self._lengths), max(map(len, rows))
        ids, seen = [], []
        for length, row in zip(self._lengths, rows, strict=True):
            padding = width - len(row)
            ids.append([*row, *[self._backbone.pad_slot] * padding])
            seen.append([0] * (past - length) + [1] * (length + len(row)) + [0] * padding)
        device = self._states.device
        logits = self._backbone.extend(
            self._states, self._mask, torch.tensor(ids, device=device), torch.tensor(seen, device=device), self._cache
        ).float()  # (B, U, V)
        best = logits.max(dim=-1)
        return best.indices.tolist(), (best.values - logits.logsumexp(dim=-1)).tolist()

    def keep(self, rows: Sequence[int], counts: Sequence[int]) -> None:
        """After a pass: go on with these rows alone, and with this many of the slots that each was fed."""
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
