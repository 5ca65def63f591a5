"""Labels added after training: how probable one is, when its description is all that a model has of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lagamc.backbone import Backbone
from lagamc.contrast import Contrast, Contrasts, Matrix
from lagamc.corpus import Corpus, Example
from lagamc.encoder import SentenceEmbedder
from lagamc.errors import Cancelled
from lagamc.generation import document_embeddings, label_log_odds
from lagamc.labels import LabelSet
from lagamc.metrics import Indicator, indicator, multilabel_metrics

__all__ = ["ZeroShotScore", "calibrated", "fitted", "sigmoid"]

PAIRS = 500_000  # of a document and a label that a score is fitted to, at most
THRESHOLDS = tuple(step / 50 for step in range(1, 36))
KNOWN = 2_000  # training documents that a contrast is made of, at most
AT_ONCE = 256  # documents embedded before somebody may cancel
RARE = 0.01  # share of documents; a contrast without those of a label that is rarer is hardly another one
LEAST = 10  # documents that a score is fitted to; fewer gave added labels to most documents of any kind


@dataclass(frozen=True, slots=True)
class ZeroShotScore:
    """Log-odds that a document carries an added label, from two things that do not ask for training documents of it.

    `cosine` weighs that of document and description, the mean of two whitened ones (`Contrasts`). `doubt` weighs how
    unsure the trained model is of the labels that it learnt: the entropy in nats of the most probable one. The defaults
    stand where dev tells nothing.
    """

    cosine: float = 10.0
    doubt: float = 2.0
    offset: float = -4.0

    def log_odds(self, cosines: Matrix, top: Matrix) -> Matrix:
        """Log-odds (N, A) from cosines (N, A) and the probability (N, 1) of the likeliest learnt label."""
        odds: Matrix = self.cosine * cosines + self.doubt * _entropy(top) + self.offset
        return odds

    def to_dict(self) -> dict[str, float]:
        """JSON-able values."""
        return asdict(self)


def fitted(cosines: Matrix, probabilities: Matrix, carried: Indicator) -> tuple[ZeroShotScore, float]:
    """Fit the score as if each of L learnt labels in turn had been added; all arrays are (N, L), L at least 2.

    Returns:
        The score, and the probability above which labels are given with the best macro-F1, the middle one of equally
        good ones. The defaults where dev tells nothing: fewer than 10 documents, labels that all of them or none
        carry, or nearer descriptions that are the less probable ones.
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


def calibrated(
    backbone: Backbone, label_set: LabelSet, train: Corpus, dev: Corpus, *,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[ZeroShotScore, float, Contrasts]:  # fmt: skip
    """`fitted` on dev, which the model was not trained on, and the contrasts of the training documents.

    Each label in turn is compared by the contrast of the documents without it, as if it had been added, in the space of
    the encoder before training alone: after it each of them was learnt. (Without its own description the mean of all
    would give the same cosines: a description less the mean of the others is a multiple of it less the mean of all.)
    The backbone is to be in evaluation mode.

    Raises:
        Cancelled: on request.
    """
    encoder, descriptions = backbone.starting_encoder, backbone.starting_descriptions.numpy()
    examples = _sample(dev, max(LEAST, PAIRS // len(label_set)), backbone.config.seed)
    texts = [example.text for example in examples]
    known = _sample(train, KNOWN, backbone.config.seed)
    read = _embedded(encoder, [example.text for example in known], cancelled)
    documents = _embedded(encoder, texts, cancelled)
    lying = indicator([example.labels for example in known], label_set)
    whole = Contrast.of(read, descriptions.mean(axis=0))
    cosines = np.empty((len(texts), len(label_set)))
    for column, share in enumerate(lying.mean(axis=0)):
        contrast = whole
        if RARE <= share < 1.0:
            contrast = Contrast.of(read[~lying[:, column]], whole.descriptions)
        cosines[:, [column]] = contrast.cosines(documents, descriptions[[column]])
    learnt = backbone.encoder.encode(label_set.descriptions)
    log_odds = label_log_odds(backbone, texts, learnt, cancelled=cancelled)
    carried = indicator([example.labels for example in examples], label_set)
    trained = document_embeddings(backbone, [example.text for example in known], cancelled=cancelled).numpy()
    contrasts = Contrasts(whole, Contrast.of(trained, learnt.numpy().mean(axis=0)))
    return *fitted(cosines, sigmoid(log_odds), carried), contrasts


def _sample(corpus: Corpus, size: int, seed: int) -> list[Example]:
    """At most so many documents: files may be sorted."""
    return list(corpus) if len(corpus) <= size else random.Random(seed).sample(list(corpus), size)


def _embedded(encoder: SentenceEmbedder, texts: Sequence[str], cancelled: Callable[[], bool]) -> NDArray[np.float32]:
    rows: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), AT_ONCE):
        if cancelled():
            raise Cancelled(f"Cancelled after {start} of {len(texts)} documents were embedded.")
        rows.append(encoder.encode(texts[start : start + AT_ONCE]).numpy())
    return np.concatenate(rows)


def _entropy(probabilities: Matrix) -> Matrix:
    inside = probabilities.clip(1e-6, 1 - 1e-6)
    entropy: Matrix = -inside * np.log(inside) - (1 - inside) * np.log1p(-inside)
    return entropy


def sigmoid(log_odds: Matrix) -> NDArray[np.float64]:
    """Probabilities of log-odds of any shape."""
    probabilities: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-log_odds.astype(np.float64)))
    return probabilities
