"""The seq2seq family: T5 with LoRA adapters next to a separate sentence encoder (section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from lagamc.backbone import Backbone
from lagamc.bridge import text_bridge
from lagamc.config import BACKBONES, TrainingConfig, backbone_source
from lagamc.encoder import SentenceEncoder
from lagamc.errors import BackboneError
from lagamc.labels import LabelSet
from lagamc.prompts import INSTRUCTION, TASK_DESCRIPTION, Prompt

__all__ = ["Seq2SeqBackbone"]


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

        generator = PeftModel.from_pretrained(_load_t5(backbone_source(config.backbone)), str(folder / "generator"))
        return cls(
            generator=generator, tokenizer=AutoTokenizer.from_pretrained(folder / "tokenizer"),
            encoder=SentenceEncoder.load(folder / "encoder"), label_set=label_set, config=config,
        )  # fmt: skip


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
