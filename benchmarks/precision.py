"""Training steps a second in float32 and under bfloat16 autocast, on this processor.

    python benchmarks/precision.py

Both formats train the same batches of the demo project, in turns. Ends with an error where the two losses of one batch
differ by more than rounding. Writes docs/results/precision.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from accuracy import DEMO, demo_corpora
from commandline import origin, print_table, write_results

from lagamc.backbones import build_backbone
from lagamc.config import TrainingConfig
from lagamc.labels import LabelSet
from lagamc.run import ordered_labels
from lagamc.trainer import Trainer

ROUNDS, STEPS = 5, 4
FORMATS = ("float32", "bfloat16")
ROUNDING = 0.01  # of the loss


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    corpora = demo_corpora()
    labels = ordered_labels(LabelSet.read(DEMO / "labels.json"), corpora["train"])
    with tempfile.TemporaryDirectory() as scratch:
        trainers = {}
        for name in FORMATS:
            config = TrainingConfig(precision=name, device="cpu")
            backbone = build_backbone(config, labels).train()
            trainers[name] = Trainer(backbone, config, labels, corpora["train"], corpora["dev"], folder=Path(scratch))
        same_loss(trainers)
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
        **origin("torch", threads=torch.get_num_threads()),
        "seconds_a_step": medians,
        "float32_over_bfloat16": round(medians["float32"] / medians["bfloat16"], 2),
    }
    write_results("precision", report)
    rows = [
        {"number format": name, "seconds a step": value, "times float32": round(medians["float32"] / value, 2)}
        for name, value in medians.items()
    ]
    print_table(report, rows)


def same_loss(trainers: Mapping[str, Trainer]) -> None:
    """Both formats compute one loss, up to rounding. Raises SystemExit where they do not."""
    losses = {}
    for name, trainer in trainers.items():
        trainer.backbone.eval()
        torch.manual_seed(0)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=name == "bfloat16"):
            losses[name] = trainer.loss(trainer.batches.collate(range(trainer.config.batch_size)))[0].item()
        trainer.backbone.train()
    if abs(losses["bfloat16"] - losses["float32"]) > ROUNDING * losses["float32"]:
        raise SystemExit(f"The losses of one batch differ: {losses}")


if __name__ == "__main__":
    main()
