"""The peers, on the same split: what a sceptic would try first. Features and settings are picked on dev."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lagamc.corpus import Corpus
from lagamc.labels import LabelSet
from lagamc.metrics import Indicator, Metrics, indicator, multilabel_metrics

__all__ = ["BASELINES", "frozen_encoder_logistic_regression", "tfidf_linear_svm", "tfidf_logistic_regression"]

C_VALUES = (0.1, 0.3, 1.0, 3.0, 10.0)
THRESHOLDS = np.linspace(-1.0, 1.0, 81)  # of decision scores


def tfidf_linear_svm(train: Corpus, dev: Corpus, test: Corpus, label_set: LabelSet) -> Metrics:
    """TF-IDF of words and word pairs, and one linear SVM a label."""
    from sklearn.svm import LinearSVC

    def build(c: float, class_weight: str | None) -> Any:
        return LinearSVC(C=c, class_weight=class_weight, max_iter=5000)

    return _one_vs_rest(build, _tfidf(train, dev, test), (train, dev, test), label_set)


def tfidf_logistic_regression(train: Corpus, dev: Corpus, test: Corpus, label_set: LabelSet) -> Metrics:
    """TF-IDF of words and word pairs, and one logistic regression a label."""
    return _one_vs_rest(_logistic_regression, _tfidf(train, dev, test), (train, dev, test), label_set)


def frozen_encoder_logistic_regression(train: Corpus, dev: Corpus, test: Corpus, label_set: LabelSet) -> Metrics:
    """Frozen all-MiniLM-L6-v2 embeddings, and one logistic regression a label."""
    from lagamc.encoder import SentenceEncoder

    encoder = SentenceEncoder.load()
    features = [encoder.encode([example.text for example in corpus]).numpy() for corpus in (train, dev, test)]
    return _one_vs_rest(_logistic_regression, [features], (train, dev, test), label_set)


BASELINES: Mapping[str, Callable[[Corpus, Corpus, Corpus, LabelSet], Metrics]] = {
    "TF-IDF + linear SVM": tfidf_linear_svm,
    "TF-IDF + logistic regression": tfidf_logistic_regression,
    "frozen MiniLM + logistic regression": frozen_encoder_logistic_regression,
}


def _logistic_regression(c: float, class_weight: str | None) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=c, class_weight=class_weight, max_iter=2000)


def _tfidf(*corpora: Corpus) -> list[list[Any]]:
    """Features of the corpora, once with all terms and once with those of two documents or more."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [[example.text for example in corpus] for corpus in corpora]
    choices = []
    for least in (1, 2):
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=least)
        choices.append([vectorizer.fit_transform(texts[0]), *map(vectorizer.transform, texts[1:])])
    return choices


def _one_vs_rest(
    build: Callable[[float, str | None], Any],
    choices: Sequence[Sequence[Any]],
    corpora: Sequence[Corpus],
    label_set: LabelSet,
) -> Metrics:
    """Fit on train; pick features, C, class weight and one threshold on dev; measure on test once.

    Dev decides by the mean of micro- and macro-F1, since both are reported.
    """
    train, dev, test = (indicator([example.labels for example in corpus], label_set) for corpus in corpora)
    learnt = [column for column in range(len(label_set)) if 0 < train[:, column].sum() < len(train)]
    best: tuple[float, float, list[Any], Any] = (-1.0, 0.0, [], None)
    for (learn, check, measure), c, class_weight in itertools.product(choices, C_VALUES, (None, "balanced")):
        models = [build(c, class_weight).fit(learn, train[:, column]) for column in learnt]
        scores = _scores(models, learnt, check, len(label_set))
        for threshold in THRESHOLDS:
            metrics = multilabel_metrics(dev, scores > threshold, label_set.names)
            figure = (metrics.micro_f1 + metrics.macro_f1) / 2
            if figure > best[0]:
                best = figure, float(threshold), models, measure
    predicted: Indicator = _scores(best[2], learnt, best[3], len(label_set)) > best[1]
    return multilabel_metrics(test, predicted, label_set.names)


def _scores(models: Sequence[Any], learnt: Sequence[int], features: Any, labels: int) -> NDArray[np.float64]:
    """(documents, labels) decision scores; labels without a model are never predicted."""
    scores = np.full((features.shape[0], labels), -np.inf)
    for column, model in zip(learnt, models, strict=True):
        scores[:, column] = model.decision_function(features)
    return scores
