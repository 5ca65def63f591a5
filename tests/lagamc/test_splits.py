"""Splits are complete, seeded, and keep rare labels in every part."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lagamc.corpus import Example
from lagamc.errors import DatasetError
from lagamc.splits import LEAST, stratified_split

corpora = st.lists(st.sets(st.sampled_from("abcd"), max_size=3), min_size=1, max_size=60).map(
    lambda rows: [Example(str(i), "t", tuple(sorted(row))) for i, row in enumerate(rows)]
)


@settings(deadline=None)
@given(corpora, st.integers(0, 5))
def test_every_document_gets_one_split_and_the_seed_decides(examples, seed):
    split = stratified_split(examples, seed=seed)
    assert set(split) == {example.id for example in examples}
    assert split == stratified_split(examples, seed=seed)
    labelled = sum(bool(example.labels) for example in examples)
    share = max(1, round(len(examples) / 10)) if labelled >= LEAST else 0
    assert Counter(split.values()) == Counter(train=len(examples) - 2 * share, dev=share, test=share)
    of_labelled = Counter(split[example.id] for example in examples if example.labels)
    share = max(1, round(labelled / 10)) if labelled >= LEAST else 0
    assert of_labelled == Counter(train=labelled - 2 * share, dev=share, test=share)


def test_a_rare_label_reaches_every_split():
    """10 of 200 documents carry the label: 8, 1 and 1 of them, not 10, 0, 0."""
    examples = [Example(str(i), "t", ("rare", "common") if i < 10 else ("common",)) for i in range(200)]
    split = stratified_split(examples)
    assert Counter(split[str(i)] for i in range(10)) == {"train": 8, "dev": 1, "test": 1}
    assert Counter(split.values()) == {"train": 160, "dev": 20, "test": 20}


@pytest.mark.parametrize("fractions", [{"train": 0.5, "dev": 0.1}, {"train": 1.2, "dev": -0.2}])
def test_odd_fractions_are_refused(fractions):
    with pytest.raises(DatasetError, match="add up to 1"):
        stratified_split([Example("1", "t")], fractions=fractions)


def test_repeated_ids_are_refused():
    with pytest.raises(DatasetError, match="same id"):
        stratified_split([Example("1", "t"), Example("1", "u")])


@pytest.mark.parametrize(("documents", "labels", "each"), [(200, 50, 1), (100, 60, 1), (1000, 1000, 1), (12, 12, 2)])
def test_labels_with_few_documents_leave_no_part_empty(documents, labels, each):
    """The share of every single label is rounded to nothing; the parts get their number of documents all the same."""
    examples = [
        Example(str(i), "t", tuple(f"label {(i + step) % labels}" for step in range(each))) for i in range(documents)
    ]
    split = stratified_split(examples)
    share = max(1, round(documents / 10))
    assert Counter(split.values()) == {"train": documents - 2 * share, "dev": share, "test": share}
    assert split == stratified_split(examples)


def test_a_share_is_rounded_to_the_nearest_number_of_documents():
    """A tenth of 18 is 2."""
    examples = [Example(str(number), "text", (f"label {number % 2}",)) for number in range(18)]
    assert Counter(stratified_split(examples).values()) == {"train": 14, "dev": 2, "test": 2}
