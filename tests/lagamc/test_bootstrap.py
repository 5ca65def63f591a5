"""Intervals hold the figure, repeat themselves, and compare two systems draw by draw."""

import numpy as np
import pytest

from lagamc.bootstrap import Interval, LabelIntervals, bootstrap_intervals, label_intervals, paired_differences
from lagamc.metrics import SUMMARY, multilabel_metrics


@pytest.fixture
def matrices():
    generator = np.random.default_rng(1)
    actual = generator.random((300, 4)) < 0.4
    return actual, actual ^ (generator.random((300, 4)) < 0.2), actual ^ (generator.random((300, 4)) < 0.3)


def test_every_summary_figure_lies_inside_its_interval(matrices):
    actual, predicted, _ = matrices
    figures = multilabel_metrics(actual, predicted, list("abcd")).summary()
    intervals = bootstrap_intervals(actual, predicted)
    assert set(intervals) == set(figures) == set(SUMMARY)
    assert all(intervals[name].low < figures[name] < intervals[name].high for name in figures)


def test_a_draw_equals_the_metrics_of_the_drawn_documents(matrices):
    """With one resample the interval is a point: the figures of exactly those documents."""
    actual, predicted, _ = matrices
    drawn = np.random.default_rng(5).integers(300, size=(1, 300))[0]
    expected = multilabel_metrics(actual[drawn], predicted[drawn], list("abcd")).summary()
    intervals = bootstrap_intervals(actual, predicted, samples=1, seed=5)
    assert {name: interval.low for name, interval in intervals.items()} == pytest.approx(expected)
    assert all(interval.low == interval.high for interval in intervals.values())


def test_the_same_seed_gives_the_same_interval(matrices):
    actual, predicted, _ = matrices
    assert bootstrap_intervals(actual, predicted, seed=2) == bootstrap_intervals(actual, predicted, seed=2)
    assert bootstrap_intervals(actual, predicted, seed=2) != bootstrap_intervals(actual, predicted, seed=3)


def test_a_system_differs_from_itself_by_nothing_and_from_a_worse_one_by_more(matrices):
    actual, good, bad = matrices
    same = paired_differences(actual, good, good)
    assert all((interval.low, interval.high) == (0, 0) for interval in same.values())
    assert paired_differences(actual, good, bad)["micro_f1"].low > 0
    assert paired_differences(actual, bad, good)["micro_f1"].high < 0


def test_a_label_that_vanishes_from_a_draw_does_not_pull_macro_f1_down():
    """One of 200 documents carries the second label; a perfect system stays at 1 in every draw."""
    actual = np.zeros((200, 2), bool)
    actual[:, 0] = True
    actual[0, 1] = True
    interval = bootstrap_intervals(actual, actual)["macro_f1"]
    assert (interval.low, interval.high) == (1, 1)
    never = np.column_stack([actual[:, 0], np.zeros(200, bool)])  # undefined in the whole set: counts as 0, as ever
    assert bootstrap_intervals(never, never)["macro_f1"].high == multilabel_metrics(never, never, "ab").macro_f1 == 0.5


def test_labels_that_vanish_from_draws_leave_equal_systems_equal():
    """Rare labels never found and rare labels always given wrongly both have F1 0: macro-F1 is one and the same."""
    generator = np.random.default_rng(0)
    actual = np.zeros((300, 30), bool)
    actual[:, :20] = generator.random((300, 20)) < 0.15
    actual[range(20, 30), range(20, 30)] = True  # ten labels on one document each
    silent = actual ^ (generator.random(actual.shape) < 0.05)
    silent[:, 20:] = False
    wrong = silent.copy()
    wrong[100:110, 20:] = True
    difference = paired_differences(actual, wrong, silent)["macro_f1"]
    assert (difference.low, difference.high) == pytest.approx((0, 0))
    figure = multilabel_metrics(actual, silent, [str(label) for label in range(30)]).macro_f1
    interval = bootstrap_intervals(actual, silent)["macro_f1"]
    assert (interval.low + interval.high) / 2 == pytest.approx(figure, abs=0.01)


def test_every_labels_figures_lie_inside_their_intervals(matrices):
    actual, predicted, _ = matrices
    labels = multilabel_metrics(actual, predicted, list("abcd")).labels
    intervals = label_intervals(actual, predicted)
    for label, own in zip(labels, intervals, strict=True):
        for name in ("precision", "recall", "f1"):
            assert getattr(own, name).low < getattr(label, name) < getattr(own, name).high
    drawn = np.random.default_rng(5).integers(300, size=(1, 300))[0]
    [first, *_] = label_intervals(actual, predicted, samples=1, seed=5)
    once = multilabel_metrics(actual[drawn], predicted[drawn], list("abcd")).labels[0]
    assert (first.precision.low, first.recall.low, first.f1.low) == pytest.approx(
        (once.precision, once.recall, once.f1)
    )


def test_labels_that_vanish_from_draws_or_never_occur():
    """A perfect label stays at 1 though it lies on one document; one that never occurs stays at 0."""
    actual = np.zeros((200, 2), bool)
    actual[0, 0] = True
    perfect, never, any_ = (LabelIntervals(*[Interval(*ends)] * 3) for ends in ((1, 1), (0, 0), (0, 1)))
    assert label_intervals(actual, actual) == (perfect, never)
    missing = next(seed for seed in range(9) if 0 not in np.random.default_rng(seed).integers(200, size=(1, 200)))
    assert label_intervals(actual, actual, samples=1, seed=missing) == (any_, never)


def test_nothing_to_resample_is_refused(matrices):
    actual, predicted, _ = matrices
    with pytest.raises(ValueError, match="nothing to resample"):
        bootstrap_intervals(actual[:0], predicted[:0])
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_intervals(actual, predicted, confidence=95)


def test_less_confidence_makes_narrower_intervals(matrices):
    """The share that is asked for lies inside; 95% is the usual one."""
    actual, predicted, _ = matrices
    wide, narrow = (bootstrap_intervals(actual, predicted, confidence=share)["micro_f1"] for share in (0.95, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert bootstrap_intervals(actual, predicted)["micro_f1"] == wide
