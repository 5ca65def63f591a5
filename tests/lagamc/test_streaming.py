"""Any number of texts pass through in order, and never more than a chunk of them is held."""

import itertools
import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lagamc.classifier import Classifier
from lagamc.errors import Cancelled, ConfigError
from lagamc.streaming import answered, paced


class Source:
    """Texts, and how many of them have been taken."""

    def __init__(self, count):
        self.count, self.taken = count, 0

    def __iter__(self):
        for number in range(self.count):
            self.taken += 1
            yield "x" * (number * 7 % 11) + f" {number}"


def in_chunks(texts, size):
    """Lists of so many texts."""
    texts = iter(texts)
    return iter(lambda: list(itertools.islice(texts, size)), [])


@given(st.lists(st.text(max_size=8), max_size=40), st.integers(1, 7), st.integers(1, 9))
def test_results_come_in_input_order(texts, batch_size, chunk):
    """Every text is answered once, in batches no larger than asked for."""
    sizes = []

    def answer(batch):
        sizes.append(len(batch))
        return [text.upper() for text in batch]

    assert list(answered(in_chunks(texts, chunk), answer, batch_size=batch_size)) == [text.upper() for text in texts]
    assert max(sizes, default=0) <= min(batch_size, chunk)
    assert sum(sizes) == len(texts)


def test_input_is_never_read_more_than_a_chunk_ahead():
    """So a file of any size takes the memory of one chunk: 100,000 texts, at most 64 ahead of the results."""
    source, ahead = Source(100_000), 0
    for given_back, _ in enumerate(answered(paced(source, 64, clock=lambda: 0.0), list, batch_size=8), start=1):
        ahead = max(ahead, source.taken - given_back)
    assert source.taken == given_back == 100_000
    assert ahead < 64


def test_chunks_grow_while_they_are_quick_and_shrink_where_they_are_slow():
    """So results come every few seconds, at any speed: here a second a text, then none, then half an hour a text."""
    now, sizes = [0.0], []
    for chunk in paced(Source(120), 32, clock=lambda: sum(now)):
        sizes.append(len(chunk))
        now.append(len(chunk) * (1.0 if sum(sizes) < 10 else 0.0 if sum(sizes) < 90 else 1800.0))
    assert sizes == [1, 2, 2, 2, 2, 2, 4, 8, 16, 32, 32, 16, 1]


def test_an_answer_does_not_depend_on_the_chunk(trained, corpora):
    """Labels and sentences are the same; figures differ where a product of another shape rounds otherwise."""
    classifier = Classifier.load(trained / "model", device="cpu")
    texts = [example.text for example in corpora["test"]]
    together = classifier.classify(texts)
    for chunk in (1, 7, 100):
        apart = list(classifier.stream(texts, chunk=chunk))
        for one, other in zip(apart, together, strict=True):
            assert (one.text, one.labels) == (other.text, other.labels)
            assert [item.text for item in one.sentences] == [item.text for item in other.sentences]
            cosines = [item.match.cosine for item in other.sentences]
            assert [item.match.cosine for item in one.sentences] == pytest.approx(cosines, abs=1e-5)


def test_texts_of_like_length_share_a_batch():
    """Within a chunk the longest come first: no batch holds a text shorter than one of the next batch."""
    batches = []
    list(answered([[*Source(40)]], lambda batch: batches.append(batch) or batch, batch_size=8))
    lengths = [[len(text) for text in batch] for batch in batches]
    assert all(min(one) >= max(other) for one, other in itertools.pairwise(lengths))


@pytest.mark.parametrize("sizes", [{"batch_size": 0}, {"batch_size": -1}, {"chunk": 0}])
def test_sizes_that_hold_no_text_are_refused_at_once(trained, sizes):
    """Before anything is read: an empty answer to many texts would look like one."""
    classifier, source = Classifier.load(trained / "model", device="cpu"), Source(3)
    with pytest.raises(ConfigError, match="must be at least 1, got"):
        classifier.stream(source, **sizes)
    assert source.taken == 0


def test_progress_counts_up_to_all():
    told = []
    list(answered(in_chunks(Source(25), 10), list, batch_size=4, progress=told.append))
    assert told == [4, 8, 10, 14, 18, 20, 24, 25]


def test_cancelling_stops_between_two_batches():
    """Whole chunks have been given back; the message counts them."""
    asked = iter([False] * 5 + [True])
    stream = answered(in_chunks(Source(100), 10), list, batch_size=5, cancelled=lambda: next(asked))
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
    list(answered([[*Source(20)]], answer, batch_size=5, turn=turn, progress=lambda _: free.append(not turn.locked())))
    assert all(held)
    assert all(free)
    assert len(held) == len(free) == 4
