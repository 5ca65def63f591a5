"""Duplicates are found as an exhaustive comparison of sets finds them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lagamc.duplicates import find_duplicates, shingles
from lagamc.errors import ConfigError

texts = st.lists(st.text("ab c", max_size=30), min_size=1, max_size=6)


@settings(deadline=None)
@given(texts, texts)
def test_similarities_equal_those_of_the_sets(test, train):
    found = find_duplicates(test, train, limit=0.5)
    for row, text in enumerate(test):
        own = set(shingles(text))
        best = max(len(own & set(shingles(other))) / len(own | set(shingles(other))) for other in train)
        assert found.similarity[row] == pytest.approx(best)
        assert found.either[row] == (best >= 0.5 or found.exact[row])
        assert not (found.exact[row] and found.near[row])


def test_marks_case_and_space_do_not_hide_a_copy():
    train = ["The lamp outside number 12 is dead.", "Bins were left full again this week in our street, sadly."]
    test = ["the LAMP outside number 12  is dead!", "Bins were left full again this week in our street.", "Other."]
    found = find_duplicates(test, train, limit=0.7)
    assert found.exact.tolist() == [True, False, False]
    assert found.near.tolist() == [False, True, False]
    assert found.nearest.tolist()[:2] == [0, 1]
    assert found.similarity[2] == 0


def test_texts_without_words_or_without_spaces_are_compared_as_well():
    train = ["\U0001f680", "昨夜から隣の家の犬がずっと吠えていて眠れません。"]
    test = [
        "\U0001f44d",
        "!!!",
        "\U0001f680",
        "昨夜から隣の家の犬がずっと吠えていて眠れない。",
        "ごみの収集が来ません。",
    ]
    found = find_duplicates(test, train, limit=0.7)
    assert found.exact.tolist() == [False, False, True, False, False]
    assert found.near.tolist() == [False, False, False, True, False]


def test_nothing_to_compare_with_is_no_duplicate():
    assert not find_duplicates(["a b c"], []).either.any()
    assert len(find_duplicates([], ["a"]).exact) == 0


def test_a_limit_that_is_no_similarity_is_refused():
    with pytest.raises(ConfigError, match="above 0"):
        find_duplicates(["a"], ["a"], limit=0)


def test_a_similarity_at_the_limit_is_near():
    """One of two runs of three words in common."""
    found = find_duplicates(["one two three four"], ["one two three"], limit=0.5)
    assert (found.similarity.tolist(), found.near.tolist()) == ([0.5], [True])
