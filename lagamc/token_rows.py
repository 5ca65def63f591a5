"""Rows of token ids: made of texts, padded into one tensor, and put into batches of like length."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["padded", "plain_tokens", "rounded_up", "shuffled_batches"]

_POOL = 50  # batches that are shuffled together before they are sorted by length


def plain_tokens(tokenizer: Any, texts: Sequence[str], **options: Any) -> list[list[int]]:
    """Token ids of each text alone, names of special tokens in it read as ordinary words."""
    ids: list[list[int]] = tokenizer(
        list(texts), add_special_tokens=False, split_special_tokens=True, **options
    )["input_ids"]  # fmt: skip
    return ids


def padded(
    rows: Sequence[Sequence[int]], value: int, *, device: torch.device | None = None, shortest: int = 0,
    multiple: int = 1,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Ids (B, T), each row filled up with `value` to the longest, and which of them are none of the padding (B, T).

    T is at least `shortest`, and a multiple of `multiple`.
    """
    width = rounded_up(max(shortest, *map(len, rows)), multiple)
    ids = torch.tensor([[*row, *[value] * (width - len(row))] for row in rows], dtype=torch.long, device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], dtype=torch.long, device=device)
    return ids, mask


def rounded_up(count: int, multiple: int) -> int:
    """The smallest multiple that is not below `count`."""
    return -(-count // multiple) * multiple


def shuffled_batches(lengths: Sequence[tuple[int, ...]], size: int, seed: str) -> list[list[int]]:
    """Rows of like length together, in an order that the seed decides.

    Args:
        lengths: what each row is sorted by; where the first lengths are equal, the next decide.
        size: rows in a batch.
        seed: the same seed gives the same batches.
    """
    shuffler = random.Random(seed)
    order = list(range(len(lengths)))
    shuffler.shuffle(order)
    pool = _POOL * size
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        rows = sorted(order[start : start + pool], key=lengths.__getitem__)
        batches += [rows[i : i + size] for i in range(0, len(rows), size)]
    shuffler.shuffle(batches)
    return batches
