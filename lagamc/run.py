"""One training run, from a run folder to a model folder."""

from __future__ import annotations

import dataclasses
import fcntl
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from lagamc.backbones import build_backbone
from lagamc.callbacks import Callback
from lagamc.checkpoint import Manifest, read_json, read_manifest, write_model_folder
from lagamc.config import TrainingConfig
from lagamc.corpus import Corpus, described
from lagamc.decision import WRITTEN_ONLY
from lagamc.errors import DatasetError, RunTaken
from lagamc.evaluation import evaluate
from lagamc.labels import LabelSet
from lagamc.neighbours import Neighbours
from lagamc.trainer import Trainer
from lagamc.workers import is_first_worker
from lagamc.zero_shot import calibrated

__all__ = ["ordered_labels", "train_run"]


def ordered_labels(label_set: LabelSet, train: Corpus) -> LabelSet:
    """The label set in target order: most frequent in train first, then by name."""
    counts = train.label_counts()
    return LabelSet(sorted(label_set, key=lambda label: (-counts[label.name], label.name)))


def peak_memory_mb() -> int:
    """The most resident memory that this process has used, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))  # bytes there, kilobytes elsewhere


def train_run(
    folder: str | Path, *, callbacks: Sequence[Callback] = (), cancelled: Callable[[], bool] = lambda: False
) -> Manifest:
    """Train what a run folder asks for, or go on from its checkpoint, and write its model/.

    Dev decides which epoch is kept and then, with the neighbours at hand, by which rule labels are decided; test, where
    there is one, is measured once, after that. All files are read before anything is loaded.

    Raises:
        RunTaken: another process trains it.
        LagamcError: the folder, its settings, labels or documents do not allow it.
        Cancelled: on request.
    """
    folder = Path(folder)
    config = TrainingConfig.from_dict(read_json(folder / "config.json"))
    with _taken(folder) if is_first_worker() else nullcontext():
        return _trained(folder, config, callbacks, cancelled)


@contextmanager
def _taken(folder: Path) -> Iterator[None]:
    """Keep every other process off the run: two would remove each other's drafts of a checkpoint."""
    with (folder / "lock").open("w") as file:
        try:  # the system lets go of the lock when this process ends
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunTaken(
                f"Another process is training {folder.name}. Wait for it, or stop it with an empty file called cancel "
                "in that folder."
            ) from error
        except OSError:
            pass  # a file system without locks
        yield


def _trained(
    folder: Path, config: TrainingConfig, callbacks: Sequence[Callback], cancelled: Callable[[], bool]
) -> Manifest:
    began = time.monotonic()
    labels = LabelSet.read(folder / "labels.json")
    train, dev = _corpus(folder / "train.jsonl", labels), _corpus(folder / "dev.jsonl", labels)
    asked = _corpus(folder / "test.jsonl", labels) if (folder / "test.jsonl").exists() else None
    label_set = ordered_labels(labels, train)
    backbone = build_backbone(config, label_set)
    backbone.load_matcher()
    trainer = Trainer(backbone, config, label_set, train, dev, folder=folder, callbacks=callbacks, cancelled=cancelled)
    state = trainer.fit()

    def finished() -> Manifest:
        neighbours: Neighbours | None = None
        figures_on_dev, rule = state.best, WRITTEN_ONLY
        if config.decision == "probability":
            if share := config.neighbour_share:
                neighbours = Neighbours.of(backbone.eval(), label_set, train, share=share, cancelled=cancelled)
            figures_on_dev, rule = trainer.measured(neighbours)
        test = None
        if asked is not None:
            test = evaluate(
                backbone, label_set, asked, max_new_tokens=trainer.max_new_tokens, threshold=config.threshold,
                rule=rule, neighbours=neighbours, cancelled=cancelled,
            ).metrics.summary()  # fmt: skip
        zero_shot, enough, contrasts = calibrated(backbone.eval(), label_set, train, dev, cancelled=cancelled)
        write_model_folder(
            folder / "model", trainer, rule=dataclasses.replace(rule, added=enough), zero_shot=zero_shot,
            contrasts=contrasts, neighbours=neighbours, dev=figures_on_dev, test=test,
        )  # fmt: skip
        figures = {
            "dev": figures_on_dev, "test": test, "best_epoch": state.best_epoch,
            "seconds": round(time.monotonic() - began, 2), "peak_memory_mb": peak_memory_mb(), "model": "model",
        }  # fmt: skip
        for callback in callbacks:
            callback.on_event("completed", figures)
        return read_manifest(folder / "model")

    return trainer.workers.from_first(finished)


def _corpus(path: Path, label_set: LabelSet) -> Corpus:
    """A file of documents that carry labels of the set alone. Raises DatasetError and LabelError."""
    corpus = Corpus.read_jsonl(path)
    if not corpus:
        raise DatasetError(f"{path.name} holds no document. Write at least one, a JSON object a line.")
    if not corpus.label_counts():
        raise DatasetError(f"No document of {path.name} carries a label. Write them as a list under the key 'labels'.")
    return described(corpus, label_set.names, where=path.name)
