"""Frozen pretrained generators that learn through LoRA adapters, next to a separate sentence encoder (section 5)."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, Cache

from lagamc.backbone import Backbone
from lagamc.bridge import text_bridge
from lagamc.config import BACKBONES, TrainingConfig, backbone_source
from lagamc.decoder import RewindingDecoder
from lagamc.encoder import SentenceEncoder
from lagamc.errors import BackboneError
from lagamc.hub import OFFLINE, say_before_asking
from lagamc.labels import LabelSet

__all__ = ["AdapterBackbone"]


class AdapterBackbone(Backbone):
    """A generator whose weights stay as they are but for LoRA adapters; output slots are its tokens."""

    AUTO_CLASS: ClassVar[Any]  # of transformers, to load the generator with
    TASK: ClassVar[str]  # of peft
    KIND: ClassVar[str]  # in words

    def __init__(
        self, *, generator: Any, tokenizer: Any, encoder: SentenceEncoder, label_set: LabelSet, config: TrainingConfig
    ) -> None:
        size = generator.get_output_embeddings().weight.shape[0]
        super().__init__(
            generator=generator, tokenizer=tokenizer, encoder=encoder, output_ids=range(size),
            label_set=label_set, config=config, separator=config.separator or self.SEPARATOR,
        )  # fmt: skip

    SEPARATOR: ClassVar[str]

    @property
    def padding_of_a_pass(self) -> int:  # type: ignore[override]
        """On a CPU, the products of a pass over few slots take as long as of 32 more; a GPU computes them aside."""
        return 32 if self.device.type == "cpu" else sys.maxsize

    @classmethod
    @abstractmethod
    def _adapted_modules(cls, generator: Any) -> list[str]:
        """Names of the projections that get an adapter."""

    @classmethod
    @abstractmethod
    def _check(cls, generator: Any, source: str) -> None:
        """Raise BackboneError where the family cannot work with this generator."""

    @abstractmethod
    def new_cache(self, mask: Tensor) -> tuple[Cache, list[int]]:
        """An empty cache, and how many of its places the prompt of each row will take: (B, T') -> B."""

    @abstractmethod
    def extend(self, states: Tensor, mask: Tensor, decoder_ids: Tensor, decoder_mask: Tensor, cache: Cache) -> Tensor:
        """Logits (B, U, V) of slots (B, U) that follow P cached places; the cache grows by them.

        Args:
            states: (B, T', H), from `recall`.
            mask: (B, T'), from `recall`.
            decoder_ids: (B, U).
            decoder_mask: (B, P + U), zero at padding: on the left of cached places, on the right of new ones.
            cache: from `new_cache`; where prompts have their places in it, the first call fills them.
        """

    def decoder(self, states: Tensor, mask: Tensor) -> RewindingDecoder:
        return RewindingDecoder(self, states, mask)

    def _end_token(self) -> int:
        return int(self.tokenizer.eos_token_id)

    def _make_bridge(self) -> Tensor:
        return text_bridge(self.tokenizer, len(self.output_ids), self.encoder)

    def embed_documents(self, states: Tensor, mask: Tensor, texts: Sequence[str]) -> Tensor:
        return self.embed(states, mask, texts)

    def embed(self, input_ids: Tensor, mask: Tensor, texts: Sequence[str]) -> Tensor:  # the generator reads nothing
        limit = min(self.config.max_document_tokens, self.encoder.max_tokens)  # the generator may read more
        features = self.encoder.tokenize(texts, max_tokens=limit)
        embeddings: Tensor = self.encoder({name: values.to(self.device) for name, values in features.items()})
        return embeddings

    def new_parameters(self) -> Iterable[nn.Parameter]:
        return (parameter for parameter in self.generator.parameters() if parameter.requires_grad)

    def merge_adapters(self) -> None:
        if self._weight_format(self.config) == torch.float32:  # a short format would round the adapters off
            self.generator = self.generator.merge_and_unload()

    def save(self, folder: Path) -> None:
        self._save_encoder(folder)
        self.generator.save_pretrained(folder / "generator", safe_serialization=True)
        self.tokenizer.save_pretrained(folder / "tokenizer")

    @classmethod
    def build(cls, label_set: LabelSet, config: TrainingConfig) -> Self:
        """Wrap the pretrained model in fresh LoRA adapters; everything else of it is frozen."""
        from peft import LoraConfig, get_peft_model

        source = backbone_source(config.backbone)
        generator = cls._pretrained(source, config)
        adapters = LoraConfig(
            task_type=cls.TASK, r=config.lora_rank, lora_alpha=config.lora_alpha,
            lora_dropout=config.lora_dropout, target_modules=cls._adapted_modules(generator),
        )  # fmt: skip
        return cls(
            generator=get_peft_model(generator, adapters), tokenizer=_loaded(AutoTokenizer, source, "tokenizer"),
            encoder=SentenceEncoder.load(), label_set=label_set, config=config,
        )  # fmt: skip

    @classmethod
    def load(cls, folder: Path, label_set: LabelSet, config: TrainingConfig) -> Self:
        """Read what `save` wrote; the frozen base model comes from where it came from for training."""
        from peft import PeftModel

        base = cls._pretrained(backbone_source(config.backbone), config)
        return cls(
            generator=PeftModel.from_pretrained(base, str(folder / "generator")),
            tokenizer=AutoTokenizer.from_pretrained(folder / "tokenizer"),
            encoder=SentenceEncoder.load(folder / "encoder"), label_set=label_set, config=config,
        )  # fmt: skip

    @classmethod
    def _pretrained(cls, source: str, config: TrainingConfig) -> Any:
        say_before_asking(source)
        generator = _loaded(cls.AUTO_CLASS, source, cls.KIND, dtype=cls._weight_format(config))
        cls._check(generator, source)
        return generator

    @classmethod
    def _weight_format(cls, config: TrainingConfig) -> torch.dtype:
        """How frozen weights are held; adapters are float32 always."""
        return torch.float32


def _loaded(kind: Any, source: str, what: str, **options: Any) -> Any:
    """Load from a folder, a hub name, or a GGUF file in either. Raises BackboneError."""
    place, _, file = source.rpartition("/") if source.endswith(".gguf") else (source, "", "")
    if file:
        options["gguf_file"] = file
    try:
        return kind.from_pretrained(place or ".", **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise BackboneError(
            f"No {what} can be loaded from {source!r}. Use one of {', '.join(BACKBONES)}, a local folder, or a hub "
            f"name that this machine can download. {OFFLINE} What transformers says: {error}"
        ) from error
