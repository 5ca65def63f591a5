"""Weights laid out for the processor compute what the plain ones do, in little more memory."""

import pytest
import torch
from torch import nn

from lagamc.backbones import build_backbone
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.generation import generate
from lagamc.labels import LabelSet
from lagamc.loaded import megabytes
from lagamc.prepacked import PrepackedLinear, prepack

DESCRIPTIONS = {"road": "A hole in the road.", "noise": "Loud music at night.", "bins": "The bins are full."}


@pytest.fixture
def backbone(tiny):
    return build_backbone(TrainingConfig(backbone=str(tiny["embedded"])), LabelSet.from_mapping(DESCRIPTIONS)).eval()


@pytest.mark.parametrize("shape", [(1, 1, 24), (1, 7, 24), (3, 100, 24), (1500, 24)])
@pytest.mark.parametrize("gelu", [False, True])
@torch.inference_mode()
def test_a_layer_gives_the_same_for_any_number_of_tokens(shape, gelu):
    linear, states = nn.Linear(24, 40), torch.randn(shape)
    expected = nn.functional.gelu(linear(states)) if gelu else linear(states)
    torch.testing.assert_close(PrepackedLinear(linear, gelu=gelu)(states), expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_a_layer_without_bias():
    linear, states = nn.Linear(24, 40, bias=False), torch.randn(3, 24)
    torch.testing.assert_close(PrepackedLinear(linear)(states), linear(states), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["seq2seq", "llama", "mistral"])
@torch.inference_mode()
def test_adapters_are_merged_and_compute_the_same(tiny, kind):
    backbone = build_backbone(TrainingConfig(backbone=str(tiny[kind])), LabelSet.from_mapping(DESCRIPTIONS)).eval()
    for name, weight in backbone.generator.named_parameters():
        if "lora" in name:
            weight.normal_(std=0.1)
    ids = torch.tensor(backbone.tokenize(["a hole in the road"]))
    slots = torch.tensor([[backbone.start_slot, *backbone.target_slots([0, 2])]])
    vectors, texts = backbone.encoder.encode(list(DESCRIPTIONS.values())), ["a hole in the road", "bins", "loud again"]
    expected = backbone.write(backbone.read(ids, ids * 0 + 1), ids * 0 + 1, slots)
    written = generate(backbone, texts, vectors, max_new_tokens=20)
    backbone.prepack()
    assert not any(isinstance(module, nn.Linear) for module in backbone.generator.modules())
    assert not any("lora" in name for name, _ in backbone.generator.named_parameters())
    found = backbone.write(backbone.read(ids, ids * 0 + 1), ids * 0 + 1, slots)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    anew = generate(backbone, texts, vectors, max_new_tokens=20)
    assert [document.slots for document in anew] == [document.slots for document in written]


@torch.inference_mode()
def test_a_model_computes_the_same(backbone):
    ids = torch.tensor(backbone.tokenize(["a hole in the road"]))
    slots = torch.tensor([[backbone.start_slot, *backbone.target_slots([0, 2])]])
    vectors = backbone.encoder.encode(list(DESCRIPTIONS.values()))

    def computed():
        states, mask, _, log_odds = backbone.recall(backbone.read(ids, ids * 0 + 1), ids * 0 + 1, ["text"], vectors)
        return log_odds, backbone.write(states, mask, slots), backbone.encoder.encode(["The bins are full."])

    expected = computed()
    backbone.prepack()
    decoder = backbone.generator.decoder
    layers = [*backbone.encoder.transformer.encoder.layer, *decoder.bert.encoder.layer, decoder.cls]
    assert not any(isinstance(module, nn.Linear) for layer in layers for module in layer.modules())
    for found, before in zip(computed(), expected, strict=True):
        torch.testing.assert_close(found, before, atol=1e-5, rtol=1e-4)


def test_memory_grows_by_the_output_weights_alone(backbone):
    """Those are the word embeddings too, which stay as they were."""
    classifier = Classifier(backbone, LabelSet.from_mapping(DESCRIPTIONS), max_new_tokens=20)
    before, output = megabytes([classifier]), backbone.generator.decoder.cls.predictions.decoder.weight.nbytes
    backbone.prepack()
    assert megabytes([classifier]) == pytest.approx(before + output / 1024 / 1024)


def test_other_number_formats_stay_as_they_are(backbone):
    backbone.double()
    before = [type(module) for module in backbone.modules()]
    prepack(backbone)
    assert [type(module) for module in backbone.modules()] == before
