"""Linear models, one a label, on TF-IDF or on frozen sentence embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from lagamc.baselines.peers import (
    PeerResult,
    PeerSettings,
    Scores,
    best_threshold,
    constant,
    indicators,
    learnable,
    result_from_scores,
)
from lagamc.datasets import Split
from lagamc.errors import DatasetError

__all__ = ["frozen_encoder_logistic_regression", "tfidf", "tfidf_linear_svm", "tfidf_logistic_regression"]

C_VALUES = (0.1, 0.3, 1.0, 3.0, 10.0)
_CHOICES = (("terms of 1", 1, False), ("terms of 2", 2, False), ("terms and characters of 2", 2, True))

Build = Callable[[float, str | None], Any]


def tfidf_linear_svm(split: Split, settings: PeerSettings) -> PeerResult:
    """TF-IDF of words, word pairs and, where dev prefers them, pieces of words; one linear SVM a label."""
    from sklearn.svm import LinearSVC

    def build(c: float, class_weight: str | None) -> Any:
        return LinearSVC(C=c, class_weight=class_weight, max_iter=5000, random_state=settings.seed)

    return _one_vs_rest(build, _tfidf_choices(split), split)


def tfidf_logistic_regression(split: Split, _: PeerSettings) -> PeerResult:
    """TF-IDF of words, word pairs and, where dev prefers them, pieces of words; one logistic regression a label."""
    return _one_vs_rest(_logistic_regression, _tfidf_choices(split), split)


def frozen_encoder_logistic_regression(split: Split, settings: PeerSettings) -> PeerResult:
    """Embeddings of a frozen sentence encoder, and one logistic regression a label."""
    from lagamc.encoder import SentenceEncoder
    from lagamc.precision import chosen_device

    encoder = SentenceEncoder.load(settings.model).to(chosen_device(settings.device))
    parts = (split.train, split.dev, split.test)
    features = [encoder.encode([example.text for example in corpus]).numpy() for corpus in parts]
    return _one_vs_rest(_logistic_regression, {"embeddings": features}, split)


def tfidf(split: Split, least: int, *, characters: bool = False) -> list[Any]:
    """Features of train, dev and test: words and word pairs that `least` training documents hold.

    With `characters`, pieces of 2 to 5 characters inside words too, or alone where no word is as common.

    Raises:
        DatasetError: a part is empty, or nothing is as common.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    indicators(split)
    train, dev, test = ([example.text for example in corpus] for corpus in (split.train, split.dev, split.test))
    common: dict[str, Any] = {"sublinear_tf": True, "min_df": min(least, len(train))}
    vectorizers = [TfidfVectorizer(ngram_range=(1, 2), **common)]
    if characters:
        vectorizers.append(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **common))
    parts = []
    for vectorizer in vectorizers:
        with suppress(ValueError):  # it found no term
            parts.append([vectorizer.fit_transform(train), vectorizer.transform(dev), vectorizer.transform(test)])
    if not parts:
        raise DatasetError(
            f"No word of two or more characters stands in {least} or more of the {len(train):,} training documents, so "
            "TF-IDF has nothing to count. Give longer texts, or choose a peer that reads with an encoder."
        )
    return [hstack(columns, format="csr") for columns in zip(*parts, strict=True)]


def _tfidf_choices(split: Split) -> dict[str, Sequence[Any]]:
    """What dev chooses from. Raises DatasetError when none of it can be had."""
    choices: dict[str, Sequence[Any]] = {}
    reasons = []
    for name, least, characters in _CHOICES:
        try:
            choices[name] = tfidf(split, least, characters=characters)
        except DatasetError as error:
            reasons.append(error)
    if not choices:
        raise reasons[0]
    return choices


def _logistic_regression(c: float, class_weight: str | None) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=c, class_weight=class_weight, max_iter=2000)


def _one_vs_rest(build: Build, choices: dict[str, Sequence[Any]], split: Split) -> PeerResult:
    """Fit on train; dev picks features, then C, then the class weight, each with one threshold; measure on test once.

    All combinations would take four times as long.
    """
    train, dev, _ = indicators(split)
    learnt = learnable(train)
    steps = {"features": tuple(choices), "C": C_VALUES, "class_weight": (None, "balanced")}
    chosen: dict[str, Any] = {"features": None, "C": 1.0, "class_weight": None}
    nothing = np.empty((0, 0))
    best: tuple[float, Scores, Scores] = (-1.0, nothing, nothing)
    for setting, values in steps.items():
        before = chosen
        for value in values:
            tried = before | {setting: value}
            if tried == before:
                continue  # fitted in an earlier step
            learn, check, measure = choices[tried["features"]]
            models = [build(tried["C"], tried["class_weight"]).fit(learn, train[:, column]) for column in learnt]
            scores = _scores(models, learnt, check, constant(train))
            figure = best_threshold(dev, scores, split.label_set.names)[1].micro_macro_f1
            if figure > best[0]:
                best, chosen = (figure, scores, _scores(models, learnt, measure, constant(train))), tried
    return result_from_scores(split, *best[1:], **chosen)


def _scores(models: Sequence[Any], learnt: Sequence[int], features: Any, others: Scores) -> Scores:
    """(documents, labels) decision scores; `others` holds those of labels without a model."""
    scores = np.repeat(others[None], features.shape[0], axis=0)
    for column, model in zip(learnt, models, strict=True):
        scores[:, column] = model.decision_function(features)
    return scores
