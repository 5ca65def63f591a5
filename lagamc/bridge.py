"""From the generator's vocabulary to the encoder's word embeddings, so that soft tokens can be embedded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lagamc.encoder import SentenceEncoder

__all__ = ["text_bridge"]


@torch.no_grad()
def text_bridge(tokenizer: Any, size: int, encoder: SentenceEncoder) -> Tensor:
    """For each generator token, the mean of the encoder's word-piece embeddings of its text: (size, D).

    Tokens without text (special ones, the unused tail of the vocabulary) map to zero.
    """
    special = set(tokenizer.all_special_ids)
    ids = [token for token in range(min(size, len(tokenizer))) if token not in special]
    texts = [text.strip() for text in tokenizer.batch_decode([[token] for token in ids])]
    pieces = encoder.tokenizer(texts, add_special_tokens=False)["input_ids"]
    words = encoder.word_embeddings.detach()
    matrix = words.new_zeros(size, words.shape[1])
    for token, piece in zip(ids, pieces, strict=True):
        if piece:
            matrix[token] = words[torch.tensor(piece)].mean(dim=0)
    return matrix
