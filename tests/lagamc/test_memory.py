"""What saves memory changes no step: batches in parts, activations computed twice."""

import sys
from collections import Counter
from dataclasses import replace

import pytest
import torch

from lagamc.backbones import build_backbone
from lagamc.batches import Batches
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus
from lagamc.errors import TrainingError
from lagamc.losses import IGNORED
from lagamc.trainer import Trainer

FAMILIES = ["embedded", "seq2seq", "llama"]

pytestmark = pytest.mark.usefixtures("small_encoder")


def step(tiny, family, label_set, corpora, folder, *, training, **options):
    """Figures and gradients of the first step on one batch."""
    settings = {"precision": "float32", "lora_dropout": 0.0, "lambda_mode": "one", "batch_size": 7, **options}
    config = TrainingConfig(backbone=str(tiny[family]), **settings)
    backbone = build_backbone(config, label_set)
    trainer = Trainer(backbone, config, label_set, corpora["train"], corpora["dev"], folder=folder)
    backbone.train(training)
    batch = next(Batches(backbone, corpora["train"], label_set, batch_size=7, seed=1).epoch(0))
    torch.manual_seed(3)
    figures = trainer.training_step(batch)
    gradients = {name: p.grad for name, p in backbone.trained_parameters().items() if p.grad is not None}
    return figures, gradients


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_in_parts_makes_the_same_step(tiny, label_set, corpora, tmp_path, family):
    """Every term and every gradient; 7 documents in 3 parts, of which half carry no label."""
    half = [replace(example, labels=example.labels[: row % 2]) for row, example in enumerate(corpora["train"])]
    corpora = {**corpora, "train": Corpus(half)}
    options = {"training": False, "lambda_mode": "learned", "cosine_sentences": 4096}
    whole, gradients = step(tiny, family, label_set, corpora, tmp_path, **options)
    parts, same = step(tiny, family, label_set, corpora, tmp_path, **options, accumulation_steps=3)
    for name in ("loss", "cross_entropy", "cosine", "description", "lambda"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-4)
    torch.testing.assert_close(same, gradients, rtol=1e-3, atol=1e-5)


def test_parts_hold_every_document_and_no_needless_padding(tiny, label_set, corpora):
    backbone = build_backbone(TrainingConfig(backbone=str(tiny["embedded"])), label_set)
    batch = next(Batches(backbone, corpora["train"], label_set, batch_size=10, seed=1).epoch(0))
    parts = list(batch.parts(4))
    assert [len(part.texts) for part in parts] == [3, 3, 3, 1]
    assert sum((part.texts for part in parts), ()) == batch.texts
    assert torch.equal(torch.cat([part.sentence_labels for part in parts]), batch.sentence_labels)
    for part in parts:
        assert part.attention_mask.any(dim=0).all()
        assert (part.targets != IGNORED).any(dim=0).all()
        assert part.decoder_ids.shape == part.targets.shape
        for row, places, mask, label in zip(
            part.sentence_rows, part.sentence_positions, part.sentence_mask, part.sentence_labels, strict=True
        ):
            assert backbone.sentence_text(part.targets[row, places[mask]].tolist()) == label_set.descriptions[label]


@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_checkpointing_changes_no_gradient(tiny, label_set, corpora, tmp_path, family):
    """With dropout on: random state is kept for the second computation."""
    plain, gradients = step(tiny, family, label_set, corpora, tmp_path, training=True)
    saved, same = step(tiny, family, label_set, corpora, tmp_path, training=True, gradient_checkpointing=True)
    assert saved["loss"] == pytest.approx(plain["loss"], rel=1e-5)
    torch.testing.assert_close(same, gradients, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_checkpointed_layers_compute_twice(tiny, label_set, corpora, tmp_path, monkeypatch, family):  # noqa: PLR0917
    """Those of the generator and of the sentence encoder, once more for the gradient; none by default."""
    calls, built = Counter(), build_backbone

    def counted(config, labels):
        backbone = built(config, labels)
        for model in ("generator", "encoder"):
            for name, module in getattr(backbone, model).named_modules():
                if name.endswith((".q", ".q_proj", "attention.self.query")):
                    module.register_forward_hook(lambda *_, place=(model, name): calls.update([place]))
        return backbone

    monkeypatch.setattr(sys.modules[__name__], "build_backbone", counted)
    step(tiny, family, label_set, corpora, tmp_path, training=True)
    once = Counter(calls)
    calls.clear()
    step(tiny, family, label_set, corpora, tmp_path, training=True, gradient_checkpointing=True)
    assert {model for model, _ in once} == {"generator", "encoder"}
    assert calls == {place: 2 * count for place, count in once.items()}


def test_running_out_of_memory_says_what_to_do(tiny, label_set, corpora, tmp_path, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Trainer, "loss", full)
    with pytest.raises(TrainingError, match=r"ran out at step 1\. Compute a batch in twice as many parts .*now 1\)"):
        step(tiny, "embedded", label_set, corpora, tmp_path, training=True)
