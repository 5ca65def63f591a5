"""What all peers share: settings, results, and the choice of a threshold on dev."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lagamc.config import TrainingConfig, recommended_epochs
from lagamc.datasets import Split
from lagamc.errors import ConfigError, DatasetError
from lagamc.metrics import Indicator, Metrics, indicator, multilabel_metrics

__all__ = [
    "PeerResult",
    "PeerSettings",
    "Scores",
    "best_threshold",
    "constant",
    "indicators",
    "learnable",
    "optional",
    "result_from_scores",
    "silent",
]

Scores = NDArray[np.float64]  # (documents, labels); -inf where a label is never predicted, inf where always

_CANDIDATES = 200  # thresholds tried
_PREDICTED = 4  # times the carried labels: so many of the highest scores are searched


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """Settings of the peers; each takes what it needs.

    Raises:
        ConfigError: a number is out of range.
    """

    model: str | None = None  # hub name or folder of the encoder; name of the chat model; None: built-in MiniLM
    epochs: int | None = None  # None: as many as `lagamc train` would take
    learning_rates: tuple[float, ...] | None = None  # of fine-tuned encoders; dev chooses. None: what suits the encoder
    batch_size: int = 16
    max_tokens: int = 512
    pairs: int = 20  # SetFit: pairs a document and kind, R in its paper
    base_url: str | None = None  # of an OpenAI-compatible server
    answers: Path | None = field(default=None, compare=False, repr=False)  # file that keeps a chat model's answers
    seed: int = 13
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_tokens", "pairs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.epochs is not None and self.epochs < 1:
            raise ConfigError(f"epochs must be at least 1, got {self.epochs}.")
        rates = self.learning_rates
        if rates is not None and not (rates and all(0 < rate < 1 for rate in rates)):
            raise ConfigError(f"learning_rates must lie between 0 and 1, got {rates}.")

    @classmethod
    def like(cls, config: TrainingConfig, *, model: str | None = None) -> PeerSettings:
        """Settings with the reading, the passes and the seed of a run of ours."""
        return cls(
            model=model, epochs=config.epochs, batch_size=config.batch_size, max_tokens=config.max_document_tokens,
            seed=config.seed, device=config.device,
        )  # fmt: skip

    def epochs_for(self, split: Split) -> int:
        """Epochs in force."""
        return self.epochs or recommended_epochs(len(split.train))

    def rates(self) -> tuple[float, ...]:
        """Learning rates in force: 1e-4 suits the built-in MiniLM, larger encoders need less."""
        return self.learning_rates or ((1e-4,) if self.model is None else (2e-5, 5e-5))


@dataclass(frozen=True, slots=True)
class PeerResult:
    """Test figures and predictions (documents, labels), and what dev chose."""

    metrics: Metrics
    dev: Metrics
    predicted: Indicator
    threshold: float
    chosen: Mapping[str, Any]


def indicators(split: Split) -> tuple[Indicator, Indicator, Indicator]:
    """(documents, labels) of train, dev and test. Raises DatasetError when one of them is empty."""
    for name in ("train", "dev", "test"):
        if not getattr(split, name):
            raise DatasetError(f"There is no document in {name}. A peer learns from train and chooses on dev.")
    train, dev, test = (
        indicator([example.labels for example in corpus], split.label_set)
        for corpus in (split.train, split.dev, split.test)
    )
    return train, dev, test


def learnable(train: Indicator) -> list[int]:
    """Columns of the labels that some training documents carry and others do not."""
    return [column for column in range(train.shape[1]) if 0 < train[:, column].sum() < len(train)]


def constant(train: Indicator) -> Scores:
    """(labels,) scores that always predict a label that every training document carries, and never another."""
    scores: Scores = np.where(train.all(axis=0), np.inf, -np.inf)
    return scores


def best_threshold(actual: Indicator, scores: Scores, names: Sequence[str]) -> tuple[float, Metrics]:
    """The threshold above which scores become labels, best by the mean of micro- and macro-F1 on these documents.

    Tried are 200 levels, equally many scores apart, among the highest scores: four times as many as labels are
    carried, whatever the size of the label set. One level more lies below every finite score.
    """
    finite = np.sort(scores[np.isfinite(scores)])
    top = finite[-max(_PREDICTED * int(actual.sum()), 1) :]
    levels = np.unique(np.quantile(top, np.linspace(0, 1, _CANDIDATES))) if len(top) else np.zeros(1)
    below = finite[0] - 1.0 if len(finite) else -1.0  # every finite score counts
    tried = np.append((levels[1:] + levels[:-1]) / 2, below)
    found = [(float(level), multilabel_metrics(actual, scores > level, names)) for level in tried]
    return max(found, key=lambda pair: pair[1].micro_macro_f1)


def result_from_scores(split: Split, dev: Scores, test: Scores, **chosen: Any) -> PeerResult:
    """Pick the threshold on dev, apply it to test once.

    Labels that neither a train nor a dev document carries have no part in the choice: on dev they can only be wrong.
    """
    train_actual, dev_actual, test_actual = indicators(split)
    known = np.flatnonzero(np.concatenate([train_actual, dev_actual]).any(axis=0))
    names = [split.label_set.names[column] for column in known]
    threshold, dev_metrics = best_threshold(dev_actual[:, known], dev[:, known], names)
    predicted: Indicator = test > threshold
    metrics = multilabel_metrics(test_actual, predicted, split.label_set.names)
    return PeerResult(metrics, dev_metrics, predicted, threshold, chosen)


def optional(module: str) -> ModuleType:
    """Import a package of the extra `peers`. Raises ConfigError that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"This peer needs a package that is not installed ({error}). "
            "Install the optional peers: pip install -e '.[peers]'"
        ) from error


@contextmanager
def silent() -> Iterator[None]:
    """Drop what packages, their compiled code included, report on standard output: a command's answer belongs there."""
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 1)
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
