"""The seq2seq family: T5 with LoRA adapters on q and v (section 5)."""

from __future__ import annotations

from typing import Any

from transformers import AutoModelForSeq2SeqLM

from lagamc.adapters import AdapterBackbone
from lagamc.encoder_decoder import EncoderDecoderBackbone
from lagamc.errors import BackboneError
from lagamc.prompts import INSTRUCTION, TASK_DESCRIPTION, Prompt

__all__ = ["Seq2SeqBackbone"]


class Seq2SeqBackbone(AdapterBackbone, EncoderDecoderBackbone):
    """T5 or FLAN-T5. Descriptions are parted by a sentinel token, which no text contains."""

    family = "seq2seq"
    SEPARATOR = "<extra_id_0>"
    AUTO_CLASS, TASK, KIND = AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM", "sequence-to-sequence model"

    default_prompt = Prompt(INSTRUCTION, TASK_DESCRIPTION)

    @property
    def start_slot(self) -> int:
        return int(self.generator.config.decoder_start_token_id)

    @classmethod
    def _adapted_modules(cls, generator: Any) -> list[str]:
        return ["q", "v"]

    @classmethod
    def _check(cls, generator: Any, source: str) -> None:
        if generator.config.model_type not in ("t5", "mt5"):
            raise BackboneError(f"{source!r} is a {generator.config.model_type!r} model; T5 models are supported.")
