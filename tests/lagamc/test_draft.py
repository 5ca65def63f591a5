"""Guesses follow the descriptions; what is written is what the model chose, among what is asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.draft import MOST_GUESSED, ConstrainedDraft, Draft
from lagamc.trie import DescriptionTrie

SEPARATOR, END = 1, 2
TRIE = DescriptionTrie([(10, 11, 12), (10, 11), (20, 21), (30,)])


def draft(log_odds, max_slots=50, kind=Draft):
    return kind(TRIE, np.array(log_odds, dtype=np.float32), separator=SEPARATOR, end=END, max_slots=max_slots)


def write(text, slots):
    """Let the model say this, one slot at a time."""
    for slot in slots:
        assert text.accept([], [(0, slot, -0.5)]) == 0
    return text


def answers(slots):
    """One for every place, each less likely than the one before."""
    return [(place, slot, -1.0 - place) for place, slot in enumerate(slots)]


def asked(text, guess):
    return {place: sorted(choices.tolist()) for place, choices in text.questions(guess)}


def test_the_first_guess_is_the_likely_labels_in_target_order():
    assert draft([3, -1, -1, 9]).guess() == [10, 11, 12, SEPARATOR, 30]


def test_without_a_likely_label_the_most_probable_one_is_guessed():
    assert draft([-3, -2, -1, -9]).guess() == [20, 21]


@pytest.mark.parametrize(("likely", "guessed"), [(MOST_GUESSED, MOST_GUESSED), (MOST_GUESSED + 1, 1)])
def test_where_too_many_labels_seem_likely_the_most_probable_alone_is_guessed(likely, guessed):
    """A document carries a few; wrong guesses cost more than the pass that they might have saved."""
    trie = DescriptionTrie([(10 + label,) for label in range(20)])
    log_odds = np.where(np.arange(20) < 20 - likely, -1.0, np.arange(20))
    text = Draft(trie, log_odds, separator=SEPARATOR, end=END, max_slots=50)
    assert [slot for slot in text.guess() if slot != SEPARATOR] == list(range(30 - guessed, 30))


def test_a_guess_starts_from_what_is_written():
    """A shared beginning leaves the labels that fit; after a separator the next label in order comes."""
    assert write(draft([-2, -3, 5, 5]), [10]).guess() == [11, 12, SEPARATOR, 20, 21, SEPARATOR, 30]
    assert write(draft([5, -1, 5, -2]), [20, 21, SEPARATOR]).guess() == [10, 11, 12]
    assert write(draft([5, -1, 5, 2]), [20, 21, SEPARATOR]).guess() == [30]


@pytest.mark.parametrize("strayed", [[99], [10, 99], [10, 30], [99, 11, 10]])
def test_off_the_trie_nothing_is_guessed_where_no_description_holds_the_last_two_slots(strayed):
    text = write(draft([1, 1, 1, 1]), strayed)
    assert text.guess() == []
    assert write(text, [SEPARATOR]).guess()[:3] == [10, 11, 12]


def test_a_text_that_comes_back_to_a_description_is_guessed_on():
    """From the middle of one, and the likely labels after it; whose sentence it is is for the matcher to say."""
    assert write(draft([1, -1, -1, 1]), [30, 10, 11]).guess() == [12, SEPARATOR, 30]
    assert write(draft([1, -1, 1, -1]), [99, 11, 12]).guess() == [SEPARATOR, 20, 21]
    assert write(draft([-1, -1, -1, -1]), [10, 20, 21]).guess() == []


def test_a_guess_leaves_room_for_the_slot_after_it():
    assert draft([1, 1, 1, 1], max_slots=3).guess() == [10, 11]
    assert draft([1, 1, 1, 1], max_slots=1).guess() == []


def test_the_model_is_followed_as_far_as_it_saw_its_own_words():
    text = draft([0] * 4)
    assert text.accept([10, 11, 12], answers([10, 20, 77, 77])) == 1
    assert text.slots == [10, 20]
    assert text.scores == [-1.0, -2.0]
    assert text.accept([30], answers([30, END])) == 1
    assert text.finished
    assert text.slots == [10, 20, 30, END]


def test_nothing_is_written_after_the_end():
    """Even where a description held the end, as no real one does."""
    text = draft([0] * 4)
    assert text.accept([10, END, 11], answers([10, END, 11, 12])) == 1
    assert text.finished
    assert text.slots == [10, END]


def test_what_nobody_asked_is_certain():
    text = draft([1, -1, -1, -1])
    assert text.accept([10, 11, 12], [(0, 10, -1.0), (3, END, -2.0)]) == 3
    assert text.slots == [10, 11, 12, END]
    assert text.scores == [-1.0, 0.0, 0.0, -2.0]


@given(st.lists(st.sampled_from([10, 11, 12, 20, 21, 30, 99, SEPARATOR]), max_size=12), st.integers(1, 20))
def test_whatever_was_said_a_guess_fits_and_never_ends_the_text(said, max_slots):
    text = draft([1, -1, 1, -2], max_slots=max_slots)
    write(text, said[: max_slots - 1])
    guess = text.guess()
    assert END not in guess
    assert len(text.slots) + len(guess) < max_slots


def test_free_running_text_is_asked_for_every_slot():
    assert draft([1, 1, 1, 1]).questions([20, 21]) == [(0, None), (1, None), (2, None)]


def test_constrained_text_is_asked_where_descriptions_branch_or_end():
    text = draft([3, -1, -1, 9], kind=ConstrainedDraft)
    assert asked(text, [10, 11, 12, SEPARATOR, 30]) == {
        0: [END, 10, 20, 30],  # any label, or none at all
        2: [SEPARATOR, END, 12],  # "10 11" is a description and begins another
        3: [SEPARATOR, END],
        4: [10, 20, 30],  # after a separator comes a label
        5: [SEPARATOR, END],
    }


def test_constrained_text_says_no_label_twice():
    text = write(draft([1, 1, 1, 1], kind=ConstrainedDraft), [10, 11, SEPARATOR, 30, SEPARATOR])
    assert asked(text, [10, 11, 12, SEPARATOR, 20, 21]) == {0: [10, 20], 3: [SEPARATOR, END], 6: [END]}


@given(st.data())
def test_constrained_text_is_made_of_descriptions(data):
    """Whatever is chosen of the choices, the text splits into different descriptions."""
    text = draft(data.draw(st.lists(st.integers(-2, 2), min_size=4, max_size=4)), kind=ConstrainedDraft)
    while not text.finished:
        guess = text.guess()
        chosen = [
            (place, data.draw(st.sampled_from(choices.tolist())), -1.0) for place, choices in text.questions(guess)
        ]
        text.accept(guess, chosen)
    said, sentence = [], []
    assert text.spoken == text.slots
    for slot in text.slots:
        if slot in (SEPARATOR, END):
            said.append(tuple(sentence))
            sentence = []
        else:
            sentence.append(slot)
    described = [(10, 11, 12), (10, 11), (20, 21), (30,)]
    assert said == [()] or (set(said) <= set(described) and len(set(said)) == len(said))


def test_constrained_text_that_is_cut_ends_with_a_whole_description():
    """A part of one would be matched like a sentence that the model meant."""
    slots = [30, SEPARATOR, 10, 11, 12]
    spoken = [list(write(draft([1] * 4, n, ConstrainedDraft), slots[:n]).spoken) for n in range(1, 6)]
    assert spoken == [[30], [30], [30], [30, SEPARATOR, 10, 11], slots]
    assert write(draft([1] * 4, 1, ConstrainedDraft), [10]).spoken == []
    assert write(draft([1] * 4, 3), slots[:3]).spoken == slots[:3]  # free-running text is kept as it was said
