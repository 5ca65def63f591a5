"""Adapters become part of the weights that they lie beside, and the model computes what it did before."""

import pytest
import torch

from lagamc.backbones import build_backbone
from lagamc.config import TrainingConfig
from lagamc.generation import generate
from lagamc.labels import LabelSet

DESCRIPTIONS = {"road": "A hole in the road.", "noise": "Loud music at night.", "bins": "The bins are full."}


@pytest.mark.parametrize("kind", ["seq2seq", "llama", "mistral"])
@torch.inference_mode()
def test_adapters_are_merged_and_compute_the_same(tiny, kind):
    """In float64, where no two logits of a random model are nearly equal."""
    label_set = LabelSet.from_mapping(DESCRIPTIONS)
    backbone = build_backbone(TrainingConfig(backbone=str(tiny[kind])), label_set).double().eval()
    for name, weight in backbone.generator.named_parameters():
        if "lora" in name:
            weight.normal_(std=0.1)
    ids = torch.tensor(backbone.tokenize(["a hole in the road"]))
    slots = torch.tensor([[backbone.start_slot, *backbone.target_slots([0, 2])]])
    vectors, texts = backbone.encoder.encode(list(DESCRIPTIONS.values())), ["a hole in the road", "bins", "loud again"]
    expected = backbone.write(backbone.read(ids, ids * 0 + 1), ids * 0 + 1, slots)
    written = generate(backbone, texts, vectors, max_new_tokens=20)
    backbone.merge_adapters()
    assert not any("lora" in name for name, _ in backbone.generator.named_parameters())
    found = backbone.write(backbone.read(ids, ids * 0 + 1), ids * 0 + 1, slots)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    anew = generate(backbone, texts, vectors, max_new_tokens=20)
    assert [document.slots for document in anew] == [document.slots for document in written]
