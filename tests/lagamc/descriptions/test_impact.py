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


def test_a_model_that_wrote_nothing_changes_nothing():
    """The documents are there, their sentences are not."""
    nothing = Evidence(np.zeros((0, 1), np.float32), np.empty(0, int), np.empty(0, int), 4)
    _, descriptions, edited, truth = random_case(9)
    found = what_if(nothing, descriptions, 0, edited, threshold=THRESHOLD, truth=truth[:4], dev=np.arange(4))
    assert (found.gained, found.lost, found.affected) == ((), (), ())
    assert matched_labels(nothing, descriptions, threshold=THRESHOLD) == [set()] * 4


def test_without_dev_documents_there_are_no_figures():
    evidence, descriptions, edited, _ = random_case(7)
    found = what_if(
        evidence, descriptions, 0, edited, threshold=THRESHOLD, truth=np.zeros((0, 4), bool), dev=np.arange(0)
    )
    assert found.micro_f1 is None
    assert found.macro_f1 is None


@given(st.integers(0, 2**31))
def test_matched_labels_are_those_of_the_matcher(seed):
    evidence, descriptions, _, _ = random_case(seed)
    found = matched_labels(evidence, descriptions, threshold=THRESHOLD)
    assert found == [set(np.flatnonzero(row)) for row in held(evidence, descriptions, 4)]
