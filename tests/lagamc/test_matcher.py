"""The matcher finds what a plain cosine matrix finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.errors import ConfigError
from lagamc.matcher import Matcher, check_threshold


@given(st.integers(0, 10), st.integers(1, 9), st.integers(1, 4), st.integers(0, 99))
def test_nearest_and_runner_up_equal_the_full_matrix(sentences, labels, block, seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(sentences, 6)), random.normal(size=(labels, 6))
    matches = Matcher([f"l{i}" for i in range(labels)], b, block=block).match(a)
    cosines = (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    assert len(matches) == sentences
    for match, row in zip(matches, cosines, strict=True):
        order = np.argsort(-row)
        assert match.label == f"l{order[0]}"
        assert match.cosine == pytest.approx(row[order[0]], abs=1e-5)
        if labels == 1:
            assert match.runner_up is match.margin is None
        else:
            assert match.runner_up == f"l{order[1]}"
            assert match.margin == pytest.approx(row[order[0]] - row[order[1]], abs=1e-5)


def test_cosines_stay_in_range_and_a_zero_vector_matches_with_zero():
    vectors = np.array([[3.0, 4.0], [0.0, 0.0]])
    first, second = Matcher(["a", "b"], np.array([[3.0, 4.0], [-3.0, -4.0]])).match(vectors)
    assert first.cosine == 1.0
    assert first.runner_up_cosine == -1.0
    assert second.cosine == 0.0


@pytest.mark.parametrize("threshold", [-1.1, 1.5, float("nan")])
def test_a_threshold_that_is_no_cosine_is_refused(threshold):
    with pytest.raises(ConfigError, match="between -1 and 1"):
        check_threshold(threshold)
