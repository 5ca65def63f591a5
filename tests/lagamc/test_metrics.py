"""Our metrics equal scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_recall_fscore_support

from lagamc.labels import LabelSet
from lagamc.metrics import indicator, multilabel_metrics

shapes = st.tuples(st.integers(1, 12), st.integers(2, 5))
pairs = shapes.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape)))


@given(pairs)
def test_every_figure_equals_scikit_learns(pair):
    actual, predicted = pair
    names = [str(column) for column in range(actual.shape[1])]
    metrics = multilabel_metrics(actual, predicted, names)
    for average in ("micro", "macro", "weighted", "samples"):
        ours = metrics.sample_f1 if average == "samples" else getattr(metrics, f"{average}_f1")
        assert ours == pytest.approx(f1_score(actual, predicted, average=average, zero_division=0))
    assert metrics.jaccard == pytest.approx(jaccard_score(actual, predicted, average="samples", zero_division=0))
    assert metrics.subset_accuracy == pytest.approx(accuracy_score(actual, predicted))
    expected = np.array(precision_recall_fscore_support(actual, predicted, zero_division=0))
    found = np.array([[label.precision, label.recall, label.f1, label.support] for label in metrics.labels])
    np.testing.assert_allclose(found.T, expected)


def test_the_indicator_marks_carried_labels():
    labels = LabelSet.from_mapping({"a": "x", "b": "y"})
    np.testing.assert_array_equal(indicator([["b"], [], ["a", "b"]], labels), [[0, 1], [0, 0], [1, 1]])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        multilabel_metrics(np.zeros((2, 2), bool), np.zeros((2, 3), bool), ["a", "b"])
