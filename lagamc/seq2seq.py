"""The seq2seq family: T5 with LoRA adapters on q and v (section 5)."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import AutoModelForSeq2SeqLM, Cache, DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from lagamc.adapters import AdapterBackbone
from lagamc.errors import BackboneError
from lagamc.prompts import INSTRUCTION, TASK_DESCRIPTION, Prompt

__all__ = ["Seq2SeqBackbone"]


class Seq2SeqBackbone(AdapterBackbone):
    """T5 or FLAN-T5. Descriptions are parted by a sentinel token, which no text contains."""

    family = "seq2seq"
    SEPARATOR = "<extra_id_0>"
    AUTO_CLASS, TASK, KIND = AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM", "sequence-to-sequence model"

    default_prompt = Prompt(INSTRUCTION, TASK_DESCRIPTION)

    @property
    def start_slot(self) -> int:
        return int(self.generator.config.decoder_start_token_id)

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
            decoder_input_ids=decoder_ids, decoder_attention_mask=decoder_mask, cache=cache, use_cache=True,
        ).logits  # fmt: skip
        return logits

    @classmethod
    def _adapted_modules(cls, generator: Any) -> list[str]:
        return ["q", "v"]

    @classmethod
    def _check(cls, generator: Any, source: str) -> None:
        if generator.config.model_type not in ("t5", "mt5"):
            raise BackboneError(f"{source!r} is a {generator.config.model_type!r} model; T5 models are supported.")
