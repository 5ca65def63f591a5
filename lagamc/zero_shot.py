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
from lagamc.metrics import Indicator, indicator, multilabel_metrics

__all__ = ["ZeroShotScore", "calibrated", "contrasted", "fitted", "sigmoid"]

Matrix = NDArray[np.floating[Any]]
PAIRS = 500_000  # of a document and a label that a score is fitted to, at most
THRESHOLDS = tuple(step / 50 for step in range(1, 36))
LEAST = 10  # documents that a score is fitted to; fewer gave added labels to most documents of any kind


@dataclass(frozen=True, slots=True)
class ZeroShotScore:
    """Log-odds that a document carries an added label, from two things that do not ask for training documents of it.

    `cosine` weighs the contrasted cosine of document and description by the encoder as it was before training:
    fine-tuning on some labels wears off what it knew of others. `doubt` weighs how unsure the trained model is of the
    labels that it learnt: the entropy in nats of the most probable one. The defaults stand where dev tells nothing.
    """

    cosine: float = 10.0
    doubt: float = 2.0
    offset: float = -4.0

    def log_odds(self, cosines: Matrix, top: Matrix) -> Matrix:
        """Log-odds (N, A) from contrasted cosines (N, A) and the probability (N, 1) of the likeliest learnt label."""
        odds: Matrix = self.cosine * cosines + self.doubt * _entropy(top) + self.offset
        return odds

    def to_dict(self) -> dict[str, float]:
        """JSON-able values."""
        return asdict(self)


def contrasted(documents: Matrix, descriptions: Matrix, common: Matrix) -> Matrix:
    """Cosines (N, A) of N documents with A descriptions, by what sets them off from the other descriptions.

    The mean of the others, `common` (D,), is subtracted from documents (N, D) and descriptions (A, D): what all
    descriptions of a collection have in common, its subject, is in every document and tells no label.
    """
    rows, columns = (part / np.linalg.norm(part, axis=1, keepdims=True).clip(1e-9)
                     for part in (documents - common, descriptions - common))  # fmt: skip
    cosines: Matrix = rows @ columns.T
    return cosines


def fitted(cosines: Matrix, probabilities: Matrix, carried: Indicator) -> tuple[ZeroShotScore, float]:
    """Fit the score as if each of L learnt labels in turn had been added; all arrays are (N, L), L at least 2.

    Returns:
        The score, and the probability above which labels are given with the best macro-F1, the middle one of equally
        good ones. The defaults for fewer than 10 documents.
    """
    from sklearn.linear_model import LogisticRegression

    if len(carried) < LEAST or carried.all() or not carried.any():
        return ZeroShotScore(), 0.5
    every = np.arange(len(probabilities))
    order = probabilities.argsort(axis=1)
    others = np.repeat(probabilities[every, order[:, -1], None], probabilities.shape[1], axis=1)
    others[every, order[:, -1]] = probabilities[every, order[:, -2]]  # of the most probable label the next one
    features = np.stack([cosines.ravel(), _entropy(others).ravel()], axis=1)
    model = LogisticRegression(C=100.0, max_iter=1000).fit(features, carried.ravel())
    [(cosine, doubt)], [offset] = model.coef_.tolist(), model.intercept_.tolist()
    if cosine <= 0:  # few documents, and noise: nearer descriptions cannot be the less probable ones
        return ZeroShotScore(), 0.5
    score = ZeroShotScore(cosine, doubt, offset)
    found, names = sigmoid(score.log_odds(cosines, others)), [str(label) for label in range(carried.shape[1])]
    figures = [multilabel_metrics(carried, found > least, names).macro_f1 for least in THRESHOLDS]
    best = [least for least, figure in zip(THRESHOLDS, figures, strict=True) if figure == max(figures)]
    return score, best[len(best) // 2]


def calibrated(backbone: Backbone, label_set: LabelSet, corpus: Corpus) -> tuple[ZeroShotScore, float]:
    """`fitted` on documents that the model was not trained on; the backbone is to be in evaluation mode."""
    examples = list(corpus)[: max(LEAST, PAIRS // len(label_set))]
    texts = [example.text for example in examples]
    documents, descriptions = backbone.starting_encoder.encode(texts).numpy(), backbone.starting_descriptions.numpy()
    of_others = (descriptions.sum(axis=0) - descriptions) / (len(descriptions) - 1)  # (L, D), without its own
    pairs = zip(descriptions, of_others, strict=True)
    cosines = np.concatenate([contrasted(documents, own[None], common) for own, common in pairs], axis=1)
    log_odds = label_log_odds(backbone, texts, backbone.encoder.encode(label_set.descriptions))
    carried = indicator([example.labels for example in examples], label_set)
    return fitted(cosines, sigmoid(log_odds), carried)


def _entropy(probabilities: Matrix) -> Matrix:
    inside = probabilities.clip(1e-6, 1 - 1e-6)
    entropy: Matrix = -inside * np.log(inside) - (1 - inside) * np.log1p(-inside)
    return entropy


def sigmoid(log_odds: Matrix) -> NDArray[np.float64]:
    """Probabilities of log-odds of any shape."""
    probabilities: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-log_odds.astype(np.float64)))
    return probabilities
