from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.descriptions.collisions import collisions, confusions, rival_of
from lagamc.descriptions.diff import word_diff
from lagamc.descriptions.examples import pick_examples
from lagamc.descriptions.scaffold import SCAFFOLD_MARK, TermTable, assemble, candidate_sentences, typical_sentences


@given(st.integers(0, 2**31), st.integers(2, 40))
def test_the_blocked_product_agrees_with_every_single_cosine(seed, size):
    """Each label's rival is the other label of highest cosine."""
    rows = np.random.default_rng(seed).normal(size=(size, 5)).astype(np.float32)
    found = collisions(rows)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    expected = unit @ unit.T
    np.testing.assert_allclose(found.cosines, expected, atol=1e-5)
    for rival in found.rivals:
        others = [column for column in range(size) if column != rival.label]
        assert rival.cosine == pytest.approx(max(expected[rival.label, others]), abs=1e-5)
        assert rival.rival != rival.label


def test_a_label_alone_has_no_rival():
    """One label, or no other one, is no error; no label is."""
    assert collisions(np.ones((1, 3))).rivals == ()
    assert rival_of(np.ones(3), np.empty((0, 3))) is None
    with pytest.raises(ValueError, match="no description"):
        collisions(np.empty((0, 3)))


def test_documents_of_one_label_matched_to_the_other_are_listed():
    carried = [{0}, {0}, {0, 1}, {1}, {0}]
    matched = [{1}, {0, 1}, {1}, {1}, set()]
    assert confusions(carried, matched, 0, 1) == [0]


@given(st.lists(st.sampled_from(["a", "b", "c", "d"])), st.lists(st.sampled_from(["a", "b", "c", "d"])))
def test_a_word_diff_holds_both_wordings(before, after):
    """Without additions it reads as before, without removals as after."""
    changes = word_diff(" ".join(before), " ".join(after))
    assert " ".join(change.text for change in changes if change.kind != "added") == " ".join(before)
    assert " ".join(change.text for change in changes if change.kind != "removed") == " ".join(after)


TEXTS = ["the lamp is dark", "a dark lamp again", "music is loud", "loud music at night", "lamp and music", "the the"]
LABELS = [[0], [0], [1], [1], [0, 1], []]


def test_distinctive_terms_are_those_of_the_label_alone():
    """Stop words never are; terms of a rival are not among those that tell it apart."""
    table = TermTable(TEXTS, LABELS, 3)
    assert set(table.distinctive(0)[:2]) == {"lamp", "dark"}
    assert set(table.against(0, 1)) == {"lamp", "dark"}
    assert "lamp" not in table.against(1, 0)
    assert table.distinctive(2) == table.against(0, 2) == ()


@pytest.mark.parametrize("texts", [[], ["the", "of"]])
def test_without_words_there_are_no_terms(texts):
    table = TermTable(texts, [[0]] * len(texts), 1)
    assert table.distinctive(0) == ()


def test_a_scaffold_says_that_it_is_one(embed):
    """It quotes typical sentences that differ from each other."""
    sentences = candidate_sentences(
        ["The lamp is dark. The lamp is dark!", "The lamp is dark now. Bins are full again."]
    )
    rows = embed(sentences)
    typical = typical_sentences(sentences, rows, rows.mean(axis=0))
    assert len(typical) == 2
    scaffold = assemble("lighting", ("lamp",), typical)
    assert scaffold.text.startswith(f"{SCAFFOLD_MARK} lighting. Typical words are lamp. Documents say: ")
    assert assemble("lighting", (), ()).text == f"{SCAFFOLD_MARK} lighting."


@given(st.integers(0, 2**31), st.integers(0, 12))
def test_examples_are_typical_and_different(seed, size):
    """The first is the most typical; all are distinct rows."""
    rows = np.random.default_rng(seed).normal(size=(size, 4)).astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    chosen = pick_examples(rows)
    assert len(chosen) == len(set(chosen)) == min(size, 2)
    if size:
        assert chosen[0] == int((rows @ rows.mean(axis=0)).argmax())


def test_an_outlier_is_no_example():
    """The farthest row of all is not typical, so the pool leaves it out."""
    rows = np.array([[1, 0], [0.99, 0.14], [0.8, 0.6], [-1, 0]], dtype=np.float32)
    assert 3 not in pick_examples(rows)
