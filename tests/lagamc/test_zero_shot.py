"""Labels that were added after training: known by their descriptions, marked wherever they show."""

import json

import numpy as np
import pytest

from lagamc import zero_shot
from lagamc.classifier import Classifier
from lagamc.cli import main
from lagamc.contrast import Contrast, Contrasts
from lagamc.corpus import Corpus, Example
from lagamc.decision import DecisionRule
from lagamc.errors import Cancelled, DatasetError, LabelError
from lagamc.honesty import honesty_report
from lagamc.labels import Label
from lagamc.loaded import megabytes
from lagamc.teacher_forcing import teacher_forced
from lagamc.zero_shot import ZeroShotScore, calibrated, fitted

SHOP = Label("shop", "Somebody writes about a shop near here today.")
TEXTS = ["a hole in the tarmac near the shop", "loud party", "please again today"]


@pytest.fixture
def classifier(trained):
    return Classifier.load(trained / "model")


def test_what_a_model_writes_does_not_change(classifier):
    before = classifier.classify(TEXTS)
    widened = classifier.with_labels([SHOP])
    assert widened.zero_shot == ("shop",)
    assert classifier.zero_shot == ()
    for old, new in zip(before, widened.classify(TEXTS), strict=True):
        assert [item.text for item in new.sentences if item.written] == [item.text for item in old.sentences
                                                                        if item.written]  # fmt: skip
        assert set(new.labels) - {"shop"} == set(old.labels)
    assert megabytes([classifier, widened]) == pytest.approx(megabytes([widened]), rel=0.01)


@pytest.mark.parametrize(("offset", "given"), [(50.0, True), (-50.0, False)])
def test_an_added_label_is_given_where_it_is_more_probable_than_not(trained, offset, given):
    """By its own threshold, whatever the rule says of labels that the model could have written."""
    manifest = json.loads((trained / "model" / "manifest.json").read_text())
    assert manifest["rule"].keys() == {"written", "unwritten", "added"}
    assert manifest["zero_shot"].keys() == {"cosine", "doubt", "offset"}
    classifier = Classifier.load(trained / "model")
    classifier._zero_shot = ZeroShotScore(1.0, 0.0, offset)
    widened = classifier.with_labels([SHOP])
    [result] = widened.classify(TEXTS[:1])
    assert ("shop" in result.labels) == given
    found = [item for item in result.sentences if item.match.label == "shop"]
    assert [(item.text, item.zero_shot, item.written) for item in found] == [(SHOP.description, True, False)] * given
    assert not any(item.zero_shot for item in result.sentences if item.match.label != "shop")
    assert result.decide(result.threshold).labels == result.labels
    assert result.untrained == ("shop",) * given


def test_few_documents_leave_the_defaults():
    """Where many probabilities do equally well, the middle one is taken: the lowest would give the label to most."""
    carried = np.tile(np.eye(3, dtype=bool), (4, 1))
    cosines, sure = 0.1 + 0.8 * carried, np.where(carried, 0.99, 0.01)
    assert fitted(cosines[:9], sure[:9], carried[:9]) == (ZeroShotScore(), 0.5)
    score, enough = fitted(cosines[:10], sure[:10], carried[:10])
    assert score != ZeroShotScore()
    assert 0.3 < enough < 0.4


def test_the_score_is_fitted_as_if_each_label_had_been_added():
    """Near descriptions and a model in doubt speak for a label; without evidence defaults stand."""
    chooser = np.random.default_rng(5)
    carried = np.zeros((600, 6), bool)
    carried[np.arange(600), chooser.integers(0, 6, 600)] = True
    cosines = 0.2 + 0.3 * carried + chooser.normal(0, 0.15, carried.shape)
    sure = np.where(carried, 0.99, 0.01)
    score, enough = fitted(cosines, sure, carried)
    assert score.cosine > 5
    assert 0.2 < enough < 0.6
    rare = carried & (np.arange(6) == 2)  # the others are in doubt where it lies
    told, _ = fitted(cosines, np.where(rare[:, [2]], 0.5, 0.001 + 0.0 * cosines), rare)
    assert told.doubt > 2
    odds = told.log_odds(np.array([[0.5, 0.1], [0.5, 0.1]]), np.array([[0.5], [1.0]]))
    assert odds[0, 0] > odds[0, 1]
    assert odds[0, 0] > odds[1, 0]
    for nothing in (np.zeros((3, 2), bool), np.ones((3, 2), bool)):
        assert fitted(np.zeros((3, 2)), np.zeros((3, 2)), nothing) == (ZeroShotScore(), 0.5)


def test_a_score_that_noise_has_turned_upside_down_is_not_taken():
    cosines = np.array([[0.9, 0.1], [0.1, 0.9], [0.8, 0.2]])
    assert fitted(cosines, np.full((3, 2), 0.5), cosines < 0.5) == (ZeroShotScore(), 0.5)


def test_a_sentence_nearest_to_an_added_description_is_of_that_label(classifier):
    [match] = classifier.with_labels([SHOP])._matched([SHOP.description]).values()
    assert match.label == "shop"
    assert match.cosine == pytest.approx(1.0, abs=1e-5)


def test_labels_that_are_there_already_are_refused(classifier):
    own = classifier.label_set[0]
    with pytest.raises(LabelError, match="Two labels"):
        classifier.with_labels([Label(own.name, "Something else.")])
    with pytest.raises(LabelError, match="the same description"):
        classifier.with_labels([Label("another", own.description.upper())])
    with pytest.raises(LabelError, match="No description for: empty"):
        classifier.with_labels([Label("empty", "")])


def test_half_a_character_in_a_document_is_refused_by_its_number(classifier):
    """The tokenizer would fail on the whole batch; the documents before its chunk have their answers."""
    stream = classifier.stream(["a hole", "cut \ud83d here"], chunk=1)
    assert next(stream)
    with pytest.raises(DatasetError, match=r"'\\ud83d', half of a character, stands in document 2"):
        next(stream)


def test_the_command_line_adds_the_labels_that_a_model_does_not_know(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ZeroShotScore, "log_odds", lambda self, cosines, top: np.full_like(cosines, 9.0))
    labels, documents = tmp_path / "labels.json", tmp_path / "documents.jsonl"
    labels.write_text(json.dumps({"road": "Described anew.", SHOP.name: SHOP.description}), encoding="utf-8")
    rows = [{"text": text, "labels": ["shop"]} for text in TEXTS]
    documents.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert main(["evaluate", str(trained / "model"), str(documents), "--labels", str(labels), "--json"]) == 0
    printed = capsys.readouterr()
    assert "these keep the descriptions that they were trained with: road. Train again" in printed.err
    report = json.loads(printed.out)
    assert {label["name"]: label["support"] for label in report["labels"]}["shop"] == 3
    assert report["unseen"]["labels"] == ["shop"]
    assert main(["classify", str(trained / "model"), str(documents), "--labels", str(labels), "--json"]) == 0
    sentences = [item for line in capsys.readouterr().out.splitlines() for item in json.loads(line)["sentences"]]
    assert {item["match"]["label"] for item in sentences if item["zero_shot"]} == {"shop"}


def test_an_added_label_is_marked_in_what_the_command_line_prints(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ZeroShotScore, "log_odds", lambda self, cosines, top: np.full_like(cosines, 9.0))
    labels, documents = tmp_path / "labels.json", tmp_path / "documents.jsonl"
    labels.write_text(json.dumps({SHOP.name: SHOP.description}), encoding="utf-8")
    documents.write_text(json.dumps({"id": "a", "text": TEXTS[0]}), encoding="utf-8")
    asked = ["classify", str(trained / "model"), str(documents), "--labels", str(labels)]
    assert main([*asked, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["untrained"] == ["shop"]
    assert "shop" in row["labels"]
    assert main(asked) == 0
    assert "shop (untrained)" in capsys.readouterr().out


def test_teacher_forcing_refuses_labels_that_cannot_be_written(classifier):
    corpus = Corpus(Example(name, TEXTS[0], ("shop",)) for name in "ab")
    with pytest.raises(LabelError, match=r"added after training: shop\. Leave them out"):
        teacher_forced(classifier.with_labels([SHOP]), corpus)
    with pytest.raises(LabelError, match="added after training"):
        honesty_report(classifier.with_labels([SHOP]), train=corpus, test=corpus)


def test_a_score_is_fitted_to_the_encoder_that_is_asked_about_added_labels(classifier, corpora, monkeypatch):
    """The one from before training: fine-tuning wears off what it knew of other labels."""
    seen = []
    monkeypatch.setattr("lagamc.zero_shot.fitted", lambda *found: seen.append(found) or (ZeroShotScore(), 0.5))
    backbone, label_set = classifier.backbone, classifier.label_set
    *_, contrasts = calibrated(backbone, label_set, corpora["train"], corpora["dev"])
    [(cosines, probabilities, carried)] = seen
    texts = [example.text for example in corpora["dev"]]
    documents, *labels = (
        backbone.starting_encoder.encode(part).numpy() for part in (texts, *([text] for text in label_set.descriptions))
    )
    read = backbone.starting_encoder.encode([example.text for example in corpora["train"]]).numpy()
    for column, label in enumerate(label_set):
        without = np.array([label.name not in example.labels for example in corpora["train"]])
        others = np.concatenate([own for other, own in enumerate(labels) if other != column])
        expected = Contrast.of(read[without], others.mean(axis=0)).cosines(documents, labels[column])
        np.testing.assert_allclose(cosines[:, [column]], expected, atol=1e-4)
    assert cosines.shape == probabilities.shape == carried.shape == (40, 3)
    for own, name in ((read.mean(axis=0), "documents"), (np.concatenate(labels).mean(axis=0), "descriptions")):
        np.testing.assert_allclose(getattr(contrasts.before, name), own, atol=1e-5)


def test_both_encoders_are_asked_about_an_added_label(classifier, corpora, monkeypatch):
    """The one from before training and the one after it, each about document and description."""
    asked = []
    cosines = Contrasts.cosines
    monkeypatch.setattr(Contrasts, "cosines", lambda self, *given: asked.append(given) or cosines(self, *given))
    classifier.with_labels([SHOP]).classify(TEXTS)
    [(documents, descriptions)] = asked
    encoders = classifier.backbone.starting_encoder, classifier.backbone.encoder
    order = sorted(TEXTS, key=lambda text: -len(text))  # as they are answered
    for encoder, read, described in zip(encoders, documents, descriptions, strict=True):
        np.testing.assert_allclose(read, encoder.encode(order), atol=1e-5)
        np.testing.assert_allclose(described, encoder.encode([SHOP.description]), atol=1e-5)
    assert np.abs(documents[0] - documents[1]).max() > 0.01
    *_, contrasts = calibrated(classifier.backbone, classifier.label_set, corpora["train"], corpora["dev"])
    read = encoders[1].encode([example.text for example in corpora["train"]])
    np.testing.assert_allclose(contrasts.after.documents, read.mean(dim=0), atol=1e-5)
    learnt = encoders[1].encode(classifier.label_set.descriptions)
    np.testing.assert_allclose(contrasts.after.descriptions, learnt.mean(dim=0), atol=1e-5)


def test_labels_that_hardly_a_document_carries_change_no_contrast(classifier, corpora, monkeypatch):
    """Nor one that all carry: nothing would be left. Few documents are read for one."""
    made = []
    of = Contrast.of
    monkeypatch.setattr(
        Contrast, "of", lambda documents, descriptions: made.append(len(documents)) or of(documents, descriptions)
    )
    monkeypatch.setattr("lagamc.zero_shot.KNOWN", 10)
    monkeypatch.setattr("lagamc.zero_shot.RARE", 1.1)
    calibrated(classifier.backbone, classifier.label_set, corpora["train"], corpora["dev"])
    assert made == [10, 10]  # before training and after
    road = Corpus(Example(str(number), f"road {number}", ("road",)) for number in range(9))
    monkeypatch.setattr("lagamc.zero_shot.RARE", 0.0)
    calibrated(classifier.backbone, classifier.label_set, road, corpora["dev"])
    assert made == [
        10,
        10,
        9,
        9,
        9,
        9,
    ]  # two labels lie on none; theirs are made anew


@pytest.mark.parametrize(
    ("heard", "said"), enumerate(["0 of 120", "100 of 120", "0 of 40", "0 of 40", "32 of 40", "0 of 120"])
)
def test_calibration_can_be_cancelled(classifier, corpora, monkeypatch, heard, said):
    """It reads thousands of documents, which takes a minute or more; no request waits for more than a part of them."""
    monkeypatch.setattr("lagamc.zero_shot.AT_ONCE", 100)
    asked = iter(range(9))
    with pytest.raises(Cancelled, match=f"after {said} documents"):
        calibrated(
            classifier.backbone, classifier.label_set, corpora["train"], corpora["dev"],
            cancelled=lambda: next(asked) == heard,
        )  # fmt: skip


def test_added_labels_ask_for_a_contrast(classifier):
    widened = classifier.with_labels([SHOP])
    with pytest.raises(LabelError, match="use with_labels"):
        Classifier(classifier.backbone, widened.label_set, max_new_tokens=9)


def test_the_doubt_about_a_label_is_what_the_others_leave():
    """Of the most probable label that of the next one: by itself the label would speak for being in doubt or not."""
    chooser = np.random.default_rng(3)
    carried = np.eye(2, dtype=bool)[chooser.integers(0, 2, 400)]
    cosines = 0.2 + 0.1 * carried + chooser.normal(0, 0.1, carried.shape)
    score, _ = fitted(cosines, np.where(carried, 0.99, 0.5), carried)
    assert score.doubt > 2


def test_an_added_label_needs_no_more_than_its_own_threshold(trained):
    """Also where the rule gives no label that was not written."""
    classifier = Classifier.load(trained / "model")
    classifier._zero_shot = ZeroShotScore(0.0, 0.0, 0.0)  # a probability of one half
    widened = classifier.with_labels([SHOP])
    for added, given in ((0.4, True), (0.6, False)):
        widened.rule = DecisionRule(0.0, 1.0, added=added)
        assert ("shop" in widened.classify(TEXTS[:1])[0].labels) == given


def test_a_score_is_fitted_to_dev_documents_from_all_over_the_file(classifier, corpora, monkeypatch):
    """Of many labels few documents are read, and files are often sorted."""
    read, asked = [], zero_shot.label_log_odds
    monkeypatch.setattr("lagamc.zero_shot.PAIRS", 60)
    monkeypatch.setattr(
        "lagamc.zero_shot.label_log_odds",
        lambda backbone, texts, *rest, **options: read.append(texts) or asked(backbone, texts, *rest, **options),
    )
    calibrated(classifier.backbone, classifier.label_set, corpora["train"], corpora["dev"])
    texts = [example.text for example in corpora["dev"]]
    places = sorted(texts.index(text) for text in read[0])
    assert len(places) == 20
    assert places[-1] > 20
