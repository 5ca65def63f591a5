"""Training documents a second, against transformers' `Seq2SeqTrainer` with its defaults.

    python benchmarks/training.py FOLDER          # with {train,dev}.jsonl.gz and labels.json
    python benchmarks/training.py demo

Both sides train the same model with the same loss on the same documents, 16 a step, in turns in one process. The
peer pads each random batch to its longest document, multiplies in float32 and runs the forward passes of
transformers as they are. Ends with an error where the two losses of one batch differ. Writes
docs/results/training.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accuracy import DEMO, demo_corpora, read_split
from commandline import origin, print_table, write_results
from torch import Tensor, nn
from transformers import PrinterCallback, Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback
from transformers.modeling_outputs import BaseModelOutput

from lagamc.backbones import build_backbone
from lagamc.batches import Batch
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus
from lagamc.labels import LabelSet
from lagamc.run import ordered_labels
from lagamc.trainer import Trainer

REPEATS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="'demo', or a folder with train and dev files and labels.json")
    parser.add_argument("--documents", type=int, default=320, help="trained on in each of the repeats")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"at least {REPEATS} are made")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"), help="of lagamc")
    options = parser.parse_args()
    demo = options.data == "demo"
    folder = DEMO if demo else Path(options.data)
    corpora = demo_corpora() if demo else {split: read_split(folder, split) for split in ("train", "dev")}
    labels = ordered_labels(LabelSet.read(folder / "labels.json"), corpora["train"])
    ours, peer = (trainer(corpora, labels, options.documents, precision=options.precision) for _ in range(2))
    plain(peer.backbone)
    same_loss(ours, peer)

    own, others = [], []
    for number in range(max(REPEATS, options.repeats) + 1):
        pair = own_epoch(ours, number), peer_epoch(peer, number)
        if number:  # the first round warms up
            own.append(pair[0])
            others.append(pair[1])
    report = {
        **origin("torch", "transformers", "accelerate", threads=torch.get_num_threads()),
        "collection": folder.name,
        "documents": len(ours.batches.rows),
        "batch_size": ours.config.batch_size,
        "repeats": len(own),
        "precision": ours.precision,
        "documents_per_second": round(statistics.median(own), 1),
        "documents_per_second_seq2seq_trainer": round(statistics.median(others), 1),
        "ratio": round(statistics.median(a / b for a, b in zip(own, others, strict=True)), 2),
    }
    write_results("training", report)
    sides = (
        (f"lagamc, {ours.precision}", report["documents_per_second"], report["ratio"]),
        ("Seq2SeqTrainer, float32", report["documents_per_second_seq2seq_trainer"], 1),
    )
    print_table(
        report, [{report["collection"]: side, "documents/s": rate, "ratio": ratio} for side, rate, ratio in sides]
    )


def trainer(corpora: dict[str, Corpus], labels: LabelSet, documents: int, *, precision: Any) -> Trainer:
    """A fresh model with its optimiser, on a random part of the training documents."""
    config = TrainingConfig(device="cpu", precision=precision)
    part = Corpus(torch_sample(corpora["train"], documents))
    return Trainer(build_backbone(config, labels).train(), config, labels, part, corpora["dev"], folder=Path())


def torch_sample(corpus: Corpus, count: int) -> list[Any]:
    order = torch.randperm(len(corpus), generator=torch.Generator().manual_seed(0))
    return [corpus[int(row)] for row in order[:count]]


def plain(backbone: Any) -> None:
    """The forward passes of transformers, padding and all, in place of lagamc's."""
    transformer, generator = backbone.encoder.transformer, backbone.generator

    def read(mask: Tensor, *, ids: Tensor | None = None, embeds: Tensor | None = None) -> Tensor:
        states: Tensor = transformer(input_ids=ids, inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        return states

    def write(states: Tensor, mask: Tensor, decoder_ids: Tensor) -> Tensor:
        logits: Tensor = generator(
            encoder_outputs=BaseModelOutput(last_hidden_state=states), attention_mask=mask,
            decoder_input_ids=decoder_ids, use_cache=False,
        ).logits  # fmt: skip
        return logits

    backbone.encoder.read, backbone.write = read, write


class Learner(nn.Module):
    """The peer's model as Seq2SeqTrainer wants it: a batch in, its loss out."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self.parts = nn.ModuleList([trainer.backbone, trainer.hybrid])
        self.loss_of = trainer.loss

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return {"loss": self.loss_of(batch)[0]}


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    """Seconds from the first step's begin to the last step's end."""

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds = time.perf_counter() - self.began


def own_epoch(trainer: Trainer, number: int) -> float:
    """Documents a second."""
    began = time.perf_counter()
    for batch in trainer.batches.epoch(number):
        trainer.training_step(batch)
    return len(trainer.batches.rows) / (time.perf_counter() - began)


def peer_epoch(trainer: Trainer, number: int) -> float:
    """Documents a second."""

    def collate(rows: Sequence[int]) -> dict[str, Batch]:
        return {"batch": trainer.batches.collate(rows)}

    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as scratch:
        settings = Seq2SeqTrainingArguments(
            output_dir=scratch, num_train_epochs=1, per_device_train_batch_size=trainer.config.batch_size,
            remove_unused_columns=False, seed=number, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
            logging_strategy="no",
        )  # fmt: skip
        other = Seq2SeqTrainer(
            model=Learner(trainer), args=settings, train_dataset=list(trainer.batches.rows), data_collator=collate,
            callbacks=[watch],
        )  # fmt: skip
        other.remove_callback(PrinterCallback)
        other.train()
    return len(trainer.batches.rows) / watch.seconds


def same_loss(ours: Trainer, peer: Trainer) -> None:
    """Both sides compute one loss. Raises SystemExit where they do not."""
    batch = ours.batches.collate(range(ours.config.batch_size))
    losses = []
    for side in (ours, peer):
        side.backbone.eval()
        torch.manual_seed(0)
        losses.append(side.loss(batch)[0].item())
        side.backbone.train()
    if abs(losses[0] - losses[1]) > 1e-3 * abs(losses[1]):
        raise SystemExit(f"The losses of one batch differ: {losses[0]} and {losses[1]}")


if __name__ == "__main__":
    main()
