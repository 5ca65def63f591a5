"""Where and in which number format answers are computed: faster on some processors, and never another model."""

import json

import pytest
import torch

from lagamc.backbones import build_backbone
from lagamc.classifier import Classifier
from lagamc.cli import main
from lagamc.config import TrainingConfig
from lagamc.errors import ConfigError
from lagamc.generation import generate, label_log_odds
from lagamc.loaded import megabytes
from lagamc.precision import chosen_device
from lagamc.run import train_run

TEXTS = ["a hole in the road near the shop", "loud music again", "the bins are full today, please", "today"]


def test_answers_are_those_of_float32_but_for_the_last_digits(trained):
    exact, rounded = (Classifier.load(trained / "model", precision=name) for name in ("float32", "bfloat16"))
    assert {weight.dtype for weight in rounded.backbone.encoder.transformer.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in exact.backbone.parameters()} == {torch.float32}
    assert megabytes([rounded]) < megabytes([exact])
    found = [
        [{item.match.label: item.probability for item in document.sentences} for document in answers.classify(TEXTS)]
        for answers in (exact, rounded)
    ]
    for one, another in zip(*found, strict=True):
        assert one == pytest.approx(another, abs=0.05)
    assert found[0] != found[1]
    torch.testing.assert_close(
        torch.from_numpy(rounded.embed(TEXTS)), torch.from_numpy(exact.embed(TEXTS)), atol=0.02, rtol=0
    )


@pytest.mark.parametrize("kind", ["embedded", "seq2seq", "llama", "mistral"])
@torch.inference_mode()
def test_every_family_can_be_rounded(tiny, label_set, small_encoder, kind):
    """What it writes is read off logits in float32, and what it compares off embeddings in float32."""
    torch.manual_seed(0)
    backbone = build_backbone(TrainingConfig(backbone=str(tiny[kind])), label_set).eval()
    ids = torch.tensor(backbone.tokenize(TEXTS[:1]))
    slots = torch.tensor([[backbone.start_slot, *backbone.target_slots([0, 2])]])
    vectors = backbone.encoder.encode(label_set.descriptions)

    def computed():
        states = backbone.read(ids, ids * 0 + 1)
        return backbone.write(states, ids * 0 + 1, slots).float(), torch.from_numpy(
            label_log_odds(backbone, TEXTS, vectors)
        )

    expected = computed()
    backbone.round_weights()
    assert any(weight.dtype == torch.bfloat16 for weight in backbone.generator.parameters())
    for one, another in zip(expected, computed(), strict=True):
        scale = one.abs().max()
        torch.testing.assert_close(another / scale, one / scale, atol=0.05, rtol=0)
    assert len(generate(backbone, TEXTS, vectors, max_new_tokens=12)) == len(TEXTS)


@pytest.mark.parametrize("family", ["seq2seq", "llama"])
def test_adapters_are_not_rounded_off(make_run, small_encoder, family):
    """Merged into weights of eight binary digits, what they have learnt would be lost."""
    run = make_run(family=family, epochs=1)
    train_run(run)
    for precision, merged in (("float32", True), ("bfloat16", False)):
        classifier = Classifier.load(run / "model", precision=precision)
        assert any("lora" in name for name, _ in classifier.backbone.generator.named_parameters()) is not merged
        assert len(classifier.classify(TEXTS)) == len(TEXTS)


def test_an_unknown_precision_is_refused(trained):
    with pytest.raises(ConfigError, match="precision must be one of auto, float32, bfloat16, got 'half'"):
        Classifier.load(trained / "model", precision="half")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_command_line_passes_it_on(trained, tmp_path, monkeypatch, capsys, precision):
    asked, file = [], tmp_path / "documents.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    monkeypatch.setattr("lagamc.backbone.Backbone.merge_adapters", lambda _: asked.append("float32"))
    monkeypatch.setattr("lagamc.embedded.EmbeddedBackbone.round_weights", lambda _: asked.append("bfloat16"))
    assert main(["classify", str(trained / "model"), str(file), "--precision", precision]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(TEXTS)
    assert asked == [precision]


@pytest.mark.parametrize("name", ["gpu", "mps:1", ""])
def test_a_device_that_is_not_here_is_refused_in_a_line(name):
    with pytest.raises(ConfigError) as refused:
        chosen_device(name)
    assert str(refused.value) == f"The device {name!r} cannot be used here. Use auto, cpu or cuda."
