"""The embedded family: a sentence encoder that is also the generator's encoder, with a shallow decoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from transformers import BertConfig, BertLMHeadModel, EncoderDecoderModel

from lagamc import packed
from lagamc.backbone import Backbone, Recalled, single_token
from lagamc.config import TrainingConfig, backbone_source
from lagamc.encoder import SentenceEncoder
from lagamc.errors import BackboneError
from lagamc.labels import LabelSet
from lagamc.packed_decoder import PackedDecoder
from lagamc.prompts import Prompt, Target
from lagamc.token_rows import plain_tokens

__all__ = ["EmbeddedBackbone"]


class EmbeddedBackbone(Backbone):
    """A BERT-style sentence encoder with a shallow decoder, warm-started from the encoder's layers.

    The output vocabulary holds only what descriptions are made of; word embeddings are shared and frozen,
    so the bridge is a selection of their rows. Beside the document's tokens the decoder attends to a
    *label memory*: the descriptions nearest to the document, each weighted by its probability.
    """

    family = "embedded"
    SEPARATOR: ClassVar[str] = "[unused0]"
    MEMORY_SLOTS: ClassVar[int] = 16

    def __init__(
        self, *, encoder: SentenceEncoder, decoder: BertLMHeadModel | None, label_set: LabelSet, config: TrainingConfig
    ) -> None:
        if config.max_document_tokens > encoder.max_tokens:
            raise BackboneError(
                f"{config.backbone!r} reads at most {encoder.max_tokens} tokens. Lower max_document_tokens, now "
                f"{config.max_document_tokens}."
            )
        tokenizer = encoder.tokenizer
        separator = config.separator or self.SEPARATOR
        if separator == self.SEPARATOR:
            if separator not in tokenizer.get_vocab():
                raise BackboneError(
                    f"The vocabulary of {config.backbone!r} lacks {separator}, which parts descriptions. Name another "
                    "token of it as the separator, one that no description holds."
                )
            tokenizer.add_special_tokens({"additional_special_tokens": [separator]})
        words = plain_tokens(tokenizer, [Target(separator).body(text) for text in label_set.descriptions])
        special = [tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id]
        special.append(single_token(tokenizer, separator))
        output_ids = special + sorted({token for ids in words for token in ids} - set(special))
        if decoder is None:
            decoder = _warm_started_decoder(encoder.transformer, output_ids, config.decoder_layers)
        generator = EncoderDecoderModel(encoder=encoder.transformer, decoder=decoder)
        super().__init__(
            generator=generator, tokenizer=tokenizer, encoder=encoder, output_ids=output_ids,
            label_set=label_set, config=config, separator=separator,
        )  # fmt: skip
        self.max_positions = decoder.config.max_position_embeddings
        decoder.get_input_embeddings().requires_grad_(False)

    default_prompt = Prompt("", "")  # a sentence encoder was never tuned to follow instructions

    @property
    def start_slot(self) -> int:
        return self._slots[self.tokenizer.cls_token_id]

    def _end_token(self) -> int:
        return int(self.tokenizer.sep_token_id)

    def read(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        return self.encoder.read(mask, ids=input_ids)

    def write(self, states: Tensor, mask: Tensor, decoder_ids: Tensor) -> Tensor:
        in_use = decoder_ids != self.pad_slot
        return packed.decode(self.generator.decoder, in_use, decoder_ids, states, mask)

    def _encoder_source(self) -> str | None:
        return backbone_source(self.config.backbone) or None

    def _make_bridge(self) -> Tensor:
        return self.encoder.word_embeddings.detach()[self.output_ids]

    def embed_documents(self, states: Tensor, mask: Tensor, texts: Sequence[str]) -> Tensor:
        return self.encoder.pool(states, mask)

    def recall(self, states: Tensor, mask: Tensor, texts: Sequence[str], descriptions: Tensor) -> Recalled:
        recalled = super().recall(states, mask, texts, descriptions)
        top = recalled.log_odds.topk(min(self.MEMORY_SLOTS, len(descriptions)), dim=1)  # (B, K)
        slots = descriptions[top.indices] * top.values.sigmoid().unsqueeze(-1)  # (B, K, D)
        slots = slots * descriptions.shape[1] ** 0.5  # as long as a token state
        seen = mask.new_ones(top.indices.shape)
        return recalled._replace(
            states=torch.cat([states, slots.to(states.dtype)], dim=1), mask=torch.cat([mask, seen], dim=1)
        )

    def round_weights(self) -> None:  # the decoder reads few slots at a time, which gains nothing
        self.encoder.transformer.bfloat16()

    def decoder(self, states: Tensor, mask: Tensor) -> PackedDecoder:
        return PackedDecoder(self.generator.decoder, states, mask)

    def new_parameters(self) -> Iterable[nn.Parameter]:
        return (parameter for parameter in self.generator.decoder.parameters() if parameter.requires_grad)

    def save(self, folder: Path) -> None:
        self._save_encoder(folder)
        decoder = self.generator.decoder
        (folder / "generator").mkdir(parents=True, exist_ok=True)
        decoder.config.to_json_file(folder / "generator" / "config.json")
        save_model(decoder, str(folder / "generator" / "model.safetensors"))

    @classmethod
    def build(cls, label_set: LabelSet, config: TrainingConfig) -> EmbeddedBackbone:
        """Copy a pretrained encoder's layers into a new decoder."""
        encoder = SentenceEncoder.load(backbone_source(config.backbone) or None)
        return cls(encoder=encoder, decoder=None, label_set=label_set, config=config)

    @classmethod
    def load(cls, folder: Path, label_set: LabelSet, config: TrainingConfig) -> EmbeddedBackbone:
        """Read what `save` wrote."""
        decoder = BertLMHeadModel(BertConfig.from_json_file(folder / "generator" / "config.json"))
        load_model(decoder, folder / "generator" / "model.safetensors")
        return cls(
            encoder=SentenceEncoder.load(folder / "encoder"), decoder=decoder, label_set=label_set, config=config
        )


@torch.no_grad()
def _warm_started_decoder(transformer: Any, output_ids: Sequence[int], layers: int) -> BertLMHeadModel:
    """A decoder whose layers are copies of evenly spaced encoder layers, cross-attention included."""
    if transformer.config.model_type != "bert":
        raise BackboneError(
            f"The embedded family needs a BERT sentence encoder, found {transformer.config.model_type!r}."
        )
    settings = transformer.config.to_dict() | {
        "vocab_size": len(output_ids), "num_hidden_layers": layers, "is_decoder": True,
        "add_cross_attention": True, "tie_word_embeddings": True, "pad_token_id": 0, "use_cache": True,
    }  # fmt: skip
    decoder = BertLMHeadModel(BertConfig(**settings))
    source = transformer.embeddings.state_dict()
    source["word_embeddings.weight"] = source["word_embeddings.weight"][list(output_ids)]
    decoder.bert.embeddings.load_state_dict(source)
    depth = len(transformer.encoder.layer)
    for position, layer in enumerate(decoder.bert.encoder.layer):
        state = transformer.encoder.layer[max(0, (position + 1) * depth // layers - 1)].state_dict()
        crossed = {
            name.replace("attention", "crossattention", 1): weight
            for name, weight in state.items()
            if name.startswith("attention.")
        }
        layer.load_state_dict(state | crossed)
    decoder.tie_weights()
    return decoder
