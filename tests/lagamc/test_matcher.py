"""The matcher finds what a plain cosine matrix finds."""

import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.errors import ConfigError
from lagamc.matcher import Matcher, check_threshold


@given(st.integers(0, 10), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_nearest_and_runner_up_equal_the_full_matrix(sentences, labels, sentence_block, label_block, seed):
    """However the matrix is cut into blocks, along either side."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(sentences, 6)), random.normal(size=(labels, 6))
    names = [f"l{i}" for i in range(labels)]
    matches = Matcher(names, b, sentence_block=sentence_block, label_block=label_block).match(a)
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


def test_equal_labels_win_in_their_order():
    """Whether they stand in one block or in several."""
    for label_block in (1, 2, 3):
        matcher = Matcher(["a", "b", "c"], np.ones((3, 4)), label_block=label_block)
        [match] = matcher.match(np.ones((1, 4)))
        assert (match.label, match.runner_up) == ("a", "b")


def test_arrays_and_objects_say_the_same():
    """Positions stand for names."""
    random = np.random.default_rng(0)
    matcher = Matcher(["a", "b", "c"], random.normal(size=(3, 4)))
    sentences = random.normal(size=(9, 4))
    found, matches = matcher.nearest(sentences), matcher.match(sentences)
    assert [matcher.names[label] for label in found.labels] == [match.label for match in matches]
    assert [matcher.names[label] for label in found.runners_up] == [match.runner_up for match in matches]
    assert found.cosines.tolist() == [match.cosine for match in matches]


def test_no_array_holds_a_cosine_of_every_pair():
    """4,000 sentences and 3,000 labels have 48 MB of cosines; a twelfth of that is in memory at a time."""
    matcher = Matcher([str(i) for i in range(3000)], np.eye(3000, 8), sentence_block=200)
    tracemalloc.start()
    matcher.nearest(np.ones((4000, 8)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20


@given(st.integers(1, 300), st.integers(0, 99))
def test_small_label_sets_lose_nothing_to_the_approximate_index(labels, seed):
    """Most cells are searched, so it finds what the exact matcher finds."""
    random = np.random.default_rng(seed)
    names, embeddings = [str(i) for i in range(labels)], random.normal(size=(labels, 6))
    sentences = embeddings[random.integers(0, labels, 20)] + 0.1 * random.normal(size=(20, 6))
    exact = Matcher(names, embeddings).nearest(sentences)
    found = Matcher(names, embeddings, matching="approximate").nearest(sentences)
    assert (exact.labels == found.labels).mean() > 0.9
    assert found.cosines == pytest.approx(exact.cosines, abs=0.2)
    assert (found.runners_up >= 0).all()


def test_an_unknown_way_of_matching_is_refused():
    with pytest.raises(ConfigError, match="exact or approximate"):
        Matcher(["a"], np.ones((1, 2)), matching="fast")


def test_a_missing_index_package_is_named(monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[approximate\]'"):
        Matcher(["a", "b"], np.eye(2), matching="approximate")


@pytest.mark.parametrize("threshold", [-1.1, 1.5, float("nan")])
def test_a_threshold_that_is_no_cosine_is_refused(threshold):
    with pytest.raises(ConfigError, match="between -1 and 1"):
        check_threshold(threshold)


def test_no_cosine_is_above_one():
    """Rounding would make some of 300 texts nearer to themselves than a threshold may be."""
    vectors = np.random.default_rng(0).normal(size=(300, 384)).astype(np.float32)
    matches = Matcher([str(row) for row in range(300)], vectors).match(vectors)
    assert [match.label for match in matches] == [str(row) for row in range(300)]
    assert max(match.cosine for match in matches) == 1.0
