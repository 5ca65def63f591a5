"""Targets that lean on what the model said an epoch before."""

import pytest
import torch

from lagamc.backbones import build_backbone
from lagamc.batches import Batches
from lagamc.callbacks import EventLog
from lagamc.config import TrainingConfig
from lagamc.run import train_run
from lagamc.self_distillation import SelfDistillation
from lagamc.trainer import Trainer
from lagamc.workers import Workers

CPU = torch.device("cpu")
ROWS, COLUMNS = torch.tensor([3, 0]), torch.tensor([0, 2])
CARRIED = torch.tensor([[True, False], [False, False]])


@pytest.fixture
def batches(tiny, label_set, corpora):
    backbone = build_backbone(TrainingConfig(backbone=str(tiny["embedded"])), label_set)
    return Batches(backbone, corpora["train"], label_set, batch_size=4, seed=1)


def test_from_epoch_to_epoch_targets_lean_more_on_what_was_said(batches):
    distilled = SelfDistillation(batches, share=0.8, epochs=5, device=CPU)
    said = torch.tensor([[0.6, 0.25], [0.9, 0.05]])
    distilled.hear(said.logit(), ROWS, COLUMNS)
    distilled.settle(Workers(cpu=True))
    for epoch, share in ((0, 0.0), (2, 0.4), (4, 0.8)):
        expected = (1 - share) * CARRIED.float() + share * said
        found = distilled.targets(CARRIED, ROWS, COLUMNS, epoch=epoch)
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_a_label_that_was_not_compared_keeps_its_target(batches):
    distilled = SelfDistillation(batches, share=0.8, epochs=2, device=CPU)
    distilled.hear(torch.zeros(2, 2), ROWS, COLUMNS)
    distilled.settle(Workers(cpu=True))
    everything = batches.carried(batches.rows)
    found = distilled.targets(everything, torch.arange(len(everything)), torch.arange(3), epoch=1)
    changed = found != everything.float()
    assert {tuple(place) for place in changed.nonzero().tolist()} == {(3, 0), (3, 2), (0, 0), (0, 2)}


@pytest.mark.parametrize("epochs", [1, 4])
def test_without_a_share_or_in_one_epoch_targets_are_labels(batches, epochs):
    distilled = SelfDistillation(batches, share=0.8 if epochs == 1 else 0.0, epochs=epochs, device=CPU)
    distilled.hear(torch.zeros(2, 2), ROWS, COLUMNS)
    distilled.settle(Workers(cpu=True))
    assert torch.equal(distilled.targets(CARRIED, ROWS, COLUMNS, epoch=epochs - 1), CARRIED.float())


def test_a_collection_too_large_to_remember_goes_without(batches, monkeypatch):
    monkeypatch.setattr(SelfDistillation, "MOST", 3 * len(batches.rows) - 1)
    distilled = SelfDistillation(batches, share=0.8, epochs=2, device=CPU)
    distilled.hear(torch.zeros(2, 2), ROWS, COLUMNS)
    distilled.settle(Workers(cpu=True))
    assert not distilled.said.numel()
    assert torch.equal(distilled.targets(CARRIED, ROWS, COLUMNS, epoch=1), CARRIED.float())


def test_the_description_term_alone_changes_and_not_in_the_first_epoch(make_run, events):
    plain, leaning = make_run("plain", self_distillation=0.0, epochs=2), make_run("leaning", epochs=2)
    for folder in (plain, leaning):
        train_run(folder, callbacks=[EventLog(folder / "events.jsonl")])
    plain, leaning = events(plain, "step"), events(leaning, "step")
    first = [row["loss"] for row in plain if row["epoch"] <= 1]
    assert [row["loss"] for row in leaning[: len(first)]] == first
    after, other = plain[len(first)], leaning[len(first)]  # weights are still the same in this step
    assert after["cross_entropy"] == other["cross_entropy"]
    assert after["description"] != other["description"]


def test_what_was_said_is_heard_in_training(tiny, label_set, corpora, tmp_path):
    config = TrainingConfig(backbone=str(tiny["embedded"]), epochs=2, batch_size=8)
    trainer = Trainer(
        build_backbone(config, label_set), config, label_set, corpora["train"], corpora["dev"], folder=tmp_path
    )
    trainer.fit()
    said = trainer.distilled.said
    assert ((said > 0) & (said < 1)).all()
