"""Loading of backbones by name: fresh from pretrained models, or from a model folder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_model

from lagamc.backbone import Backbone
from lagamc.config import TrainingConfig, backbone_family, backbone_source
from lagamc.embedded import EmbeddedBackbone
from lagamc.encoder import SentenceEncoder
from lagamc.labels import LabelSet
from lagamc.seq2seq import Seq2SeqBackbone

__all__ = ["build_backbone", "load_backbone"]


def build_backbone(config: TrainingConfig, label_set: LabelSet) -> Backbone:
    """Load the pretrained models that `config.backbone` names, ready to train on this label set.

    Raises:
        BackboneError: they cannot be found or are of another family.
        LabelError: the descriptions do not suit the backbone's tokenizer or separator.
    """
    torch.manual_seed(config.seed)  # new layers start at random
    source, family = backbone_source(config.backbone), backbone_family(config.backbone)
    if family == "embedded":
        encoder = SentenceEncoder.load(source or None)
        return EmbeddedBackbone(encoder=encoder, decoder=None, label_set=label_set, config=config)
    return Seq2SeqBackbone.build(source, label_set, config)


def load_backbone(folder: Path, config: TrainingConfig, label_set: LabelSet) -> Backbone:
    """Load a trained backbone from a model folder."""
    kind = EmbeddedBackbone if backbone_family(config.backbone) == "embedded" else Seq2SeqBackbone
    backbone = kind.load(folder, label_set, config)
    load_model(backbone.scorer, folder / "encoder" / "scorer.safetensors")
    return backbone
