"""Peers choose the threshold of their scores on dev, among enough of them, and on nothing else."""

import numpy as np
import pytest

from lagamc.baselines.peers import best_threshold, result_from_scores
from lagamc.corpus import Corpus
from lagamc.datasets import Split
from lagamc.labels import Label, LabelSet
from lagamc.metrics import multilabel_metrics


@pytest.fixture(scope="module")
def split(corpora, label_set):
    return Split(**corpora, label_set=label_set)


def test_the_threshold_is_the_best_on_dev(label_set):
    scores = np.array([[0.9, 0.2, 0.1], [0.3, 0.8, -np.inf]])
    threshold, metrics = best_threshold(np.array([[1, 0, 0], [0, 1, 0]], bool), scores, label_set.names)
    assert 0.3 < threshold < 0.8
    assert metrics.micro_f1 == 1


def test_equal_scores_can_all_become_labels(label_set):
    """Where every score is the same, dev may still choose to take them all."""
    scores = np.where(np.eye(3, dtype=bool), 1.0, -np.inf)
    assert best_threshold(np.eye(3, dtype=bool), scores, label_set.names)[1].micro_f1 == 1


def test_many_labels_do_not_coarsen_the_threshold():
    """Of 100,000 scores the 300 that matter are told apart: nearly the best of all thresholds is found."""
    generator = np.random.default_rng(0)
    label_set = LabelSet(Label(f"label {number}", f"Description {number}.") for number in range(500))
    actual = generator.random((200, 500)) < 1.5 / 500
    scores = generator.normal(size=actual.shape) + 4.0 * actual
    best = max(
        multilabel_metrics(actual, scores > level, label_set.names).micro_macro_f1
        for level in np.sort(scores, axis=None)[-2000:]
    )
    assert best_threshold(actual, scores, label_set.names)[1].micro_macro_f1 > best - 0.005


def test_test_labels_have_no_part_in_the_choice(split):
    """Other labels on test leave threshold and predictions as they were."""
    generator = np.random.default_rng(0)
    dev, test = generator.random((len(split.dev), 3)), generator.random((len(split.test), 3))
    other = Split(split.train, split.dev, Corpus(e for e in reversed(split.test)), split.label_set)
    first, second = result_from_scores(split, dev, test), result_from_scores(other, dev, test)
    assert first.threshold == second.threshold
    np.testing.assert_array_equal(first.predicted, second.predicted)


def test_labels_that_dev_cannot_judge_have_no_part_in_the_choice(split):
    """Held out of train and dev, every score of one would be wrong there, and the threshold too high for it."""
    known = {label.name for label in list(split.label_set)[:2]}
    parts = split.train, split.dev
    without = [Corpus(each for each in part if known.issuperset(each.labels) and each.labels) for part in parts]
    held = Split(*without, split.test, split.label_set)
    generator = np.random.default_rng(0)
    dev, test = generator.random((len(held.dev), 3)), generator.random((len(split.test), 3))
    high = dev.copy()
    high[:, 2] = 0.99
    found = [result_from_scores(held, scores, test) for scores in (dev, high)]
    assert found[0].threshold == found[1].threshold < 0.9
    assert found[0].dev.micro_f1 == found[1].dev.micro_f1
    assert found[0].predicted.shape == (len(split.test), 3)
