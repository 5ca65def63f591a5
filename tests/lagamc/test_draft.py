"""Guesses follow the descriptions; what is written is what the model chose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.draft import Draft
from lagamc.trie import DescriptionTrie

SEPARATOR, END = 1, 2
TRIE = DescriptionTrie([(10, 11, 12), (10, 11), (20, 21), (30,)])


def draft(log_odds, max_slots=50):
    return Draft(TRIE, np.array(log_odds, dtype=np.float32), separator=SEPARATOR, end=END, max_slots=max_slots)


def write(text, slots):
    """Let the model say this, one slot at a time."""
    for slot in slots:
        assert text.accept([], [slot], [-0.5]) == 0
    return text


def test_the_first_guess_is_the_likely_labels_in_target_order():
    assert draft([3, -1, -1, 9]).guess(50) == [10, 11, 12, SEPARATOR, 30]
    assert draft([3, -1, -1, 9]).guess(2) == [10, 11, 12]


def test_without_a_likely_label_the_most_probable_one_is_guessed():
    assert draft([-3, -2, -1, -9]).guess(50) == [20, 21]


def test_a_guess_starts_from_what_is_written():
    """A shared beginning leaves the labels that fit; after a separator the next label in order comes."""
    assert write(draft([-2, -3, 5, 5]), [10]).guess(50) == [11, 12, SEPARATOR, 20, 21, SEPARATOR, 30]
    assert write(draft([-3, -2, 5, 5]), [10]).guess(2) == [11, SEPARATOR, 20, 21]
    assert write(draft([5, -1, 5, -2]), [20, 21, SEPARATOR]).guess(1) == [10, 11, 12]
    assert write(draft([5, -1, 5, 2]), [20, 21, SEPARATOR]).guess(1) == [30]


def test_off_the_trie_nothing_is_guessed_until_the_next_separator():
    text = write(draft([1, 1, 1, 1]), [10, 99])
    assert text.guess(50) == []
    assert write(text, [SEPARATOR]).guess(1) == [10, 11, 12]


def test_a_guess_leaves_room_for_the_slot_after_it():
    assert draft([1, 1, 1, 1], max_slots=3).guess(50) == [10, 11]
    assert draft([1, 1, 1, 1], max_slots=1).guess(50) == []


def test_the_model_is_followed_as_far_as_it_saw_its_own_words():
    text = draft([0] * 4)
    assert text.accept([10, 11, 12], [10, 20, 77, 77], [-1.0, -2.0, -9.0, -9.0]) == 1
    assert text.slots == [10, 20]
    assert text.scores == [-1.0, -2.0]
    assert text.accept([30], [30, END], [-1.0, -1.0]) == 1
    assert text.finished
    assert text.slots == [10, 20, 30, END]


def test_nothing_is_written_after_the_end():
    """Even where a description held the end, as no real one does."""
    text = draft([0] * 4)
    assert text.accept([10, END, 11], [10, END, 11, 12], [0.0] * 4) == 1
    assert text.finished
    assert text.slots == [10, END]


def test_a_guess_needs_one_choice_more_than_it_has_slots():
    with pytest.raises(ValueError, match="one more"):
        draft([0] * 4).accept([10, 11], [10, 11], [0.0, 0.0])


@given(st.lists(st.sampled_from([10, 11, 12, 20, 21, 30, 99, SEPARATOR]), max_size=12), st.integers(1, 20))
def test_whatever_was_said_a_guess_fits_and_never_ends_the_text(said, max_slots):
    text = draft([1, -1, 1, -2], max_slots=max_slots)
    write(text, said[: max_slots - 1])
    guess = text.guess(50)
    assert END not in guess
    assert len(text.slots) + len(guess) < max_slots
