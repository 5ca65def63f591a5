"""Free-running evaluation of a model on labelled documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lagamc.backbone import Backbone
from lagamc.classifier import Classifier, DocumentResult
from lagamc.corpus import Corpus
from lagamc.errors import DatasetError
from lagamc.generation import Progress
from lagamc.labels import LabelSet
from lagamc.metrics import Metrics, indicator, multilabel_metrics

__all__ = ["Report", "evaluate", "evaluate_classifier"]


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, and the results they were computed from, in corpus order."""

    metrics: Metrics
    results: tuple[DocumentResult, ...]


def evaluate_classifier(
    classifier: Classifier, corpus: Corpus, *, threshold: float | None = None,
    progress: Progress | None = None, cancelled: Callable[[], bool] | None = None,
) -> Report:  # fmt: skip
    """Classify the corpus, seeing the texts alone, and compare with its labels.

    Raises:
        DatasetError: the corpus is empty.
        LabelError: it carries a label that the model does not know.
    """
    if not corpus:
        raise DatasetError("There is no document to evaluate on.")
    label_set = classifier.label_set
    actual = indicator([example.labels for example in corpus], label_set)
    results = classifier.classify(
        [example.text for example in corpus], threshold=threshold, progress=progress, cancelled=cancelled
    )
    predicted = indicator([result.labels for result in results], label_set)
    return Report(multilabel_metrics(actual, predicted, label_set.names), tuple(results))


def evaluate(
    backbone: Backbone, label_set: LabelSet, corpus: Corpus, *,
    max_new_tokens: int, threshold: float, cancelled: Callable[[], bool] | None = None,
) -> Report:  # fmt: skip
    """Evaluate a backbone as it stands in the middle of training."""
    classifier = Classifier(backbone, label_set, max_new_tokens=max_new_tokens, threshold=threshold)
    return evaluate_classifier(classifier, corpus, cancelled=cancelled)
