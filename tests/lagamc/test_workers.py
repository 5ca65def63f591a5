"""Runs of two processes, as `accelerate launch` starts them on two GPUs; here they share a processor."""

import json
import shutil
import subprocess
import sys
import time

import pytest

LAUNCH = (
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc_per_node",
    "2",
    "-m",
    "lagamc",
    "train",
)


@pytest.fixture
def make_parted_run(make_run, tiny, tmp_path):
    """A run whose batches are computed in parts, by a model without dropout: all else is the same for any number."""
    steady = shutil.copytree(tiny["embedded"], tmp_path / "steady")
    config = json.loads((steady / "config.json").read_text())
    (steady / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.0}))

    def make(name, **settings):
        return make_run(
            name, backbone=str(steady), device="cpu", cosine_sentences=4096, precision="float32", **settings
        )

    return make


def test_two_processes_take_the_steps_that_one_takes_in_two_parts(make_parted_run, events):
    """Same losses, same dev figures; one of them writes events and model."""
    alone, together = make_parted_run("alone", accumulation_steps=2), make_parted_run("together")
    subprocess.run([sys.executable, "-m", "lagamc", "train", str(alone)], check=True, capture_output=True)
    done = subprocess.run([*LAUNCH, str(together)], check=True, capture_output=True, text=True)
    assert done.stdout.count("The model lies in") == 1
    for kind, names in (("step", ("step", "loss", "cross_entropy", "cosine", "lambda")), ("evaluation", ("micro_f1",))):
        one, two = ([[row[name] for name in names] for row in events(run, kind)] for run in (alone, together))
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            assert a == pytest.approx(b, abs=2e-3)
    assert [row["type"] for row in events(together)][-1] == "completed"
    assert (together / "model" / "manifest.json").exists()


def test_all_processes_stop_when_one_is_asked_to(make_parted_run, events):
    folder = make_parted_run("cancelled", epochs=200)
    child = subprocess.Popen([*LAUNCH, str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not (folder / "events.jsonl").exists() or len(events(folder, "step")) < 3:
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.1)
    (folder / "cancel").touch()
    assert child.wait(timeout=60) != 0
    assert events(folder)[-1]["type"] == "cancelled"
