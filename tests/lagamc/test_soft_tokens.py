"""Every kind of soft token carries gradient, and what is certain embeds as itself."""

import pytest
import torch

from lagamc.backbones import build_backbone
from lagamc.batches import Batches
from lagamc.config import TrainingConfig
from lagamc.soft_tokens import soft_tokens
from lagamc.trainer import Trainer

KINDS = ["softmax", "straight-through", "gumbel"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_certain_token_is_its_own_embedding(kind):
    bridge, chosen = torch.randn(7, 3), torch.tensor([[2, 5]])
    logits = torch.full((1, 2, 7), -200.0).scatter(2, chosen.unsqueeze(-1), 200.0)
    torch.testing.assert_close(soft_tokens(logits, bridge, kind), bridge[chosen])


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_reaches_the_logits(kind):
    logits = torch.randn(2, 3, 7, requires_grad=True)
    soft_tokens(logits, torch.randn(7, 3), kind)[0].pow(2).sum().backward()
    assert logits.grad[0].abs().min() > 0
    assert not logits.grad[1].any()


def test_straight_through_says_the_likeliest_and_learns_from_the_mean():
    """Forward the arg max alone; backward what the softmax kind has."""
    bridge, weights = torch.randn(7, 3), torch.randn(2, 3)
    logits = torch.randn(1, 2, 7)
    gradients = {}
    for kind in ("softmax", "straight-through"):
        leaf = logits.clone().requires_grad_(True)
        embedded = soft_tokens(leaf, bridge, kind)
        (embedded * weights).sum().backward()
        gradients[kind] = leaf.grad
    torch.testing.assert_close(embedded.detach(), bridge[logits.argmax(dim=-1)])
    torch.testing.assert_close(gradients["softmax"], gradients["straight-through"])


def test_gumbel_tokens_differ_from_draw_to_draw_and_follow_the_seed():
    logits, bridge = torch.zeros(1, 4, 7), torch.randn(7, 3)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(soft_tokens(logits, bridge, "gumbel"))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("kind", KINDS)
def test_the_option_decides_the_cosine_term_of_training(tiny, label_set, corpora, tmp_path, kind):
    """Each kind gives a term of its own from the same logits, with gradient in what wrote them."""
    config = TrainingConfig(backbone=str(tiny["embedded"]), batch_size=4, soft_tokens=kind)
    backbone = build_backbone(config, label_set)
    trainer = Trainer(backbone, config, label_set, corpora["train"], corpora["dev"], folder=tmp_path)
    backbone.eval()
    batch = next(Batches(backbone, corpora["train"], label_set, batch_size=4, seed=1).epoch(0))
    torch.manual_seed(5)
    _, terms = trainer.loss(batch)
    terms["cosine"].backward()
    assert any(p.grad is not None and p.grad.any() for p in backbone.new_parameters())
    trainer.config = TrainingConfig(backbone=str(tiny["embedded"]), batch_size=4)
    torch.manual_seed(5)
    same = trainer.loss(batch)[1]["cosine"].item() == pytest.approx(terms["cosine"].item(), abs=1e-6)
    assert same == (kind == "softmax")
