"""The causal family: any decoder-only language model with LoRA adapters, asked in its own chat template."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, Cache, DynamicCache

from lagamc.adapters import AdapterBackbone
from lagamc.backbone import Recalled
from lagamc.config import TrainingConfig
from lagamc.encoder import SentenceEncoder
from lagamc.errors import BackboneError
from lagamc.labels import LabelSet
from lagamc.precision import chosen_device, chosen_precision
from lagamc.prompts import INSTRUCTION, TASK_DESCRIPTION, Prompt
from lagamc.token_rows import plain_tokens

__all__ = ["CausalBackbone"]

_DOCUMENT = "\ue000document\ue000"  # stands for the document while a template is filled in
_ANSWER = "\nLabel descriptions:\n"
_DATE = "26 Jul 2024"  # templates that name today's would ask another question every day


class CausalBackbone(AdapterBackbone):
    """Llama, Mistral, SmolLM2 and their like. Descriptions are parted by a line break, which none contains.

    A prompt is tokenised in three parts, so that a long document is cut and not the question after it. The
    last token of the prompt, which is the same for every document, starts the decoder input. States are
    the embeddings of the other prompt tokens, and the prompt is computed together with the target.
    """

    family = "causal"
    SEPARATOR = "\n"
    AUTO_CLASS, TASK, KIND = AutoModelForCausalLM, "CAUSAL_LM", "causal language model"

    counts_prompt = False
    default_prompt = Prompt(INSTRUCTION, TASK_DESCRIPTION)

    def __init__(
        self, *, generator: Any, tokenizer: Any, encoder: SentenceEncoder, label_set: LabelSet, config: TrainingConfig
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise BackboneError(f"The tokenizer of {config.backbone!r} has no end token, so no text could end.")
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token  # padding is masked wherever it stands
        super().__init__(generator=generator, tokenizer=tokenizer, encoder=encoder, label_set=label_set, config=config)
        self._before, self._after = self._frame()
        context: int = getattr(generator.config, "max_position_embeddings", sys.maxsize)
        prompt = len(self._before) + config.max_document_tokens + len(self._after)
        if context <= prompt:
            raise BackboneError(
                f"{config.backbone!r} reads at most {context} tokens, and a prompt may take {prompt}. Lower "
                f"max_document_tokens, now {config.max_document_tokens}."
            )
        self.max_positions = context - prompt

    @property
    def start_slot(self) -> int:
        return self._after[-1]

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        bodies = plain_tokens(self.tokenizer, texts, truncation=True, max_length=self.config.max_document_tokens)
        return [[*self._before, *body, *self._after[:-1]] for body in bodies]

    @property
    def longest_prompt(self) -> int:
        return len(self._before) + self.config.max_document_tokens + len(self._after) - 1

    def read(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        states: Tensor = self.generator.get_input_embeddings()(input_ids)
        return states

    def recall(self, states: Tensor, mask: Tensor, texts: Sequence[str], descriptions: Tensor) -> Recalled:
        recalled = super().recall(states, mask, texts, descriptions)
        width = mask.shape[1]
        padding = width - mask.sum(dim=1, keepdim=True)  # (B, 1)
        places = (torch.arange(width, device=mask.device) - padding) % width  # (B, T): the padding goes to the left
        return recalled._replace(
            states=states.gather(1, places.unsqueeze(-1).expand_as(states)), mask=mask.gather(1, places)
        )

    def write(self, states: Tensor, mask: Tensor, decoder_ids: Tensor) -> Tensor:
        seen = torch.cat([mask, torch.ones_like(decoder_ids)], dim=1)
        return self._logits(torch.cat([states, self._embedded(decoder_ids)], dim=1), seen, decoder_ids, None)

    def new_cache(self, mask: Tensor) -> tuple[Cache, list[int]]:
        return DynamicCache(), mask.sum(dim=1).tolist()

    def extend(self, states: Tensor, mask: Tensor, decoder_ids: Tensor, decoder_mask: Tensor, cache: Cache) -> Tensor:
        inputs = self._embedded(decoder_ids)
        if not cache.get_seq_length():
            inputs = torch.cat([states, inputs], dim=1)
        return self._logits(inputs, decoder_mask, decoder_ids, cache)

    def _embedded(self, ids: Tensor) -> Tensor:
        embeddings: Tensor = self.generator.get_input_embeddings()(ids)
        return embeddings

    def _logits(self, inputs: Tensor, seen: Tensor, decoder_ids: Tensor, cache: Cache | None) -> Tensor:
        """Logits at the last places, those of `decoder_ids`; positions leave padding out."""
        positions = (seen.cumsum(dim=1) - 1).clamp(min=0)[:, -inputs.shape[1] :]
        logits: Tensor = self.generator(
            inputs_embeds=inputs, attention_mask=seen, position_ids=positions, cache=cache,
            use_cache=cache is not None, logits_to_keep=decoder_ids.shape[1],
        ).logits  # fmt: skip
        return logits

    def _frame(self) -> tuple[list[int], list[int]]:
        """Tokens before and after the document."""
        content, tokenizer = self.prompt.render(_DOCUMENT), self.tokenizer
        if tokenizer.chat_template:
            text = tokenizer.apply_chat_template(
                [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True, date_string=_DATE
            )
            start: list[int] = []  # the template writes it out
        else:
            text = content + _ANSWER
            start = [token for token in tokenizer("")["input_ids"] if token == tokenizer.bos_token_id]
        before, found, after = text.partition(_DOCUMENT)
        if not found or not after:
            raise BackboneError(f"The chat template of {self.config.backbone!r} leaves the user's message out.")
        ids = tokenizer([before, after], add_special_tokens=False)["input_ids"]
        return start + ids[0], ids[1]

    def _separator_token(self, separator: str) -> int:
        """The token of a separator between two words: SentencePiece puts a space before one that stands alone."""
        ids = plain_tokens(self.tokenizer, [f"a{separator}a"])[0]
        found = [token for token in ids if self.tokenizer.decode([token]) == separator]
        if len(found) != 1:
            raise BackboneError(f"The separator {separator!r} is no single token of {self.config.backbone!r}.")
        return found[0]

    @classmethod
    def _adapted_modules(cls, generator: Any) -> list[str]:
        """q_proj and v_proj, or what peft takes for their equivalents in this architecture."""
        from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as EQUIVALENTS

        names = {name.rpartition(".")[2] for name, _ in generator.named_modules()}
        if names >= {"q_proj", "v_proj"}:
            return ["q_proj", "v_proj"]
        kind = generator.config.model_type
        if kind not in EQUIVALENTS:
            raise BackboneError(
                f"It is not known where adapters go in a {kind!r} model: it has no q_proj and v_proj. "
                "Use a Llama, Mistral, Qwen or SmolLM2 model."
            )
        return list(EQUIVALENTS[kind])

    @classmethod
    def _check(cls, generator: Any, source: str) -> None:
        if generator.config.is_encoder_decoder:
            raise BackboneError(f"{source!r} has an encoder. Set family to 'seq2seq'.")

    @classmethod
    def _weight_format(cls, config: TrainingConfig) -> torch.dtype:
        device = chosen_device(config.device)
        halved = device.type == "cuda" and chosen_precision(config.precision, device) == "bfloat16"
        return torch.bfloat16 if halved else torch.float32
