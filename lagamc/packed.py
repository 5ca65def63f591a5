"""BERT run on tokens alone: padding takes part in attention only, never in a matrix product.

Linear layers are most of the work of a training step, and they know no rows; so the tokens of all rows go through
them as one run. Attention, which does know rows, is computed on a padded copy.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

__all__ = ["IMPLEMENTATION", "Packing", "decode", "encode"]

IMPLEMENTATION = "packed"  # name of the attention function, given to `set_attn_implementation`


class Packing:
    """Where the N tokens in use of B padded rows lie.

    Args:
        mask: (B, T), true where a token is in use; those in use come first.
    """

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask.bool()
        self.where = self.mask.flatten().nonzero().squeeze(1)  # (N,)
        self.positions = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)[self.mask]  # (N,)

    def pack(self, padded: Tensor) -> Tensor:  # (B, T, ...) -> (1, N, ...)
        """The tokens in use, one after another."""
        packed: Tensor = _Pack.apply(padded.flatten(0, 1), self.where)  # type: ignore[no-untyped-call]
        return packed.unsqueeze(0)

    def unpack(self, packed: Tensor) -> Tensor:  # (1, N, ...) -> (B, T, ...)
        """The tokens back in their rows, zero elsewhere."""
        padded: Tensor = _Unpack.apply(packed.squeeze(0), self.where, self.mask.numel())  # type: ignore[no-untyped-call]
        return padded.view(*self.mask.shape, *padded.shape[1:])


class _Pack(torch.autograd.Function):
    """Select rows of a matrix, each once; the gradient is copied back rather than added up."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, where: Tensor) -> Tensor:
        ctx.save_for_backward(where)
        ctx.count = len(rows)
        return rows.index_select(0, where)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (where,), [gradient] = ctx.saved_tensors, gradients
        return gradient.new_zeros(ctx.count, *gradient.shape[1:]).index_copy_(0, where, gradient), None


class _Unpack(torch.autograd.Function):
    """The inverse: rows into a matrix of zeros."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, where: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(where)
        return rows.new_zeros(count, *rows.shape[1:]).index_copy_(0, where, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (where,), [gradient] = ctx.saved_tensors, gradients
        return gradient.index_select(0, where), None, None


def encode(transformer: Any, mask: Tensor, *, ids: Tensor | None = None, embeds: Tensor | None = None) -> Tensor:
    """States (B, T, H) of a BERT encoder, zero at padding.

    Args:
        transformer: a `BertModel` whose attention implementation is `IMPLEMENTATION`.
        mask: (B, T).
        ids: (B, T), or
        embeds: (B, T, H) in their place.
    """
    rows = Packing(mask)
    hidden = transformer.embeddings(
        input_ids=None if ids is None else rows.pack(ids),
        inputs_embeds=None if embeds is None else rows.pack(embeds),
        position_ids=rows.positions.unsqueeze(0),
    )
    for layer in transformer.encoder.layer:
        hidden = layer(hidden, rows=rows)
    return rows.unpack(hidden)


def decode(decoder: Any, mask: Tensor, ids: Tensor, states: Tensor, states_mask: Tensor) -> Tensor:
    """Logits (B, U, V) of a BERT decoder under teacher forcing, zero at padding.

    Args:
        decoder: a `BertLMHeadModel` whose attention implementation is `IMPLEMENTATION`.
        mask: (B, U) of the decoder's slots.
        ids: (B, U).
        states: (B, T, H) that it attends to.
        states_mask: (B, T).
    """
    rows = Packing(mask)
    hidden = decoder.bert.embeddings(input_ids=rows.pack(ids), position_ids=rows.positions.unsqueeze(0))
    for layer in decoder.bert.encoder.layer:
        hidden = layer(hidden, None, states, encoder_attention_mask=states_mask.bool()[:, None, None], rows=rows)
    return rows.unpack(decoder.cls(hidden))


def _attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
    *, rows: Packing | None = None, **options: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Attention among the tokens of each row, or from them to padded states (B, heads, T, d).

    query, key and value are (1, heads, N, d); the result is (1, N, heads, d).
    """
    if rows is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return output, None
    kind = query.dtype
    query = _in_rows(rows, query)
    if attention_mask is None:
        key, value = _in_rows(rows, key), _in_rows(rows, value)
        attention_mask = None if module.is_causal else rows.mask[:, None, None]
    exact = query.device.type == "cpu"  # there the gradient of bfloat16 attention takes four times as long
    if exact:
        query, key, value = query.float(), key.float(), value.float()
    with torch.autocast(query.device.type, enabled=not exact and torch.is_autocast_enabled(query.device.type)):
        output = F.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, dropout_p=options["dropout"],
            is_causal=attention_mask is None, scale=options["scaling"],
        )  # (B, heads, T, d)  # fmt: skip
    return rows.pack(output.transpose(1, 2).to(kind)), None


def _in_rows(rows: Packing, heads: Tensor) -> Tensor:  # (1, heads, N, d) -> (B, heads, T, d)
    return rows.unpack(heads.transpose(1, 2)).transpose(1, 2)


AttentionInterface.register(IMPLEMENTATION, _attention)
AttentionMaskInterface.register(IMPLEMENTATION, sdpa_mask)
