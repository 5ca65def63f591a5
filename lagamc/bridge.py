"""From the generator's vocabulary to the encoder's word embeddings, so that soft tokens can be embedded."""

from __future__ import annotations

import itertools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lagamc.encoder import SentenceEncoder

__all__ = ["text_bridge"]

_BLOCK = 8192  # tokens looked at together; more take memory and save no time


@torch.no_grad()
def text_bridge(tokenizer: Any, size: int, encoder: SentenceEncoder) -> Tensor:
    """For each generator token, the mean of the encoder's word-piece embeddings of its text: (size, D).

    Tokens without text (special ones, the unused tail of the vocabulary) map to zero.
    """
    special = set(tokenizer.all_special_ids)
    ids = [token for token in range(min(size, len(tokenizer))) if token not in special]
    words = encoder.word_embeddings.detach()
    matrix = words.new_zeros(size, words.shape[1])
    for start in range(0, len(ids), _BLOCK):
        block = ids[start : start + _BLOCK]
        texts = [text.strip() for text in tokenizer.batch_decode([[token] for token in block])]
        pieces = encoder.tokenizer(texts, add_special_tokens=False)["input_ids"]
        ends = list(itertools.accumulate(map(len, pieces), initial=0))
        flat = torch.tensor([piece for own in pieces for piece in own], dtype=torch.long, device=words.device)
        offsets = torch.tensor(ends[:-1], device=words.device)
        matrix[block] = F.embedding_bag(flat, words, offsets, mode="mean")  # zero for an empty bag
    return matrix
