from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.components.past import REMEMBERED, Past

WORDINGS = st.lists(st.text("ab ", max_size=8), max_size=30)


def typed(*texts, seen=""):
    past = Past(1, seen)
    for text in texts:
        past = past.typed(text)
    return past


def undone(past):
    """Every text that undo brings back, the latest first."""
    found, text = [], past.seen
    while (past := past.back(text)) is not None:
        text = past.seen
        found.append(text)
    return found


def test_the_keys_of_a_word_are_one_step():
    """Written at the end or into the middle, and deleted again."""
    written = "It is loud"
    assert undone(typed(*(written[:end] for end in range(1, len(written) + 1)))) == ["It is ", "It ", ""]
    assert undone(typed("ab", "a", "", seen="abc")) == ["abc"]
    assert undone(typed("a d room", "a da room", "a dark room", seen="a  room")) == ["a  room"]


@pytest.mark.parametrize(
    "after", ["a dim room", "a green hall", "a dark", "a dark room with a lamp", "", "A dark room"]
)
def test_what_was_pasted_over_comes_back(after):
    """With as many words as before, or not."""
    assert undone(typed(after, seen="a dark room")) == ["a dark room"]


def test_a_word_that_was_deleted_by_hand_comes_back():
    """Backspaces after the keys that wrote it are another step."""
    assert "a dark" in undone(
        typed("a d", "a da", "a dar", "a dark", "a dar", "a da", "a d", "a di", "a dim", seen="a")
    )


@given(WORDINGS)
def test_no_finished_wording_is_out_of_reach(wordings):
    """Every text that another took the place of comes back, with the first one last."""
    past = Past(1, "the first")
    for text in wordings:
        past = past.put(past.seen, text)
    expected = ["the first", *wordings]
    assert set(undone(past)) >= set(expected) - {past.seen}


def test_the_oldest_steps_are_forgotten():
    """After so many that nobody goes back to them."""
    past = typed(*(f"wording {number}" for number in range(2 * REMEMBERED)))
    assert len(past.steps) == REMEMBERED


def test_undo_ends_where_nothing_else_stood():
    """And keys that were typed a moment ago are not lost by it."""
    assert Past(1, "as it is").back("as it is") is None
    assert Past(1, "as it is").back("just typed").seen == "as it is"
