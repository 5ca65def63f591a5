"""Generators that read with an encoder and write with a decoder which attends to what was read."""

from __future__ import annotations

from torch import Tensor
from transformers import Cache, DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from lagamc.backbone import Backbone

__all__ = ["EncoderDecoderBackbone"]


class EncoderDecoderBackbone(Backbone):
    """The generator is a transformers encoder-decoder model; H is the width of its encoder."""

    def read(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        states: Tensor = self.generator.get_encoder()(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return states

    def write(self, states: Tensor, mask: Tensor, decoder_ids: Tensor) -> Tensor:
        logits: Tensor = self.generator(
            encoder_outputs=BaseModelOutput(last_hidden_state=states), attention_mask=mask,
            decoder_input_ids=decoder_ids, use_cache=False,
        ).logits  # fmt: skip
        return logits

    def new_cache(self, mask: Tensor) -> tuple[Cache, list[int]]:
        return EncoderDecoderCache(DynamicCache(), DynamicCache()), [0] * len(mask)

    def extend(self, states: Tensor, mask: Tensor, decoder_ids: Tensor, decoder_mask: Tensor, cache: Cache) -> Tensor:
        logits: Tensor = self.generator(
            encoder_outputs=BaseModelOutput(last_hidden_state=states), attention_mask=mask,
            decoder_input_ids=decoder_ids, decoder_attention_mask=decoder_mask, past_key_values=cache,
            use_cache=True, **self._positions(decoder_mask, decoder_ids.shape[1]),
        ).logits  # fmt: skip
        return logits

    def _positions(self, decoder_mask: Tensor, count: int) -> dict[str, Tensor]:
        """Arguments that tell the decoder where its last `count` slots stand; T5 measures distances instead."""
        return {}
