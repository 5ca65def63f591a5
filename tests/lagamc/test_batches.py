"""Batches made ahead and in pinned memory are the same batches."""

import time
from dataclasses import fields

import pytest
import torch

from lagamc.backbones import build_backbone
from lagamc.batches import Batch, Batches, one_ahead
from lagamc.config import TrainingConfig


@pytest.fixture
def batches(tiny, label_set, corpora):
    backbone = build_backbone(TrainingConfig(backbone=str(tiny["embedded"])), label_set)
    return Batches(backbone, corpora["train"], label_set, batch_size=16, seed=1)


def assert_same(found, expected, device="cpu"):
    for one, other in zip(found, expected, strict=True):
        for field in fields(Batch):
            own, its = getattr(one, field.name), getattr(other, field.name)
            if isinstance(its, torch.Tensor):
                assert own.device.type == device
                assert torch.equal(own.cpu(), its)
            else:
                assert own == its


def test_batches_made_ahead_are_the_same_in_the_same_order(batches):
    assert_same(one_ahead(batches.epoch(3)), batches.epoch(3))
    assert list(one_ahead(iter(()))) == []


def test_one_batch_is_made_ahead_and_no_more(batches):
    """While the first is worked on, the second is made; nothing is made before the first is asked for."""
    made = []
    ahead = one_ahead(batch for batch in batches.epoch(0) if not made.append(batch))
    assert made == []
    first = next(ahead)
    deadline = time.monotonic() + 60
    while len(made) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 2
    assert made[0] is first
    ahead.close()
    assert len(made) == 2


def test_an_error_in_making_a_batch_reaches_the_caller(batches):
    def damaged():
        yield from [next(batches.epoch(0))]
        raise MemoryError("no room")

    ahead = one_ahead(damaged())
    next(ahead)
    with pytest.raises(MemoryError, match="no room"):
        next(ahead)


def test_a_batch_on_its_way_to_the_cpu_stays_what_it_is(batches):
    batch = next(batches.epoch(0))
    assert batch.to(torch.device("cpu")).input_ids is batch.input_ids


@pytest.mark.gpu
def test_pinned_batches_arrive_on_the_gpu_as_they_were_made(batches):
    pinned = list(one_ahead(map(Batch.pinned, batches.epoch(0))))
    assert all(batch.input_ids.is_pinned() for batch in pinned)
    assert_same((batch.to(torch.device("cuda")) for batch in pinned), batches.epoch(0), "cuda")
