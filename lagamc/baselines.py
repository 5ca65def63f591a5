"""The peers, on the same split: what a sceptic would try first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lagamc.corpus import Corpus
from lagamc.labels import LabelSet
from lagamc.metrics import Indicator, Metrics, indicator, multilabel_metrics

__all__ = ["BASELINES", "frozen_encoder_logistic_regression", "tfidf_linear_svm", "tfidf_logistic_regression"]

THRESHOLDS = np.linspace(-1.0, 1.0, 81)  # of decision scores; probabilities .5 either side map to 0


def tfidf_linear_svm(train: Corpus, dev: Corpus, test: Corpus, label_set: LabelSet) -> Metrics:
    """Word 1-2-gram TF-IDF and one linear SVM a label; C and threshold picked on dev."""
    from sklearn.svm import LinearSVC

    features = _tfidf(train, dev, test)
    return _one_vs_rest(lambda c: LinearSVC(C=c), features, (train, dev, test), label_set)


def tfidf_logistic_regression(train: Corpus, dev: Corpus, test: Corpus, label_set: LabelSet) -> Metrics:
    """Word 1-2-gram TF-IDF and one logistic regression a label; C and threshold picked on dev."""
    from sklearn.linear_model import LogisticRegression

    features = _tfidf(train, dev, test)
    return _one_vs_rest(lambda c: LogisticRegression(C=c, max_iter=2000), features, (train, dev, test), label_set)


def frozen_encoder_logistic_regression(train: Corpus, dev: Corpus, test: Corpus, label_set: LabelSet) -> Metrics:
    """Frozen all-MiniLM-L6-v2 embeddings and one logistic regression a label; C and threshold picked on dev."""
    from sklearn.linear_model import LogisticRegression

    from lagamc.encoder import SentenceEncoder

    encoder = SentenceEncoder.load()
    features = [encoder.encode([example.text for example in corpus]).numpy() for corpus in (train, dev, test)]
    return _one_vs_rest(lambda c: LogisticRegression(C=c, max_iter=2000), features, (train, dev, test), label_set)


BASELINES: Mapping[str, Callable[[Corpus, Corpus, Corpus, LabelSet], Metrics]] = {
    "TF-IDF + linear SVM": tfidf_linear_svm,
    "TF-IDF + logistic regression": tfidf_logistic_regression,
    "frozen MiniLM + logistic regression": frozen_encoder_logistic_regression,
}


def _tfidf(*corpora: Corpus) -> list[Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=1)
    texts = [[example.text for example in corpus] for corpus in corpora]
    return [vectorizer.fit_transform(texts[0]), *map(vectorizer.transform, texts[1:])]


def _one_vs_rest(
    build: Callable[[float], Any], features: Sequence[Any], corpora: Sequence[Corpus], label_set: LabelSet
) -> Metrics:
    """Fit on train, pick C and one threshold by dev micro-F1, and measure on test once."""
    train, dev, test = (indicator([example.labels for example in corpus], label_set) for corpus in corpora)
    learnt = [column for column in range(len(label_set)) if 0 < train[:, column].sum() < len(train)]
    best: tuple[float, float, list[Any]] = (-1.0, 0.0, [])
    for c in (0.3, 1.0, 3.0, 10.0, 30.0):
        models = [build(c).fit(features[0], train[:, column]) for column in learnt]
        scores = _scores(models, learnt, features[1], len(label_set))
        for threshold in THRESHOLDS:
            micro = multilabel_metrics(dev, scores > threshold, label_set.names).micro_f1
            if micro > best[0]:
                best = micro, float(threshold), models
    predicted: Indicator = _scores(best[2], learnt, features[2], len(label_set)) > best[1]
    return multilabel_metrics(test, predicted, label_set.names)


def _scores(models: Sequence[Any], learnt: Sequence[int], features: Any, labels: int) -> NDArray[np.float64]:
    """(documents, labels) decision scores; labels without a model are never predicted."""
    scores = np.full((features.shape[0], labels), -np.inf)
    for column, model in zip(learnt, models, strict=True):
        scores[:, column] = model.decision_function(features)
    return scores
