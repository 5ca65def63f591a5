from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lagamc.descriptions.impact import Evidence, matched_labels, what_if
from lagamc.matcher import Matcher
from lagamc.metrics import multilabel_metrics

THRESHOLD = 0.2


def random_case(seed, sentences=20, documents=12, size=4):
    """Sentences, their documents, descriptions, an edit and true labels."""
    rng = np.random.default_rng(seed)
    owners = np.sort(rng.integers(0, documents, 30))
    evidence = Evidence(
        rng.normal(size=(sentences, 5)).astype(np.float32), owners, rng.integers(0, sentences, 30), documents
    )
    truth = rng.random((documents, size)) < 0.4
    return evidence, rng.normal(size=(size, 5)).astype(np.float32), rng.normal(size=5).astype(np.float32), truth


def held(evidence, descriptions, size):
    """Labels of every document by the matcher that classifies."""
    matches = Matcher([str(row) for row in range(size)], descriptions).match(evidence.embeddings)
    matrix = np.zeros((evidence.size, size), dtype=bool)
    for document, sentence in zip(evidence.documents, evidence.sentences, strict=True):
        if matches[sentence].cosine >= THRESHOLD:
            matrix[document, int(matches[sentence].label)] = True
    return matrix


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 3))
def test_what_if_agrees_with_matching_everything_twice(seed, label):
    """Documents, figures and affected documents are those of the classifier's own matcher."""
    evidence, descriptions, edited, truth = random_case(seed)
    dev = np.arange(6)
    found = what_if(evidence, descriptions, label, edited, threshold=THRESHOLD, truth=truth[dev], dev=dev)
    after_descriptions = descriptions.copy()
    after_descriptions[label] = edited
    before, after = held(evidence, descriptions, 4), held(evidence, after_descriptions, 4)
    assert set(found.gained) == set(np.flatnonzero(after[:, label] & ~before[:, label]))
    assert set(found.lost) == set(np.flatnonzero(before[:, label] & ~after[:, label]))
    names = list("0123")
    for position, matrix in enumerate((before, after)):
        metrics = multilabel_metrics(truth[dev], matrix[dev], names)
        assert found.micro_f1[position] == pytest.approx(metrics.micro_f1)
        figures = found.changes[0].before if position == 0 else found.changes[0].after
        assert figures.f1 == pytest.approx(metrics.labels[label].f1)
    changed = set(np.flatnonzero((before != after).any(axis=1)))
    assert {item.document for item in found.affected} <= changed
    assert len(found.affected) == min(10, len(changed))
    for item in found.affected:
        assert set(item.labels_before) == set(np.flatnonzero(before[item.document]))
        assert set(item.labels_after) == set(np.flatnonzero(after[item.document]))


def test_the_same_text_changes_nothing():
    evidence, descriptions, _, truth = random_case(3)
    found = what_if(
        evidence, descriptions, 1, descriptions[1], threshold=THRESHOLD, truth=truth, dev=np.arange(evidence.size)
    )
    assert (found.gained, found.lost, found.affected) == ((), (), ())
    assert found.micro_f1[0] == found.micro_f1[1]
    assert [change.label for change in found.changes] == [1]


def test_a_new_label_only_takes():
    """Its row is zero before the edit; other labels lose what it gains."""
    evidence, descriptions, edited, truth = random_case(5)
    descriptions[3] = 0
    found = what_if(evidence, descriptions, 3, edited, threshold=THRESHOLD, truth=truth, dev=np.arange(evidence.size))
    assert found.lost == ()
    assert all(change.gained == 0 for change in found.changes[1:])
    assert all(item.cosine_before == -1 for item in found.affected)


def test_the_macro_f1_before_knows_no_label_that_is_new():
    """It is the mean of the others; after the edit too, unless dev documents carry the new one."""
    evidence, descriptions, edited, truth = random_case(5)
    descriptions[3] = 0
    dev = np.arange(evidence.size)
    after_descriptions = np.vstack([descriptions[:3], edited])
    before = multilabel_metrics(truth[:, :3], held(evidence, descriptions[:3], 3), list("012"))
    after = multilabel_metrics(truth, held(evidence, after_descriptions, 4), list("0123"))
    found = what_if(evidence, descriptions, 3, edited, threshold=THRESHOLD, truth=truth, dev=dev)
    assert found.macro_f1 == pytest.approx((before.macro_f1, after.macro_f1))
    assert (found.changes[0].before, found.changes[0].after.f1) == (None, pytest.approx(after.labels[3].f1))
    truth[:, 3] = False
    found = what_if(evidence, descriptions, 3, edited, threshold=THRESHOLD, truth=truth, dev=dev)
    assert found.macro_f1[0] == pytest.approx(before.macro_f1)
    assert found.macro_f1[1] == pytest.approx(np.mean([row.f1 for row in after.labels[:3]]))


def test_what_no_sentence_gave_stays_whatever_the_wording():
    """It counts before and after, for the edited label as for the others."""
    evidence, descriptions, edited, truth = random_case(3)
    dev = np.arange(evidence.size)
    given = np.zeros_like(truth)
    given[:, 1] = True
    found = what_if(evidence, descriptions, 1, edited, threshold=THRESHOLD, truth=truth, dev=dev, given=given)
    assert (found.gained, found.lost) == ((), ())
    before = multilabel_metrics(truth, held(evidence, descriptions, 4) | given, list("0123"))
    assert found.micro_f1[0] == pytest.approx(before.micro_f1)


def test_a_model_that_wrote_nothing_changes_nothing():
    """The documents are there, their sentences are not."""
    nothing = Evidence(np.zeros((0, 1), np.float32), np.empty(0, int), np.empty(0, int), 4)
    _, descriptions, edited, truth = random_case(9)
    found = what_if(nothing, descriptions, 0, edited, threshold=THRESHOLD, truth=truth[:4], dev=np.arange(4))
    assert (found.gained, found.lost, found.affected) == ((), (), ())
    given = np.zeros((4, 4), bool)
    given[2, 1] = True
    found = matched_labels(nothing, descriptions, threshold=THRESHOLD, given=given)
    assert found == [set(), set(), {1}, set()]


def test_without_dev_documents_there_are_no_figures():
    evidence, descriptions, edited, _ = random_case(7)
    found = what_if(
        evidence, descriptions, 0, edited, threshold=THRESHOLD, truth=np.zeros((0, 4), bool), dev=np.arange(0)
    )
    assert found.micro_f1 is None
    assert found.macro_f1 is None
    assert {(change.before, change.after) for change in found.changes} == {(None, None)}


@given(st.integers(0, 2**31))
def test_matched_labels_are_those_of_the_matcher(seed):
    evidence, descriptions, _, _ = random_case(seed)
    found = matched_labels(evidence, descriptions, threshold=THRESHOLD, given=np.zeros((12, 4), bool))
    assert found == [set(np.flatnonzero(row)) for row in held(evidence, descriptions, 4)]


def test_a_cosine_at_the_threshold_is_near_enough():
    """As when the document was classified."""
    evidence = Evidence(np.eye(2, dtype=np.float32), np.arange(2), np.arange(2), 2)
    found = matched_labels(evidence, np.eye(2), threshold=1.0, given=np.zeros((2, 2), bool))
    assert found == [{0}, {1}]


def test_of_equal_wordings_the_first_label_wins():
    """Whichever of them is edited, as in the matcher."""
    evidence, wording = Evidence(np.ones((1, 2), np.float32), np.arange(1), np.arange(1), 1), np.ones(2, np.float32)
    other = np.array([1.0, -1.0], np.float32)
    found = matched_labels(evidence, np.stack([wording, wording]), threshold=0.2, given=np.zeros((1, 2), bool))
    assert found == [{0}]
    nothing = {"threshold": 0.2, "truth": np.zeros((0, 2), bool), "dev": np.arange(0)}
    assert what_if(evidence, np.stack([wording, other]), 1, wording, **nothing).gained == ()
    assert what_if(evidence, np.stack([other, wording]), 0, wording, **nothing).gained == (0,)


def test_the_sentences_that_moved_most_are_shown():
    """The furthest first."""
    turns = np.array([0.1, 0.3, 0.2])
    sentences = np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)
    evidence = Evidence(sentences, np.arange(3), np.arange(3), 3)
    descriptions = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
    found = what_if(
        evidence, descriptions, 0, np.array([0.0, -1.0], np.float32), threshold=0.2, truth=np.zeros((0, 2), bool),
        dev=np.arange(0), shown=2,
    )  # fmt: skip
    assert found.lost == (0, 1, 2)
    assert [item.document for item in found.affected] == [1, 2]
