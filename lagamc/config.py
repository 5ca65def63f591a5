"""Settings of a training run. They check themselves, and travel as JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lagamc.errors import ConfigError

__all__ = [
    "BACKBONES",
    "EPOCH_RANGE",
    "PRECISIONS",
    "BackbonePreset",
    "Family",
    "TrainingConfig",
    "backbone_family",
    "backbone_source",
    "backbone_uses_lora",
    "recommended_epochs",
]

Family = Literal["embedded", "seq2seq", "causal"]
Precision = Literal["auto", "float32", "bfloat16"]  # auto: bfloat16 where the processor multiplies in it
PRECISIONS: tuple[Precision, ...] = typing.get_args(Precision)
Metric = Literal[  # the first is the mean of the next two
    "micro_macro_f1", "micro_f1", "macro_f1", "weighted_f1", "sample_f1", "jaccard", "subset_accuracy"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class BackbonePreset:
    """A named pretrained model. `source` is a hub name, or empty where a package carries the weights."""

    name: str
    family: Family
    source: str
    help: str


BACKBONES: dict[str, BackbonePreset] = {
    preset.name: preset
    for preset in (
        BackbonePreset("minilm", "embedded", "", "25 M parameters, built in; trains on a CPU in minutes."),
        BackbonePreset("flan-t5-small", "seq2seq", "google/flan-t5-small", "77 M, LoRA; downloads 0.3 GB."),
        BackbonePreset("flan-t5-base", "seq2seq", "google/flan-t5-base", "250 M, LoRA; wants a GPU."),
        BackbonePreset("flan-t5-large", "seq2seq", "google/flan-t5-large", "The paper's; 780 M, wants a GPU."),
        BackbonePreset("flan-t5-xl", "seq2seq", "google/flan-t5-xl", "2.8 B, LoRA; wants a GPU of 24 GB."),
        BackbonePreset("t5-base", "seq2seq", "google-t5/t5-base", "220 M, LoRA; wants a GPU."),
        BackbonePreset("t5-large", "seq2seq", "google-t5/t5-large", "740 M, LoRA; wants a GPU."),
        BackbonePreset(
            "smollm2-135m", "causal", "HuggingFaceTB/SmolLM2-135M-Instruct", "135 M, LoRA; downloads 0.3 GB."
        ),
        BackbonePreset("mistral-7b", "causal", "mistralai/Mistral-7B-Instruct-v0.3", "7 B, LoRA; GPU of 24 GB."),
        BackbonePreset("llama-3.1-8b", "causal", "meta-llama/Llama-3.1-8B-Instruct", "8 B, LoRA; GPU of 24 GB."),
    )
}

_DOCUMENTS_SEEN = 8_000  # in all the epochs of a small collection together, within EPOCH_RANGE
EPOCH_RANGE = (3, 15)
_COMPUTING = ("device", "precision", "checkpoint_seconds", "gradient_checkpointing", "accumulation_steps")


def recommended_epochs(documents: int) -> int:
    """Epochs that suit a collection of this size: fewer passes the more documents there are."""
    low, high = EPOCH_RANGE
    return max(low, min(high, math.ceil(_DOCUMENTS_SEEN / max(documents, 1))))


def backbone_source(name: str) -> str:
    """Where a backbone is loaded from: the preset's hub name, or the folder or hub name itself."""
    return BACKBONES[name].source if name in BACKBONES else name


def backbone_family(name: str) -> Family:
    """The family of a preset, a local folder, a GGUF file or a hub name.

    A folder's own files tell: that of a sentence transformer is embedded, and config.json says whether there
    is an encoder. A hub name is asked nothing: T5 has its name in it, and other models are causal.

    Raises:
        ConfigError: a folder's config.json is damaged, or the name can be none of these.
    """
    if name in BACKBONES:
        return BACKBONES[name].family
    config = Path(name) / "config.json"
    try:
        described, sentence_transformer = config.exists(), config.with_name("modules.json").exists()
    except (OSError, ValueError) as error:
        raise ConfigError(f"backbone cannot be {name[:60]!r}: {error}. Choose a folder or a hub name.") from error
    if sentence_transformer or name.startswith("sentence-transformers/"):
        return "embedded"
    if described:
        try:
            return "seq2seq" if json.loads(config.read_bytes()).get("is_encoder_decoder") else "causal"
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigError(f"{config} cannot be read: {error}. Choose a folder that holds a model.") from error
    return "seq2seq" if "t5" in Path(name).name.lower() else "causal"


def backbone_uses_lora(name: str) -> bool:
    """Whether LoRA settings apply."""
    return backbone_family(name) != "embedded"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """All settings of one run. Lengths are in tokens, rates per optimiser step.

    Raises:
        ConfigError: a value lies outside its range, which the message names.
    """

    backbone: str = "minilm"  # a name in BACKBONES, a local folder, or a hub name
    family: Literal["auto", "embedded", "seq2seq", "causal"] = "auto"  # auto: backbone_family(backbone)
    epochs: int | None = None  # None: recommended_epochs(number of training documents)
    learning_rate: float = 1e-4
    new_layer_rate: float = 5.0  # times learning_rate, for what starts untrained: new layers, LoRA adapters
    batch_size: int = 16
    warmup_fraction: float = 0.1
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    metric: Metric = "micro_macro_f1"  # on dev; chooses the epoch and the rule
    patience: int | None = None  # epochs without a better figure before stopping early; None: does not stop early
    decoder_layers: int = 1  # embedded family
    lora_rank: int = 2  # seq2seq and causal families; the paper's, section 6, which does not name alpha and dropout
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    initial_lambda: float = 0.5  # share of the cross-entropy term at step 0 (eq. 1)
    lambda_bounds: tuple[float, float] = (0.2, 0.8)
    lambda_mode: Literal["learned", "fixed", "one"] = "learned"  # one: without the cosine term, an ablation
    soft_tokens: Literal["softmax", "straight-through", "gumbel"] = "softmax"  # see lagamc.soft_tokens
    cosine_sentences: int = 8  # sentences a step that the cosine term is estimated on
    description_weight: float = 1.0  # weight of the document-to-description term
    self_distillation: float = 0.8  # of that term's targets, in the last epoch: what the model said an epoch before
    descriptions_per_step: int = 64  # labels compared in that term at a time; all of them where there are fewer
    instruction: str | None = None  # None: what suits the backbone
    task_description: str | None = None
    separator: str | None = None  # None: a token that no description can contain
    max_document_tokens: int = 512  # of what a document makes, with the prompt, the first ones are read
    matcher: str = "trained"  # encoder that matches sentences: trained, frozen, or a sentence transformer
    threshold: float = 0.4  # cosine below which a written sentence counts as not written (section 8.5)
    decision: Literal["probability", "written"] = "probability"  # written: each sentence decides, as in the paper
    neighbour_share: float = 0.4  # of a probability: what the nearest training documents carry (lagamc.neighbours)
    seed: int = 13
    device: str = "auto"
    precision: Precision = "auto"
    gradient_checkpointing: bool = False  # less memory for a third more time
    accumulation_steps: int = 1  # parts that a batch is computed in, for less memory and the same step
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        self._text("backbone", f"one of {', '.join(BACKBONES)}, a folder, or a hub name")
        self._text("matcher", "trained, frozen, or a sentence transformer's folder or hub name")
        self._text("device", "auto, cpu or cuda")
        for name in ("instruction", "task_description", "separator"):
            if not isinstance(value := getattr(self, name), str | None):
                raise ConfigError(f"{name} must be a text or null, got {value!r}.")
        if self.separator == "":
            raise ConfigError(
                "separator is empty, so a target could not be split. Give a token, or null for the usual."
            )
        if self.epochs is not None:
            self._whole("epochs", 1, 1000)
        self._within("learning_rate", 1e-7, 1.0)
        self._within("new_layer_rate", 0.1, 1000)
        self._whole("batch_size", 1, 1024)
        self._within("warmup_fraction", 0.0, 0.9)
        self._within("weight_decay", 0.0, 1.0)
        self._within("max_gradient_norm", 0.01, 1000)
        if self.patience is not None:
            self._whole("patience", 1, 1000)
        self._whole("decoder_layers", 1, 6)
        self._whole("lora_rank", 1, 256)
        self._whole("lora_alpha", 1, 1024)
        self._within("lora_dropout", 0.0, 0.9)
        self._whole("cosine_sentences", 1, 4096)
        self._within("description_weight", 0.0, 100.0)
        self._within("self_distillation", 0.0, 1.0)
        self._whole("descriptions_per_step", 2, 4096)
        self._whole("max_document_tokens", 8, 4096)
        self._within("threshold", -1.0, 1.0)
        self._within("neighbour_share", 0.0, 1.0)
        self._within("checkpoint_seconds", 0.0, 86_400.0)
        self._whole("seed", 0, 2**32 - 1)
        low, high = self._checked_bounds()
        self._within("initial_lambda", *((low, high) if self.lambda_mode == "learned" else (0.0, 1.0)))
        self._whole("accumulation_steps", 1, self.batch_size)
        self._one_of("lambda_mode", "learned", "fixed", "one")
        self._one_of("soft_tokens", "softmax", "straight-through", "gumbel")
        self._one_of("family", "auto", *typing.get_args(Family))
        if self.backbone in BACKBONES and self.family not in ("auto", own := BACKBONES[self.backbone].family):
            raise ConfigError(f"family must be auto or {own} for the backbone {self.backbone}, got {self.family!r}.")
        self._one_of("metric", *typing.get_args(Metric))
        self._one_of("decision", "probability", "written")
        self._one_of("precision", *PRECISIONS)
        if not isinstance(self.gradient_checkpointing, bool):
            raise ConfigError(f"gradient_checkpointing must be true or false, got {self.gradient_checkpointing!r}.")

    def _within(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not _is_number(value) or not low <= value <= high:
            raise ConfigError(f"{name} must lie between {low:g} and {high:g}, got {value!r}.")

    def _whole(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if not _is_number(value) or not isinstance(value, int):
            raise ConfigError(f"{name} must be a whole number between {low} and {high}, got {value!r}.")
        self._within(name, low, high)

    def _text(self, name: str, wanted: str) -> None:
        if not isinstance(value := getattr(self, name), str) or not value.strip():
            raise ConfigError(f"{name} must be {wanted}; got {value!r}.")

    def _checked_bounds(self) -> tuple[float, float]:
        """The two bounds of lambda, as a tuple from here on: JSON has lists alone."""
        found: Any = self.lambda_bounds
        rising = isinstance(found, list | tuple) and len(found) == 2 and all(map(_is_number, found))
        if not rising or not 0.0 <= found[0] < found[1] <= 1.0:
            raise ConfigError(f"lambda_bounds must be two rising numbers in [0, 1], got {found!r}.")
        object.__setattr__(self, "lambda_bounds", (found[0], found[1]))
        return self.lambda_bounds

    def _one_of(self, name: str, *known: object) -> None:
        if (value := getattr(self, name)) not in known:
            raise ConfigError(f"{name} must be one of {', '.join(map(str, known))}, got {value!r}.")

    @property
    def resolved_family(self) -> Family:
        """The family in force."""
        return backbone_family(self.backbone) if self.family == "auto" else self.family

    @property
    def hash(self) -> str:
        """sha256, in hex, of the settings that decide what is learnt: not of those of where and how it is computed."""
        settings = {name: value for name, value in self.to_dict().items() if name not in _COMPUTING}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """All settings as JSON-able values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """The inverse of `to_dict`; settings that are left out take their default.

        Raises:
            ConfigError: a name is unknown or a value is out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ConfigError(f"Unknown settings: {', '.join(unknown)}. The known ones are {', '.join(sorted(known))}.")
        return cls(**values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
