"""Loading of backbones by name: fresh from pretrained models, or from a model folder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_model

from lagamc.backbone import Backbone
from lagamc.causal import CausalBackbone
from lagamc.config import Family, TrainingConfig
from lagamc.embedded import EmbeddedBackbone
from lagamc.labels import LabelSet
from lagamc.seq2seq import Seq2SeqBackbone

__all__ = ["build_backbone", "load_backbone"]

_FAMILIES: dict[Family, type[EmbeddedBackbone | Seq2SeqBackbone | CausalBackbone]] = {
    kind.family: kind for kind in (EmbeddedBackbone, Seq2SeqBackbone, CausalBackbone)
}


def build_backbone(config: TrainingConfig, label_set: LabelSet) -> Backbone:
    """Load the pretrained models that `config.backbone` names, ready to train on this label set.

    Raises:
        BackboneError: they cannot be found or are of another family.
        LabelError: the descriptions do not suit the backbone's tokenizer or separator.
    """
    torch.manual_seed(config.seed)  # new layers start at random
    return _FAMILIES[config.resolved_family].build(label_set, config)


def load_backbone(folder: Path, config: TrainingConfig, label_set: LabelSet) -> Backbone:
    """Load a trained backbone from a model folder."""
    backbone = _FAMILIES[config.resolved_family].load(folder, label_set, config)
    load_model(backbone.scorer, folder / "encoder" / "scorer.safetensors")
    return backbone
