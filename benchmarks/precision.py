"""Training steps a second in float32 and under bfloat16 autocast, on this processor.

    python benchmarks/precision.py

Both formats train the same batches of the demo project, in turns. Writes docs/results/precision.json.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import torch
from accuracy import DEMO, demo_corpora

from lagamc.backbones import build_backbone
from lagamc.config import TrainingConfig
from lagamc.labels import LabelSet
from lagamc.run import ordered_labels
from lagamc.trainer import Trainer

ROUNDS, STEPS = 5, 4
FORMATS = ("float32", "bfloat16")


def main() -> None:
    corpora = demo_corpora()
    labels = ordered_labels(LabelSet.read(DEMO / "labels.json"), corpora["train"])
    with tempfile.TemporaryDirectory() as scratch:
        trainers = {}
        for name in FORMATS:
            config = TrainingConfig(precision=name, device="cpu")
            backbone = build_backbone(config, labels).train()
            trainers[name] = Trainer(backbone, config, labels, corpora["train"], corpora["dev"], folder=Path(scratch))
        seconds: dict[str, list[float]] = {name: [] for name in FORMATS}
        for number in range(ROUNDS + 1):
            for name, trainer in trainers.items():
                batches = list(trainer.batches.epoch(number))[:STEPS]
                began = time.perf_counter()
                for batch in batches:
                    trainer.training_step(batch)
                if number:  # the first round warms up
                    seconds[name].append((time.perf_counter() - began) / STEPS)
    medians = {name: round(statistics.median(values), 3) for name, values in seconds.items()}
    report = {
        "command": "python benchmarks/precision.py",
        "machine": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}, "
        f"{len(os.sched_getaffinity(0))} cores, torch {torch.__version__}",
        "seconds_a_step": medians,
        "float32_over_bfloat16": round(medians["float32"] / medians["bfloat16"], 2),
    }
    (Path(__file__).parent.parent / "docs" / "results" / "precision.json").write_text(
        json.dumps(report, indent=1) + "\n", encoding="utf-8"
    )
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
