"""The loss is equation 1, and its cosine term reaches generator and encoder alike."""

import pytest
import torch
from torch.nn import functional as F

from lagamc.backbones import build_backbone
from lagamc.batches import Batches
from lagamc.config import TrainingConfig
from lagamc.labels import Label, LabelSet
from lagamc.losses import IGNORED, HybridLoss, compared_labels, cosine_loss, description_loss
from lagamc.trainer import Trainer


def test_identical_texts_leave_no_cosine_loss():
    """The cosine term is zero when generated and described texts coincide, two when they are opposite."""
    rows = F.normalize(torch.randn(3, 5), dim=1)
    assert cosine_loss(rows, rows).item() == pytest.approx(0, abs=1e-6)
    assert cosine_loss(rows, -rows).item() == pytest.approx(2)
    assert cosine_loss(rows[:0], rows[:0]).item() == 0


def test_the_hybrid_loss_is_equation_1():
    logits, targets = torch.randn(2, 3, 7), torch.tensor([[1, 2, 3], [4, IGNORED, IGNORED]])
    generated, described = torch.randn(2, 5), torch.randn(2, 5)
    hybrid = HybridLoss(initial_lambda=0.3)
    loss, cross_entropy, cosine = hybrid(logits, targets, generated, described)
    log_probability = logits.log_softmax(-1)
    by_hand = -(sum(log_probability[0, t, t + 1] for t in range(3)) + log_probability[1, 0, 4]) / 2
    assert hybrid.weight.item() == pytest.approx(0.3)
    assert cross_entropy.item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert loss.item() == pytest.approx(0.3 * by_hand.item() + 0.7 * cosine.item(), rel=1e-5)


def test_lambda_learns_and_stays_inside_its_bounds():
    hybrid = HybridLoss(initial_lambda=0.5, bounds=(0.2, 0.8))
    optimizer = torch.optim.SGD(hybrid.parameters(), lr=1e4)
    hybrid(torch.randn(1, 2, 4), torch.tensor([[0, 1]]), torch.ones(1, 3), torch.ones(1, 3))[0].backward()
    optimizer.step()
    assert 0.2 <= hybrid.weight.item() < 0.21


@pytest.mark.parametrize(("mode", "weight"), [("fixed", 0.9), ("one", 1.0)])
def test_lambda_can_stay_as_it_is(mode, weight):
    """Fixed, also outside the bounds of learning; or one, where the cosine term has no gradient."""
    hybrid = HybridLoss(initial_lambda=0.9, bounds=(0.2, 0.8), mode=mode)
    generated = torch.randn(2, 5, requires_grad=True)
    loss, cross_entropy, cosine = hybrid(torch.randn(1, 2, 4), torch.tensor([[0, 1]]), generated, torch.randn(2, 5))
    loss.backward()
    assert hybrid.weight.item() == pytest.approx(weight)
    assert loss.item() == pytest.approx(weight * cross_entropy.item() + (1 - weight) * cosine.item())
    assert not list(hybrid.parameters())
    assert bool(generated.grad.any()) == (mode == "fixed")


def test_the_description_term_is_least_where_odds_agree_with_labels():
    carried = torch.tensor([[True, False]])
    good, bad = description_loss(torch.tensor([[9.0, -9.0]]), carried), description_loss(torch.zeros(1, 2), carried)
    assert good < 1e-3
    assert bad.item() == pytest.approx(2 * 0.6931, abs=1e-3)


@pytest.mark.parametrize("case", [(6, 6), (2, 3), (64, 12)])
def test_of_many_labels_those_of_the_batch_are_compared_and_some_others(tiny, label_set, corpora, case):
    """Some, however many the batch carries: they are what teaches that a label is not carried."""
    room, drawn = case
    others = (Label(f"other {n}", "hole " * (n + 1)) for n in range(9))
    labels = LabelSet([*label_set, *others])
    backbone = build_backbone(TrainingConfig(backbone=str(tiny["embedded"])), labels)
    batch = next(Batches(backbone, corpora["train"], labels, batch_size=16, seed=1).epoch(0))
    assert int(batch.carried.any(dim=0).sum()) == 2
    seen = set()
    for _ in range(50):
        columns, positions = compared_labels(batch.carried, room)
        assert len(columns) == drawn
        assert positions[columns].tolist() == list(range(drawn))
        assert positions[batch.sentence_labels].min() >= 0
        seen |= set(columns.tolist())
    assert seen == set(range(12))


@pytest.mark.parametrize("family", ["embedded", "seq2seq", "llama", "mistral"])
def test_the_cosine_term_sends_gradient_into_generator_and_encoder(tiny, label_set, corpora, family, tmp_path):
    """Soft tokens carry the gradient of 1 - cos back to what wrote them (DESIGN: both models)."""
    config = TrainingConfig(backbone=str(tiny[family]), batch_size=4)
    backbone = build_backbone(config, label_set)
    trainer = Trainer(backbone, config, label_set, corpora["train"], corpora["dev"], folder=tmp_path)
    batch = next(Batches(backbone, corpora["train"], label_set, batch_size=4, seed=1).epoch(0))
    _, parts = trainer.loss(batch)
    parts["cosine"].backward()
    written = next(p for p in backbone.new_parameters() if p.grad is not None)
    read = next(p for n, p in backbone.encoder.named_parameters() if "layer.0" in n and p.grad is not None)
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in backbone.new_parameters()), written
    assert read.grad.abs().sum() > 0
    assert backbone.encoder.word_embeddings.grad is None
