"""A label's probability is averaged with what the nearest training documents carry."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from lagamc.backbones import build_backbone
from lagamc.classifier import Classifier
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, Example
from lagamc.decision import DecisionRule
from lagamc.errors import Cancelled
from lagamc.generation import document_embeddings
from lagamc.labels import Label
from lagamc.neighbours import Neighbours

EVERYTHING = DecisionRule(0.0, 0.0)


def neighbours(embeddings, carried, labels, share):
    ids = [f"d{row}" for row in range(len(carried))]
    return Neighbours(ids, torch.tensor(embeddings).half(), carried, labels, share=share)


def test_neighbours_weigh_by_their_cosine_and_their_share():
    """Two neighbours of cosine .9 and .8: their weights are as e squared to 1, the temperature being .05."""
    near = neighbours([[0.8, 0.6], [0.9, 0.19**0.5]], [[1], [0, 2]], 4, share=0.25)
    own = np.array([[0.4, 0.4, 0.4, 0.4]])
    first = np.e**2 / (1 + np.e**2)
    found = np.array([first, 1 - first, first, 0.0])
    [probabilities], [alike] = near.joined(own, torch.tensor([[1.0, 0.0]]))
    np.testing.assert_allclose(probabilities, 0.3 + 0.25 * found, atol=1e-3)
    assert [neighbour.id for neighbour in alike] == ["d1", "d0"]
    assert [neighbour.cosine for neighbour in alike] == pytest.approx([0.9, 0.8], abs=1e-3)


def test_a_training_document_has_no_say_about_itself():
    """But whatever is left of two or more documents has, and the only one there is."""
    kept = [[1.0, 0.0], [0.9, 0.19**0.5]]
    both = neighbours(kept, [[0], [1]], 2, share=1.0).joined(np.zeros((1, 2)), torch.tensor([[1.0, 0.0]]))
    assert both[0].tolist() == [[0.0, 1.0]]
    assert [item.id for item in both[1][0]] == ["d1"]
    alone = neighbours(kept[:1], [[0]], 2, share=1.0).joined(np.zeros((1, 2)), torch.tensor([[1.0, 0.0]]))
    assert alone[0].tolist() == [[1.0, 0.0]]


def test_no_probability_is_above_one():
    """Weights that are rounded up would give labels that a rule means never to give."""
    angles = np.linspace(0.1, 0.4, 9)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1).tolist()
    for turn in np.linspace(-0.3, 0.0, 50):
        document = torch.tensor([[np.cos(turn), np.sin(turn)]], dtype=torch.float32)
        found, _ = neighbours(circle, [[0]] * 9, 1, share=1.0).joined(np.ones((1, 1)), document)
        assert found.max() <= 1.0


def test_only_the_nearest_have_a_say():
    angles = np.linspace(0.1, 1.0, Neighbours.NEAREST + 5)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1).tolist()
    near = neighbours(circle, [[row] for row in range(len(angles))], len(angles), share=1.0)
    [found], [alike] = near.joined(np.zeros((1, len(angles))), torch.tensor([[1.0, 0.0]]))
    assert len(alike) == Neighbours.NEAREST
    assert (found > 0).tolist() == [True] * Neighbours.NEAREST + [False] * 5
    assert found.sum() == pytest.approx(1.0)
    assert (np.diff(found[: Neighbours.NEAREST]) < 0).all()


@pytest.mark.parametrize("family", ["seq2seq", "llama"])
def test_a_generator_that_embeds_no_document_reads_none(tiny, label_set, family, monkeypatch):
    """Of FLAN-T5 and causal models the sentence encoder alone embeds."""
    backbone = build_backbone(TrainingConfig(backbone=str(tiny[family])), label_set).eval()
    monkeypatch.setattr(backbone, "read", lambda *_: pytest.fail("the generator has read a document"))
    texts = ["a hole in the road", "loud drum please"]
    torch.testing.assert_close(document_embeddings(backbone, texts), backbone.encoder.encode(texts))


def test_a_sentence_transformer_that_does_not_normalise_gives_unit_vectors(tiny, tmp_path, label_set):
    """Its cosines would be none, and the longest vectors be nearest."""
    whole = SentenceTransformer(str(tiny["embedded"]), device="cpu")
    SentenceTransformer(modules=list(whole)[:2], device="cpu").save(str(tmp_path / "bare"), create_model_card=False)
    texts = ["a hole in the road", "loud drum please"]
    found = []
    for folder in (tiny["embedded"], tmp_path / "bare"):
        backbone = build_backbone(TrainingConfig(backbone=str(folder)), label_set).eval()
        found.append(torch.cat([document_embeddings(backbone, texts), backbone.encoder.encode(texts)]))
    torch.testing.assert_close(*found)
    torch.testing.assert_close(found[0].norm(dim=1), torch.ones(4))


def test_documents_without_labels_and_labels_without_documents_are_counted(tmp_path):
    near = neighbours([[0.6, 0.8], [0.6, -0.8]], [[], [1]], 3, share=1.0)
    near.save(tmp_path)
    again = Neighbours.load(tmp_path, 3, share=1.0)
    for kept in (near, again):
        probabilities, [alike] = kept.joined(np.ones((1, 3)), torch.tensor([[1.0, 0.0]]))
        np.testing.assert_allclose(probabilities, [[0.0, 0.5, 0.0]])
        assert sorted(item.id for item in alike) == ["d0", "d1"]
    assert Neighbours.load(tmp_path / "elsewhere", 3, share=1.0) is None


def test_a_trained_model_keeps_its_training_documents(trained, corpora):
    """Other documents of its labels lie nearest to one; they have two fifths of the average."""
    classifier = Classifier.load(trained / "model")
    texts = [example.text for example in corpora["train"]][:20]
    embeddings = document_embeddings(classifier.backbone, texts)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-5)
    names = classifier.label_set.names
    near = Neighbours.load(trained / "model", len(names), share=1.0)
    alone, alike = near.joined(np.zeros((20, len(names))), embeddings)
    assert not any(name == example.id for example, own in zip(corpora["train"], alike, strict=False) for name, _ in own)
    carried = np.array([[name in example.labels for name in names] for example in corpora["train"]][:20])
    assert alone[carried].mean() > 0.8
    assert alone[~carried].mean() < 0.2
    result = classifier.classify(texts[:1])[0]
    shown, expected = ([cosine for _, cosine in found] for found in (result.neighbours, alike[0]))
    assert shown == pytest.approx(expected, abs=1e-4)  # the names of two equally near ones may come in either order
    assert result.decide(0.9).neighbours == result.neighbours

    def probabilities():
        found = classifier.classify(texts)
        return np.array([[by[name] for name in names] for by in map(by_label, found)])

    classifier.rule = EVERYTHING
    averaged, classifier.neighbours = probabilities(), None
    np.testing.assert_allclose(averaged, 0.6 * probabilities() + 0.4 * alone, atol=1e-3)


def by_label(result):
    return {item.match.label: item.probability for item in result.sentences}


def test_an_added_label_is_as_probable_as_without_neighbours(trained):
    """How unsure the model is of the labels that it learnt is calibrated without them, and they never carry it."""
    classifier = Classifier.load(trained / "model").with_labels([Label("dogs", "Dogs bark or run free.")])
    classifier.rule = DecisionRule(0.0, 0.0, 0.0)
    text = "a dog barks near the shop"
    [near] = classifier.classify([text])
    classifier.neighbours = None
    [alone] = classifier.classify([text])
    assert by_label(near)["dogs"] == by_label(alone)["dogs"]
    assert by_label(near) != by_label(alone)


def test_without_a_share_nothing_is_kept(make_run, monkeypatch):
    """Nor are the training documents embedded, and the sentences alone need no neighbours."""
    from lagamc.run import train_run

    monkeypatch.setattr("lagamc.neighbours.document_embeddings", lambda *_, **__: pytest.fail("embedded"))
    for name, settings in (("no-share", {"neighbour_share": 0.0}), ("written", {"decision": "written"})):
        folder = make_run(name, epochs=1, **settings)
        train_run(folder)
        assert Classifier.load(folder / "model").neighbours is None


def test_of_a_large_collection_a_sample_is_kept(trained, corpora, monkeypatch):
    monkeypatch.setattr(Neighbours, "MOST", 7)
    classifier = Classifier.load(trained / "model")
    backbone, label_set = classifier.backbone, classifier.label_set
    near = Neighbours.of(backbone, label_set, corpora["train"], share=1.0)
    texts = [example.text for example in corpora["train"]]
    [weights], [alike] = near.joined(np.zeros((1, 3)), document_embeddings(backbone, texts[:1]))
    assert weights.sum() > 0.999  # every document carries a label
    assert len(alike) in (6, 7)  # the document itself may be among the seven
    assert {name for name, _ in alike} < {example.id for example in corpora["train"]}


def test_embedding_the_training_documents_can_be_cancelled(trained):
    classifier = Classifier.load(trained / "model")
    train = Corpus([Example("1", "a hole in the road", ("road",))])
    with pytest.raises(Cancelled, match="0 of 1"):
        Neighbours.of(classifier.backbone, classifier.label_set, train, share=1.0, cancelled=lambda: True)


def test_a_training_document_has_as_many_neighbours_as_any_other():
    """Its own place among the nearest goes to the next one."""
    angles = np.linspace(0.0, 1.0, Neighbours.NEAREST + 5)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1).tolist()
    near = neighbours(circle, [[0]] * len(angles), 1, share=1.0)
    _, [alike] = near.joined(np.zeros((1, 1)), torch.tensor([[1.0, 0.0]]))
    assert [item.id for item in alike] == [f"d{row}" for row in range(1, Neighbours.NEAREST + 1)]
