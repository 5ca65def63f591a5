"""Stands in for `python -m lagamc train FOLDER`: honours the run folder, behaves as the file `behaviour` says."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))
from lagamc.callbacks import EventLog
from lagamc.checkpoint import FORMAT
from lagamc.labels import Label, LabelSet

FOLDER = Path(sys.argv[1])
FIGURES = {"micro_f1": 0.5, "macro_f1": 0.4}
LOSSES = {"loss": 1.0, "cross_entropy": 1.5, "cosine": 0.5, "description": 0.2, "lambda": 0.5, "epoch": 0.1}


def write(line: str) -> None:
    """Append to events.jsonl and flush."""
    with (FOLDER / "events.jsonl").open("a") as file:
        file.write(line)


def event(kind: str, **payload: object) -> None:
    """Append one event."""
    write(json.dumps({"type": kind, "time": time.time(), **payload}) + "\n")


def step(number: int) -> None:
    """Append a training step."""
    event("step", step=number, **LOSSES, learning_rate=1e-4, elapsed=1.0, remaining=9.0)


def start() -> int:
    """Say that training starts, from the checkpoint where there is one."""
    saved = FOLDER / "checkpoint" / "step"
    resumed = int(saved.read_text()) if saved.exists() else 0
    event("started", resumed_step=resumed, total_steps=10, epochs=1, train_documents=4, unlabelled_documents=0,
      dev_documents=2, parameters=200, trainable_parameters=50, cut_targets=3, full_documents=2,
      max_document_tokens=256)  # fmt: skip
    return resumed


def checkpoint(number: int) -> None:
    """Save a checkpoint."""
    (FOLDER / "checkpoint").mkdir(exist_ok=True)
    (FOLDER / "checkpoint" / "step").write_text(str(number))
    event("checkpoint", step=number)


def complete(figures: dict[str, float] | None = None) -> None:
    """Finish with a model."""
    (FOLDER / "model").mkdir(exist_ok=True)
    labels = LabelSet([Label("noise", "Somebody is loud."), Label("bins", "Bins are full.")])
    labels.write(FOLDER / "model" / "labels.json")
    manifest = {
        "label_set_hash": labels.hash, "training_data_hash": "t", "config": {}, "threshold": 0.4,
        "rule": {"written": 0.2, "unwritten": 0.5}, "zero_shot": {}, "max_new_tokens": 8,
        "dev": FIGURES if figures is None else figures, "test": None, "versions": {}, "created_at": "", "files": {},
        "format": FORMAT,
    }  # fmt: skip
    (FOLDER / "model" / "manifest.json").write_text(json.dumps(manifest))
    event("completed", dev=FIGURES, test=None, best_epoch=1, seconds=1.0, model="model")


def wait_for_cancel() -> None:
    """Go on until asked to stop."""
    while not (FOLDER / "cancel").exists():
        time.sleep(0.02)
    event("cancelled", message="as asked")
    sys.exit(3)


def babble() -> None:
    """Write what no reader should trip over, among good events."""
    for line in ("{", "[]", '{"type": "party", "time": 1}', '{"type": "step", "time": 1, "step": "x"}', "\0"):
        write(line + "\n")
    event("failed", error="bad \ud800 text")
    event("evaluation", step=5, epoch=1, **FIGURES, best=True, remaining=None)
    complete()


def evaluate_and_complete() -> None:
    """Finish as a good child does."""
    event("evaluation", step=10, epoch=1, **FIGURES, best=True, elapsed=1.0, remaining=0.0)
    complete()


def wait() -> None:
    """Save a checkpoint, then go on until asked to stop."""
    checkpoint(3)
    wait_for_cancel()


def tear() -> None:
    """Leave half a line, as a killed child may."""
    checkpoint(3)
    write('{"type": "step", "ti')
    time.sleep(60)


def say_why() -> None:
    """Fail with a reason."""
    event("failed", error="The loss is nan at step 3.")
    sys.exit(1)


ENDS = {
    "complete": evaluate_and_complete,
    "no figures": lambda: complete({}),
    "wait": wait,
    "torn": tear,
    "stubborn": lambda: time.sleep(60),
    "babble": babble,
    "disk full": lambda: sys.exit("OSError: [Errno 28] No space left on device"),
    "says why": say_why,
}


def main() -> None:
    """Start, take steps, and end as told."""
    behaviour = (FOLDER / "behaviour").read_text()
    EventLog(FOLDER / "events.jsonl")  # ends a line that a killed child left torn
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, lambda *_: event("checkpoint", step=9))
    for number in range(start() + 1, 4):
        step(number)
    ENDS[behaviour]()


main()
