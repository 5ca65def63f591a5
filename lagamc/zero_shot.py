"""Labels added after training: how probable one is, when its description is all that a model has of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lagamc.backbone import Backbone
from lagamc.corpus import Corpus
from lagamc.generation import label_log_odds
from lagamc.labels import LabelSet
from lagamc.metrics import Indicator, indicator

__all__ = ["ZeroShotScore", "calibrated", "fitted", "sigmoid"]

Matrix = NDArray[np.floating[Any]]
PAIRS = 500_000  # of a document and a label that a score is fitted to, at most


@dataclass(frozen=True, slots=True)
class ZeroShotScore:
    """Log-odds that a document carries an added label, from two things that do not ask for training documents of it.

    `cosine` weighs the cosine of document and description by the encoder as it was before training: fine-tuning on
    some labels wears off what it knew of others. `explained` weighs the sum of the probabilities of the labels that
    the model learnt: a document that they explain needs no other one. The defaults stand where dev tells nothing.
    """

    cosine: float = 15.0
    explained: float = -2.5
    offset: float = -4.0

    def log_odds(self, cosines: Matrix, probabilities: Matrix) -> Matrix:
        """Cosines (N, A) with added descriptions, probabilities (N, L) of learnt labels -> log-odds (N, A)."""
        explained: Matrix = probabilities.sum(axis=1, keepdims=True)
        return self.cosine * cosines + self.explained * explained + self.offset

    def to_dict(self) -> dict[str, float]:
        """JSON-able values."""
        return asdict(self)


def fitted(cosines: Matrix, probabilities: Matrix, carried: Indicator) -> ZeroShotScore:
    """Fit the score as if each of L learnt labels in turn had been added; all arrays are (N, L)."""
    from sklearn.linear_model import LogisticRegression

    if carried.all() or not carried.any():
        return ZeroShotScore()
    others = probabilities.sum(axis=1, keepdims=True) - probabilities
    features = np.stack([cosines.ravel(), others.ravel()], axis=1)
    model = LogisticRegression(C=100.0, max_iter=1000).fit(features, carried.ravel())
    [(cosine, explained)], [offset] = model.coef_.tolist(), model.intercept_.tolist()
    return ZeroShotScore(cosine, explained, offset)


def calibrated(backbone: Backbone, label_set: LabelSet, corpus: Corpus) -> ZeroShotScore:
    """The score fitted to documents that the model was not trained on; the backbone is to be in evaluation mode."""
    examples = list(corpus)[: max(1, PAIRS // len(label_set))]
    texts = [example.text for example in examples]
    encoder, descriptions = backbone.starting_encoder, label_set.descriptions
    cosines = (encoder.encode(texts) @ encoder.encode(descriptions).T).numpy()
    log_odds = label_log_odds(backbone, texts, backbone.encoder.encode(descriptions))
    carried = indicator([example.labels for example in examples], label_set)
    return fitted(cosines, sigmoid(log_odds), carried)


def sigmoid(log_odds: Matrix) -> NDArray[np.float64]:
    """Probabilities of log-odds of any shape."""
    probabilities: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-log_odds.astype(np.float64)))
    return probabilities
