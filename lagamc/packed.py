"""BERT run on tokens alone: padding takes part in attention only, never in a matrix product.

Linear layers are most of the work, in training and in generation, and they know no rows; so the tokens of all rows
go through them as one run. Attention, which does know rows, is computed on a padded copy.

For products in bfloat16 on a CPU, oneDNN compiles a kernel for every number of tokens, which takes longer than the
product itself. There the run is filled up with zeros to a multiple of `KERNEL_TOKENS`, so that kernels come again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lagamc.token_rows import rounded_up

__all__ = ["KERNEL_TOKENS", "Packing", "attend", "decode", "encode", "feed_forward", "heads", "memory"]

KERNEL_TOKENS = 64


class Packing:
    """Where the N tokens in use of B padded rows lie, and into how many `slots` they are packed: N, or a few more.

    Args:
        mask: (B, T), true where a token is in use; those in use come first.
    """

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask.bool()
        self.where = self.mask.flatten().nonzero().squeeze(1)  # (N,)
        self.rows = self.where // mask.shape[1]  # (N,)
        self.positions = self.where % mask.shape[1]  # (N,)
        compiled = mask.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        self.slots = rounded_up(len(self.where), KERNEL_TOKENS if compiled else 1)
        # one document, say: there is nothing to leave out
        self._full = len(self.where) == self.slots == self.mask.numel()

    @property
    def position_ids(self) -> Tensor:  # (1, slots)
        """The places of the tokens in their rows."""
        return F.pad(self.positions, (0, self.slots - len(self.positions))).unsqueeze(0)

    def pack(self, padded: Tensor) -> Tensor:  # (B, T, ...) -> (1, slots, ...)
        """The tokens in use, one after another, and zeros in the slots that are left."""
        if self._full:
            return padded.flatten(0, 1).unsqueeze(0)
        packed: Tensor = _Pack.apply(padded.flatten(0, 1), self.where, self.slots)  # type: ignore[no-untyped-call]
        return packed.unsqueeze(0)

    def unpack(self, packed: Tensor) -> Tensor:  # (1, slots, ...) -> (B, T, ...)
        """The tokens back in their rows, zero elsewhere."""
        if self._full:
            return packed.view(*self.mask.shape, *packed.shape[2:])
        padded: Tensor = _Unpack.apply(packed.squeeze(0), self.where, self.mask.numel())  # type: ignore[no-untyped-call]
        return padded.view(*self.mask.shape, *padded.shape[1:])


class _Pack(torch.autograd.Function):
    """Select rows of a matrix, each once; the gradient is copied back rather than added up."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, where: Tensor, slots: int) -> Tensor:
        ctx.save_for_backward(where)
        ctx.count = len(rows)
        return _selected(rows, where, slots)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (where,), [gradient] = ctx.saved_tensors, gradients
        return _put_back(gradient, where, ctx.count), None, None


class _Unpack(torch.autograd.Function):
    """The inverse: rows into a matrix of zeros."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, where: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(where)
        ctx.slots = len(rows)
        return _put_back(rows, where, count)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (where,), [gradient] = ctx.saved_tensors, gradients
        return _selected(gradient, where, ctx.slots), None, None


def _selected(rows: Tensor, where: Tensor, slots: int) -> Tensor:
    if slots == len(where):
        return rows.index_select(0, where)
    selected = rows.new_zeros(slots, *rows.shape[1:])
    selected[: len(where)] = rows.index_select(0, where)
    return selected


def _put_back(rows: Tensor, where: Tensor, count: int) -> Tensor:
    return rows.new_zeros(count, *rows.shape[1:]).index_copy_(0, where, rows[: len(where)])


def encode(transformer: Any, mask: Tensor, *, ids: Tensor | None = None, embeds: Tensor | None = None) -> Tensor:
    """States (B, T, H) of a `BertModel`, zero at padding.

    Args:
        transformer: the encoder.
        mask: (B, T).
        ids: (B, T), or
        embeds: (B, T, H) in their place.
    """
    rows = Packing(mask)
    hidden = transformer.embeddings(
        input_ids=None if ids is None else rows.pack(ids),
        inputs_embeds=None if embeds is None else rows.pack(embeds),
        position_ids=rows.position_ids,
    )
    for layer in transformer.encoder.layer:
        hidden = _through(layer, _encoder_layer, hidden, rows)
    return rows.unpack(hidden)


def _encoder_layer(layer: Any, hidden: Tensor, rows: Packing) -> Tensor:  # (1, N, H) -> (1, N, H)
    key, value = (rows.unpack(own(hidden)) for own in (layer.attention.self.key, layer.attention.self.value))
    hidden = attend(layer.attention, hidden, rows, key, value, mask=rows.mask[:, None, None])
    return feed_forward(layer, hidden)


def _through(layer: Any, compute: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """What a layer computes. With gradient checkpointing it is computed anew for the gradient, not kept until then."""
    if layer.gradient_checkpointing and layer.training and torch.is_grad_enabled():
        return checkpoint(compute, layer, *inputs, use_reentrant=False)  # type: ignore[no-any-return]
    return compute(layer, *inputs)


def decode(decoder: Any, mask: Tensor, ids: Tensor, states: Tensor, states_mask: Tensor) -> Tensor:
    """Logits (B, U, V) of a `BertLMHeadModel` with cross-attention under teacher forcing, zero at padding.

    Args:
        decoder: the model.
        mask: (B, U) of the decoder's slots.
        ids: (B, U).
        states: (B, T, H) that it attends to.
        states_mask: (B, T).
    """
    rows = Packing(mask)
    hidden = decoder.bert.embeddings(input_ids=rows.pack(ids), position_ids=rows.position_ids)
    everyone = states_mask.bool()[:, None, None]
    for layer, crossed in zip(decoder.bert.encoder.layer, memory(decoder, states), strict=True):
        hidden = _through(layer, _decoder_layer, hidden, rows, crossed, everyone)
    return rows.unpack(decoder.cls(hidden))


def _decoder_layer(
    layer: Any, hidden: Tensor, rows: Packing, crossed: tuple[Tensor, Tensor], seen: Tensor
) -> Tensor:  # (1, N, H) -> (1, N, H)
    key, value = (rows.unpack(own(hidden)) for own in (layer.attention.self.key, layer.attention.self.value))
    hidden = attend(layer.attention, hidden, rows, key, value, mask=None)
    hidden = attend(layer.crossattention, hidden, rows, *crossed, mask=seen)
    return feed_forward(layer, hidden)


def memory(decoder: Any, states: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Keys and values (B, T, H) of the cross-attention of every layer, from states (B, T, H)."""
    own = (layer.crossattention.self for layer in decoder.bert.encoder.layer)
    return [(attention.key(states), attention.value(states)) for attention in own]


def attend(attention: Any, hidden: Tensor, rows: Packing, key: Tensor, value: Tensor, *, mask: Tensor | None) -> Tensor:
    """One attention block of BERT, residual and norm included: (1, N, H) -> (1, N, H).

    Args:
        attention: a `BertAttention`.
        hidden: (1, N, H) tokens that ask.
        rows: where they lie.
        key: (B, K, H) what they attend to.
        value: (B, K, H).
        mask: broadcasts to (B, 1, T, K), true where a token may look; None where each may look at those up to itself.
    """
    own = attention.self
    query, key, value = (heads(own, part) for part in (rows.unpack(own.query(hidden)), key, value))
    slow = query.device.type == "cpu" and query.dtype == torch.bfloat16  # its gradient takes four times as long
    if slow:
        query, key, value = query.float(), key.float(), value.float()
    with torch.autocast(query.device.type, enabled=not slow and torch.is_autocast_enabled(query.device.type)):
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=own.dropout.p if own.training else 0.0, is_causal=mask is None
        )
    return _added(attention.output, rows.pack(mixed.transpose(1, 2).flatten(2)).to(hidden.dtype), hidden)


def feed_forward(layer: Any, hidden: Tensor) -> Tensor:  # (1, N, H) -> (1, N, H)
    """The feed-forward block of a `BertLayer`, residual and norm included."""
    return _added(layer.output, layer.intermediate(hidden), hidden)


def _added(output: Any, mixed: Tensor, hidden: Tensor) -> Tensor:
    """The end of either block, a `BertSelfOutput` or `BertOutput`."""
    return output.LayerNorm(_dropped(output.dense(mixed), output.dropout) + hidden)  # type: ignore[no-any-return]


def _dropped(states: Tensor, dropout: nn.Dropout) -> Tensor:
    """Dropout, its probability rounded to 256ths on a CPU: there a random byte decides on an element, not a number."""
    if states.device.type != "cpu" or not dropout.training:
        return dropout(states)  # type: ignore[no-any-return]
    dropped = round(256 * dropout.p)
    words = torch.empty(math.ceil(states.numel() / 8), dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.uint8)[: states.numel()].view(states.shape) >= dropped
    return states * kept.to(states.dtype).mul_(256 / (256 - dropped))


def heads(attention: Any, states: Tensor) -> Tensor:  # (B, K, H) -> (B, heads, K, d)
    """States parted among the heads of a `BertSelfAttention`."""
    return states.view(*states.shape[:2], -1, attention.attention_head_size).transpose(1, 2)
