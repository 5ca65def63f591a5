"""Loading of pretrained models, and the one interface through which they are trained and asked.

A backbone is a generator (encoder-decoder) and the sentence encoder that is trained with it. Two
families: *embedded*, where the sentence encoder is also the generator's encoder, and *seq2seq*, a T5
with LoRA adapters next to a separate sentence encoder.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BertConfig,
    BertLMHeadModel,
    EncoderDecoderCache,
    EncoderDecoderModel,
)
from transformers.modeling_outputs import BaseModelOutput

from lagamc.bridge import text_bridge
from lagamc.config import BACKBONES, Family, TrainingConfig
from lagamc.encoder import DescriptionScorer, SentenceEncoder
from lagamc.errors import BackboneError, LabelError
from lagamc.labels import LabelSet
from lagamc.prompts import INSTRUCTION, TASK_DESCRIPTION, Prompt, Target
from lagamc.trie import DescriptionTrie

__all__ = ["Backbone", "EmbeddedBackbone", "Seq2SeqBackbone", "build_backbone", "load_backbone"]


class Backbone(nn.Module):
    """A generator over V output slots, and a sentence encoder of dimension D.

    Output slot v stands for token `output_ids[v]` of the tokenizer; `bridge[v]` is its soft-token
    embedding for the encoder.
    """

    family: ClassVar[Family]
    bridge: Tensor  # (V, D)
    max_positions: int = sys.maxsize  # slots that the decoder can take

    def __init__(
        self, *, generator: Any, tokenizer: Any, encoder: SentenceEncoder, output_ids: Sequence[int],
        label_set: LabelSet, config: TrainingConfig, separator: str,
    ) -> None:  # fmt: skip
        super().__init__()
        self.generator = generator
        self.encoder = encoder
        self.scorer = DescriptionScorer()
        self.tokenizer = tokenizer
        self.config = config
        self.target = Target(separator)
        self.target.check(label_set.descriptions)
        self.output_ids = list(output_ids)
        self._slots = {token: slot for slot, token in enumerate(self.output_ids)}
        self.separator_slot = self._slots[_single_token(tokenizer, separator)]
        self.end_slot = self._slots[self._end_token()]
        self.pad_slot = self._slots[tokenizer.pad_token_id]
        self._description_slots = [self._to_slots(self._description_tokens(text)) for text in label_set.descriptions]
        self._known = {
            tuple(slots): text for slots, text in zip(self._description_slots, label_set.descriptions, strict=True)
        }
        if len(self._known) < len(label_set):
            raise LabelError(
                "Two descriptions become the same tokens for this backbone (they differ in case or accents "
                "only), so no generated sentence could tell them apart. Reword one of them."
            )

    @property
    @abstractmethod
    def default_prompt(self) -> Prompt:
        """What this family reads before the document unless the configuration says otherwise."""

    @property
    @abstractmethod
    def start_slot(self) -> int:
        """The slot that starts every decoder input."""

    @abstractmethod
    def _end_token(self) -> int: ...

    @abstractmethod
    def embed_documents(self, states: Tensor, mask: Tensor, texts: Sequence[str]) -> Tensor:
        """Sentence-encoder embeddings (B, D) of documents whose generator states are (B, T, H)."""

    @abstractmethod
    def new_parameters(self) -> Iterable[nn.Parameter]:
        """The trained parameters that started from scratch, and so learn faster."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write encoder/, generator/, the scorer and the tokenizer; safetensors only."""

    @property
    def prompt(self) -> Prompt:
        """Instruction and task description in force."""
        default, config = self.default_prompt, self.config
        return Prompt(
            default.instruction if config.instruction is None else config.instruction,
            default.task_description if config.task_description is None else config.task_description,
        )

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.encoder.word_embeddings.device

    @cached_property
    def trie(self) -> DescriptionTrie:
        """The slots of the label set's descriptions."""
        return DescriptionTrie(self._description_slots)

    def _description_tokens(self, description: str) -> list[int]:
        ids: list[int] = self.tokenizer(self.target.body(description), add_special_tokens=False)["input_ids"]
        return ids

    def _to_slots(self, tokens: Sequence[int]) -> list[int]:
        return [self._slots[token] for token in tokens]

    def target_slots(self, labels: Sequence[int]) -> list[int]:
        """Output slots of a target: descriptions of these labels, separators between, the end."""
        slots: list[int] = []
        for label in labels:
            if slots:
                slots.append(self.separator_slot)
            slots += self._description_slots[label]
        return [*slots, self.end_slot]

    def sentence_text(self, slots: Sequence[int]) -> str:
        """Text of one generated sentence; exactly the stored description where the tokens are its own."""
        if (known := self._known.get(tuple(slots))) is not None:
            return known
        text = self.tokenizer.decode([self.output_ids[slot] for slot in slots], skip_special_tokens=True)
        return " ".join(str(text).split())

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of the prompt of each document, cut to the configured length from the end."""
        prompts = [self.prompt.render(text) for text in texts]
        ids: list[list[int]] = self.tokenizer(
            prompts, truncation=True, max_length=self.config.max_document_tokens
        )["input_ids"]  # fmt: skip
        return ids

    def longest_target(self, sentences: int) -> int:
        """Slots enough for this many sentences of the longest description."""
        return sentences * (max(map(len, self._description_slots)) + 1)

    def read(self, input_ids: Tensor, mask: Tensor) -> Tensor:  # (B, T), (B, T) -> (B, T, H)
        """Encoder states of the prompts."""
        states: Tensor = self.generator.get_encoder()(input_ids=input_ids, attention_mask=mask).last_hidden_state
        return states

    def recall(
        self, states: Tensor, mask: Tensor, texts: Sequence[str], descriptions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the decoder attends to, once the documents are compared with (L, D) descriptions.

        Returns:
            states (B, T', H), their mask (B, T'), and log-odds (B, L) that a document carries a label.
        """
        return states, mask, self.scorer(self.embed_documents(states, mask, texts), descriptions)

    def write(self, states: Tensor, mask: Tensor, decoder_ids: Tensor) -> Tensor:
        """Teacher forcing. (B, T', H), (B, T'), (B, U) -> logits (B, U, V)."""
        logits: Tensor = self.generator(
            encoder_outputs=BaseModelOutput(last_hidden_state=states), attention_mask=mask,
            decoder_input_ids=decoder_ids, use_cache=False,
        ).logits  # fmt: skip
        return logits

    def extend(
        self, states: Tensor, mask: Tensor, decoder_ids: Tensor, decoder_mask: Tensor, cache: EncoderDecoderCache
    ) -> Tensor:
        """Logits (B, U, V) of slots (B, U) that follow P cached ones; the cache grows by them.

        Args:
            states: (B, T', H), from `recall`.
            mask: (B, T'), from `recall`.
            decoder_ids: (B, U).
            decoder_mask: (B, P + U), zero at padding: on the left of cached slots, on the right of new ones.
            cache: keys and values of the P slots.
        """
        logits: Tensor = self.generator(
            encoder_outputs=BaseModelOutput(last_hidden_state=states), attention_mask=mask,
            decoder_input_ids=decoder_ids, decoder_attention_mask=decoder_mask, past_key_values=cache,
            use_cache=True, **self._positions(decoder_mask, decoder_ids.shape[1]),
        ).logits  # fmt: skip
        return logits

    def _positions(self, decoder_mask: Tensor, count: int) -> dict[str, Tensor]:
        """Arguments that tell the decoder where its last `count` slots stand; T5 measures distances instead."""
        return {}

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """{name: parameter} of everything that learns."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def _save_encoder(self, folder: Path) -> None:
        self.encoder.save(folder / "encoder")
        save_model(self.scorer, str(folder / "encoder" / "scorer.safetensors"))

    def _freeze_word_embeddings(self) -> None:
        self.encoder.word_embeddings.requires_grad_(False)
        pooler = getattr(self.encoder.transformer, "pooler", None)
        if pooler is not None:
            pooler.requires_grad_(False)  # plays no part in mean pooling


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
        tokenizer = encoder.tokenizer
        separator = config.separator or self.SEPARATOR
        if separator == self.SEPARATOR:
            tokenizer.add_special_tokens({"additional_special_tokens": [separator]})
        words = tokenizer([Target(separator).body(text) for text in label_set.descriptions], add_special_tokens=False)
        special = [tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id]
        special.append(_single_token(tokenizer, separator))
        output_ids = special + sorted({token for ids in words["input_ids"] for token in ids} - set(special))
        if decoder is None:
            decoder = _warm_started_decoder(encoder.transformer, output_ids, config.decoder_layers)
        generator = EncoderDecoderModel(encoder=encoder.transformer, decoder=decoder)
        super().__init__(
            generator=generator, tokenizer=tokenizer, encoder=encoder, output_ids=output_ids,
            label_set=label_set, config=config, separator=separator,
        )  # fmt: skip
        self.register_buffer("bridge", encoder.word_embeddings.detach()[output_ids].clone(), persistent=False)
        self.max_positions = decoder.config.max_position_embeddings
        self._freeze_word_embeddings()
        decoder.get_input_embeddings().requires_grad_(False)

    default_prompt = Prompt("", "")  # a sentence encoder was never tuned to follow instructions

    @property
    def start_slot(self) -> int:
        return self._slots[self.tokenizer.cls_token_id]

    def _end_token(self) -> int:
        return int(self.tokenizer.sep_token_id)

    def embed_documents(self, states: Tensor, mask: Tensor, texts: Sequence[str]) -> Tensor:
        return self.encoder.pool(states, mask)

    def recall(
        self, states: Tensor, mask: Tensor, texts: Sequence[str], descriptions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        _, _, log_odds = super().recall(states, mask, texts, descriptions)
        top = log_odds.topk(min(self.MEMORY_SLOTS, log_odds.shape[1]), dim=1)  # (B, K)
        slots = descriptions[top.indices] * top.values.sigmoid().unsqueeze(-1)  # (B, K, D)
        slots = slots * descriptions.shape[1] ** 0.5  # as long as a token state
        seen = mask.new_ones(top.indices.shape)
        return torch.cat([states, slots.to(states.dtype)], dim=1), torch.cat([mask, seen], dim=1), log_odds

    def _positions(self, decoder_mask: Tensor, count: int) -> dict[str, Tensor]:
        return {"decoder_position_ids": (decoder_mask.cumsum(dim=1) - 1)[:, -count:]}

    def new_parameters(self) -> Iterable[nn.Parameter]:
        return (parameter for parameter in self.generator.decoder.parameters() if parameter.requires_grad)

    def save(self, folder: Path) -> None:
        self._save_encoder(folder)
        decoder = self.generator.decoder
        (folder / "generator").mkdir(parents=True, exist_ok=True)
        decoder.config.to_json_file(folder / "generator" / "config.json")
        save_model(decoder, str(folder / "generator" / "model.safetensors"))

    @classmethod
    def load(cls, folder: Path, label_set: LabelSet, config: TrainingConfig) -> EmbeddedBackbone:
        """Read what `save` wrote."""
        decoder = BertLMHeadModel(BertConfig.from_json_file(folder / "generator" / "config.json"))
        load_model(decoder, folder / "generator" / "model.safetensors")
        return cls(
            encoder=SentenceEncoder.load(folder / "encoder"), decoder=decoder, label_set=label_set, config=config
        )


class Seq2SeqBackbone(Backbone):
    """T5 or FLAN-T5 with LoRA on q and v, next to a separate sentence encoder (section 5)."""

    family = "seq2seq"
    SEPARATOR: ClassVar[str] = "<extra_id_0>"

    def __init__(
        self, *, generator: Any, tokenizer: Any, encoder: SentenceEncoder, label_set: LabelSet, config: TrainingConfig
    ) -> None:
        size = generator.get_output_embeddings().weight.shape[0]
        super().__init__(
            generator=generator, tokenizer=tokenizer, encoder=encoder, output_ids=range(size),
            label_set=label_set, config=config, separator=config.separator or self.SEPARATOR,
        )  # fmt: skip
        self.register_buffer("bridge", text_bridge(tokenizer, size, encoder), persistent=False)
        self._freeze_word_embeddings()

    default_prompt = Prompt(INSTRUCTION, TASK_DESCRIPTION)

    @property
    def start_slot(self) -> int:
        return int(self.generator.config.decoder_start_token_id)

    def _end_token(self) -> int:
        return int(self.tokenizer.eos_token_id)

    def embed_documents(self, states: Tensor, mask: Tensor, texts: Sequence[str]) -> Tensor:
        features = self.encoder.tokenize(texts, max_tokens=self.config.max_document_tokens)
        embeddings: Tensor = self.encoder({name: values.to(self.device) for name, values in features.items()})
        return embeddings

    def new_parameters(self) -> Iterable[nn.Parameter]:
        return (parameter for parameter in self.generator.parameters() if parameter.requires_grad)

    def save(self, folder: Path) -> None:
        self._save_encoder(folder)
        self.generator.save_pretrained(folder / "generator", safe_serialization=True)
        self.tokenizer.save_pretrained(folder / "tokenizer")

    @classmethod
    def build(cls, source: str, label_set: LabelSet, config: TrainingConfig) -> Seq2SeqBackbone:
        """Wrap the pretrained model in fresh LoRA adapters; everything else of it is frozen."""
        from peft import LoraConfig, get_peft_model

        adapters = LoraConfig(
            task_type="SEQ_2_SEQ_LM", r=config.lora_rank, lora_alpha=config.lora_alpha,
            lora_dropout=config.lora_dropout, target_modules=["q", "v"],
        )  # fmt: skip
        generator = get_peft_model(_load_t5(source), adapters)
        tokenizer = AutoTokenizer.from_pretrained(source)
        return cls(
            generator=generator, tokenizer=tokenizer, encoder=SentenceEncoder.load(), label_set=label_set, config=config
        )

    @classmethod
    def load(cls, folder: Path, label_set: LabelSet, config: TrainingConfig) -> Seq2SeqBackbone:
        """Read what `save` wrote; the frozen base model comes from where it came from for training."""
        from peft import PeftModel

        generator = PeftModel.from_pretrained(_load_t5(_source(config.backbone)), str(folder / "generator"))
        return cls(
            generator=generator, tokenizer=AutoTokenizer.from_pretrained(folder / "tokenizer"),
            encoder=SentenceEncoder.load(folder / "encoder"), label_set=label_set, config=config,
        )  # fmt: skip


def build_backbone(config: TrainingConfig, label_set: LabelSet) -> Backbone:
    """Load the pretrained models that `config.backbone` names, ready to train on this label set.

    Raises:
        BackboneError: they cannot be found or are of another family.
        LabelError: the descriptions do not suit the backbone's tokenizer or separator.
    """
    torch.manual_seed(config.seed)  # new layers start at random
    source, family = _source(config.backbone), _family(config.backbone)
    if family == "embedded":
        encoder = SentenceEncoder.load(source or None)
        return EmbeddedBackbone(encoder=encoder, decoder=None, label_set=label_set, config=config)
    return Seq2SeqBackbone.build(source, label_set, config)


def load_backbone(folder: Path, config: TrainingConfig, label_set: LabelSet) -> Backbone:
    """Load a trained backbone from a model folder."""
    kind = EmbeddedBackbone if _family(config.backbone) == "embedded" else Seq2SeqBackbone
    backbone = kind.load(folder, label_set, config)
    load_model(backbone.scorer, folder / "encoder" / "scorer.safetensors")
    return backbone


def _source(name: str) -> str:
    return BACKBONES[name].source if name in BACKBONES else name


def _family(name: str) -> Family:
    if name in BACKBONES:
        return BACKBONES[name].family
    return "embedded" if (Path(name) / "modules.json").exists() else "seq2seq"


def _load_t5(source: str) -> Any:
    try:
        model = AutoModelForSeq2SeqLM.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        raise BackboneError(
            f"No sequence-to-sequence model can be loaded from {source!r}: {error}. "
            f"Use one of {', '.join(BACKBONES)}, a local folder, or a hub name that this machine can download."
        ) from error
    if model.config.model_type not in ("t5", "mt5"):
        raise BackboneError(f"{source!r} is a {model.config.model_type!r} model; T5 models are supported.")
    return model


def _single_token(tokenizer: Any, separator: str) -> int:
    ids: list[int] = tokenizer(separator, add_special_tokens=False)["input_ids"]
    if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
        raise BackboneError(f"The separator {separator!r} is {len(ids)} tokens for this backbone; it must be one.")
    return ids[0]


@torch.no_grad()
def _warm_started_decoder(transformer: Any, output_ids: Sequence[int], layers: int) -> BertLMHeadModel:
    """A decoder whose layers are copies of evenly spaced encoder layers, cross-attention included."""
    if transformer.config.model_type != "bert":
        raise BackboneError(
            f"The embedded family needs a BERT sentence encoder, found {transformer.config.model_type!r}."
        )
    settings = transformer.config.to_dict() | {
        "vocab_size": len(output_ids), "num_hidden_layers": layers, "is_decoder": True,
        "add_cross_attention": True, "tie_word_embeddings": True, "pad_token_id": 0,
    }  # fmt: skip
    decoder = BertLMHeadModel(BertConfig(**settings))
    source = transformer.embeddings.state_dict()
    source["word_embeddings.weight"] = source["word_embeddings.weight"][list(output_ids)]
    decoder.bert.embeddings.load_state_dict(source)
    depth = len(transformer.encoder.layer)
    for position, layer in enumerate(decoder.bert.encoder.layer):
        state = transformer.encoder.layer[(position + 1) * depth // layers - 1].state_dict()
        crossed = {
            name.replace("attention", "crossattention", 1): weight
            for name, weight in state.items()
            if name.startswith("attention.")
        }
        layer.load_state_dict(state | crossed)
    decoder.tie_weights()
    return decoder
