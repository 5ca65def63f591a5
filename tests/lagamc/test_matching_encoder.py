"""Sentences are matched by the encoder that the configuration names; generation is the trained one's business."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from tiny_models import build_tiny_embedded

from lagamc.backbones import build_backbone
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.encoder import SentenceEncoder
from lagamc.errors import BackboneError
from lagamc.evaluation import evaluate_classifier, rematched
from lagamc.run import train_run

TEXTS = ["a hole in the road", "loud drum please"]


def build(tiny, label_set, matcher, family="embedded"):
    backbone = build_backbone(TrainingConfig(backbone=str(tiny[family]), matcher=matcher), label_set).eval()
    with torch.no_grad():  # as training does
        for parameter in backbone.encoder.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return backbone


@torch.no_grad()
def talkative(backbone):
    """A model that has learnt nothing may end at once; this one writes words to the last slot."""
    silence = [backbone.end_slot, backbone.separator_slot, backbone.pad_slot]
    backbone.generator.decoder.cls.predictions.bias[silence] = -1e4
    return backbone


@pytest.mark.parametrize("family", ["embedded", "llama"])
def test_the_frozen_matcher_is_the_encoder_before_training(tiny, label_set, family, small_encoder):
    frozen = build(tiny, label_set, "frozen", family)
    expected = SentenceEncoder.load(tiny["embedded"]).eval().encode(TEXTS)
    torch.testing.assert_close(frozen.matching_encoder.encode(TEXTS), expected)
    trained = build(tiny, label_set, "trained", family)
    assert trained.matching_encoder is trained.encoder
    assert not torch.allclose(trained.matching_encoder.encode(TEXTS), expected, atol=1e-2)


def test_a_matcher_is_no_part_of_the_model(tiny, label_set):
    """It is not trained, counted or saved."""
    backbone, plain = build(tiny, label_set, "frozen"), build(tiny, label_set, "trained")
    assert backbone.matching_encoder is backbone.matching_encoder
    assert backbone.state_dict().keys() == plain.state_dict().keys()


def test_any_sentence_transformer_matches(tiny, label_set, tmp_path):
    """Also one of another vocabulary; the generated sentences stay the same, their cosines do not."""
    other = build_tiny_embedded(tmp_path / "other", ["quite other words there"])
    results = {
        name: Classifier(talkative(build(tiny, label_set, name)), label_set, max_new_tokens=12).classify(TEXTS)
        for name in ("trained", str(other))
    }
    trained, foreign = results.values()
    written = [[sentence.text for sentence in result.sentences] for result in trained]
    assert written == [[sentence.text for sentence in result.sentences] for result in foreign]
    assert all(written)
    encoder = SentenceEncoder.load(other).eval()
    for result in foreign:
        for sentence in result.sentences:
            cosines = encoder.encode([sentence.text]) @ encoder.encode(label_set.descriptions).T
            assert sentence.match.cosine == pytest.approx(cosines.max().item(), abs=1e-5)
            assert sentence.match.label == label_set.names[int(cosines.argmax())]


def test_a_matcher_that_is_nowhere_is_named(tiny, label_set, make_run):
    """In a run before its first step."""
    with pytest.raises(BackboneError, match="No sentence transformer can be loaded from /nowhere"):
        Classifier(build(tiny, label_set, "/nowhere"), label_set, max_new_tokens=9)
    said: list[str] = []
    teller = SimpleNamespace(on_event=lambda name, _: said.append(name))
    with pytest.raises(BackboneError, match="No sentence transformer can be loaded from /nowhere"):
        train_run(make_run(matcher="/nowhere", epochs=1), callbacks=[teller])
    assert "step" not in said


def test_a_model_keeps_its_matcher(make_run, tiny):
    folder = make_run(matcher="frozen", epochs=1)
    train_run(folder)
    classifier = Classifier.load(folder / "model")
    expected = SentenceEncoder.load(tiny["embedded"]).eval().encode(TEXTS)
    torch.testing.assert_close(classifier.backbone.matching_encoder.encode(TEXTS), expected)


def test_a_sentence_matched_anew_to_another_label_is_decided_by_its_cosine(trained, corpora, tiny):
    """The probability that it had is that of the label it was matched to before."""
    report = evaluate_classifier(Classifier.load(trained / "model"), corpora["test"])
    names = report.label_set.names
    following = dict(zip(names, [*names[1:], names[0]], strict=True))

    def matched_wrongly(item):
        return dataclasses.replace(item, match=dataclasses.replace(item.match, label=following[item.match.label]))

    wrong = [
        dataclasses.replace(result, sentences=tuple(map(matched_wrongly, result.sentences)))
        for result in report.results
    ]
    for before, kept in ((report, True), (dataclasses.replace(report, results=tuple(wrong)), False)):
        anew = rematched(before, str(tiny["embedded"]))
        written = [item for result in anew.results for item in result.sentences if item.written]
        own = [item for item in written if item.text in report.label_set.descriptions]
        assert own
        assert {item.probability is not None for item in own} == {kept}
