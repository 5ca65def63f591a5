"""Label counts, rare labels, length buckets and thresholds, on matrices small enough to check by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lagamc.analysis import (
    CountRow,
    label_count_table,
    length_buckets,
    rarest_labels,
    subset_figures,
    threshold_sweep,
)
from lagamc.labels import LabelSet
from lagamc.metrics import multilabel_metrics

LABELS = LabelSet.from_mapping({"a": "one", "b": "one two", "c": "one two three four"})
matrices = st.integers(1, 30).flatmap(lambda rows: st.tuples(arrays(bool, (rows, 3)), arrays(bool, (rows, 3))))


def test_documents_are_counted_by_number_of_labels():
    actual = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]], bool)
    predicted = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 0]], bool)
    assert label_count_table(actual, predicted) == (
        CountRow(0, 1, 0), CountRow(1, 1, 1), CountRow(2, 1, 1), CountRow(3, 0, 1),
    )  # fmt: skip


@given(matrices)
def test_counts_and_buckets_lose_no_document(pair):
    actual, predicted = pair
    rows = label_count_table(actual, predicted)
    assert sum(row.actual for row in rows) == sum(row.predicted for row in rows) == len(actual)
    buckets = length_buckets(actual, predicted, LABELS, buckets=4)
    sizes = [bucket.documents for bucket in buckets]
    assert sum(sizes) == actual.any(axis=1).sum()
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert all(first.longest <= second.shortest for first, second in itertools.pairwise(buckets))


def test_rarest_labels_are_a_share_rounded_up():
    counts = {"a": 5, "b": 1, "d": 1}
    assert rarest_labels(counts, ["a", "b", "c", "d"]) == ("c",)
    assert rarest_labels(counts, ["a", "b", "c", "d"], share=0.6) == ("c", "b", "d")
    assert len(rarest_labels({}, list(map(str, range(90))))) == 14


def test_a_subset_is_measured_on_all_documents_and_on_its_carriers():
    """A rare label wrongly given to a document without one costs only in the figure over all documents."""
    actual = np.array([[0, 0, 1], [1, 0, 0]], bool)
    predicted = np.array([[0, 0, 1], [0, 0, 1]], bool)
    figures = subset_figures(actual, predicted, LABELS, ["c"])
    assert figures.carriers == 1
    assert figures.macro_f1 == pytest.approx(2 / 3)
    assert figures.macro_f1_of_carriers == 1


def test_a_subset_that_nobody_carries_has_no_carriers():
    actual = np.array([[1, 0, 0]], bool)
    assert subset_figures(actual, actual, LABELS, ["c"]).macro_f1_of_carriers == 0


def test_buckets_measure_their_own_documents():
    actual = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 1, 1]], bool)
    predicted = actual.copy()
    predicted[2:] = False
    short, long = length_buckets(actual, predicted, LABELS, buckets=2)
    assert (short.shortest, short.longest, short.micro_f1, short.macro_f1) == (1, 1, 1.0, 1.0)
    assert (long.shortest, long.longest, long.micro_f1, long.macro_f1) == (4, 6, 0.0, 0.0)


def test_a_sweep_measures_each_threshold():
    actual = np.array([[1, 0, 0], [0, 1, 0]], bool)
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.6, 0.1]])
    rows = threshold_sweep(actual, lambda threshold: scores > threshold, LABELS.names, [0.0, 0.55])
    assert [row.threshold for row in rows] == [0.0, 0.55]
    assert rows[1].micro_f1 == 1
    assert rows[0].micro_f1 == multilabel_metrics(actual, scores > 0, LABELS.names).micro_f1
