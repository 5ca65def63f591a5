"""The demo collection is what it claims: enough, varied, labelled, and without near-duplicates."""

import itertools
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from lagamc.labels import LabelSet

FOLDER = Path(__file__).parent.parent / "examples" / "city-council"
NEAR = 0.3  # Jaccard similarity of word 3-grams from which two messages count as near-duplicates


def shingles(text, size=3):
    words = re.findall(r"[a-z0-9']+", text.lower())
    return {tuple(words[i : i + size]) for i in range(max(1, len(words) - size + 1))}


def near_duplicates(texts):
    """Pairs of positions whose 3-grams overlap by NEAR or more."""
    owners, sets = {}, [shingles(text) for text in texts]
    for position, own in enumerate(sets):
        for shingle in own:
            owners.setdefault(shingle, []).append(position)
    candidates = {pair for group in owners.values() for pair in itertools.combinations(group, 2)}
    return [(a, b) for a, b in candidates if len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= NEAR]


@pytest.fixture(scope="module")
def messages():
    return [json.loads(line) for line in (FOLDER / "messages.jsonl").read_text(encoding="utf-8").splitlines()]


def test_there_are_enough_messages_of_one_to_three_labels(messages):
    assert len(messages) >= 400
    assert len({message["id"] for message in messages}) == len(messages)
    counts = Counter(len(set(message["labels"])) for message in messages)
    assert set(counts) == {1, 2, 3}
    assert counts[1] > counts[2] > counts[3] > 20


def test_every_label_is_described_and_occurs_in_every_split(messages):
    labels = LabelSet.read(FOLDER / "labels.json")
    assert len(labels) == 10
    assert all(description.endswith(".") and ". " not in description for description in labels.descriptions)
    for split in ("train", "dev", "test"):
        counts = Counter(label for message in messages if message["split"] == split for label in message["labels"])
        assert set(counts) == set(labels.names)
        assert min(counts.values()) >= 10


def test_no_two_messages_are_near_duplicates(messages):
    assert near_duplicates([message["text"] for message in messages]) == []


def test_a_near_duplicate_would_be_found():
    """The check above can fail: one word of difference is caught."""
    text = "the bin men missed our street again on monday and nobody came back for it"
    assert near_duplicates([text, "parks are lovely in the spring", text.replace("monday", "friday")]) == [(0, 2)]


def test_messages_do_not_follow_a_template(messages):
    """No opening of three words is used more than twice."""
    openings = Counter(tuple(message["text"].lower().split()[:3]) for message in messages)
    assert openings.most_common(1)[0][1] <= 2
