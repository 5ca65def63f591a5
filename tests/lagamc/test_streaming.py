"""Any number of texts pass through in order, and never more than a chunk of them is held."""

import itertools
import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.errors import Cancelled, ConfigError
from lagamc.streaming import answered


class Source:
    """Texts, and how many of them have been taken."""

    def __init__(self, count):
        self.count, self.taken = count, 0

    def __iter__(self):
        for number in range(self.count):
            self.taken += 1
            yield "x" * (number * 7 % 11) + f" {number}"


@given(st.lists(st.text(max_size=8), max_size=40), st.integers(1, 7), st.integers(1, 9))
def test_results_come_in_input_order(texts, batch_size, chunk):
    """Every text is answered once, in batches no larger than asked for."""
    sizes = []

    def answer(batch):
        sizes.append(len(batch))
        return [text.upper() for text in batch]

    assert list(answered(texts, answer, batch_size=batch_size, chunk=chunk)) == [text.upper() for text in texts]
    assert max(sizes, default=0) <= min(batch_size, chunk)
    assert sum(sizes) == len(texts)


def test_input_is_never_read_more_than_a_chunk_ahead():
    """So a file of any size takes the memory of one chunk: 100,000 texts, at most 64 ahead of the results."""
    source, ahead = Source(100_000), 0
    for given_back, _ in enumerate(answered(source, list, batch_size=8, chunk=64), start=1):
        ahead = max(ahead, source.taken - given_back)
    assert source.taken == given_back == 100_000
    assert ahead < 64


def test_texts_of_like_length_share_a_batch():
    """Within a chunk the longest come first: no batch holds a text shorter than one of the next batch."""
    batches = []
    list(answered(Source(40), lambda batch: batches.append(batch) or batch, batch_size=8, chunk=40))
    lengths = [[len(text) for text in batch] for batch in batches]
    assert all(min(one) >= max(other) for one, other in itertools.pairwise(lengths))


@pytest.mark.parametrize("sizes", [{"batch_size": 0}, {"batch_size": -1}, {"batch_size": 8, "chunk": 0}])
def test_sizes_that_hold_no_text_are_refused_at_once(sizes):
    """Before anything is read: an empty answer to many texts would look like one."""
    with pytest.raises(ConfigError, match="batch_size and chunk must be at least 1, got"):
        answered(Source(3), list, **sizes)


def test_progress_counts_up_to_all():
    told = []
    list(answered(Source(25), list, batch_size=4, chunk=10, progress=told.append))
    assert told == [4, 8, 10, 14, 18, 20, 24, 25]


def test_cancelling_stops_between_two_batches():
    """Whole chunks have been given back; the message counts them."""
    asked = iter([False] * 5 + [True])
    stream = answered(Source(100), list, batch_size=5, chunk=10, cancelled=lambda: next(asked))
    got = []
    with pytest.raises(Cancelled, match="after 20 documents"):
        deque(map(got.append, stream), maxlen=0)
    assert len(got) == 20


def test_the_turn_is_held_in_a_batch_and_free_in_between():
    """Somebody else can take the lock between two batches."""
    turn, held = threading.Lock(), []

    def answer(batch):
        held.append(turn.locked())
        return batch

    free = []
    list(answered(Source(20), answer, batch_size=5, turn=turn, progress=lambda _: free.append(not turn.locked())))
    assert all(held)
    assert all(free)
    assert len(held) == len(free) == 4
