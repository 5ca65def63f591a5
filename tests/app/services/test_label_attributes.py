"""What reviewers see beside a label: what is taken, what is refused, and what two people make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import AppError
from app.services.label_lifecycle import MAX_GUIDELINE_CHARACTERS, LabelAttributes, LifecycleService, checked_attributes
from storage.errors import StaleWrite


@pytest.fixture
def lifecycle(database):
    return LifecycleService(database)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (LabelAttributes(colour="red; background: url(x)"), "is no colour"),
        (LabelAttributes(digit="12"), "is no digit key"),
        (LabelAttributes(digit="\u0661"), "is no digit key"),
        (LabelAttributes(guideline="x" * 10_001), "10,001 characters"),
        (LabelAttributes(examples_tricky=("ok", " ")), "An example is blank"),
        (LabelAttributes(examples_positive=("x",) * 21), "There are 21 examples"),
        (LabelAttributes(group="a\0"), "NUL"),
    ],
)
def test_malformed_attributes_are_refused(lifecycle, project_id, label_ids, attributes, message):
    """Nothing of them is written."""
    with pytest.raises(AppError, match=message):
        lifecycle.edit(label_ids["noise"], attributes, "ann")
    assert lifecycle.attributes(label_ids["noise"]) == LabelAttributes()
    assert lifecycle.history(project_id) == []


def test_a_digit_belongs_to_one_label(lifecycle, label_ids):
    """The second label to claim a key is refused; once the first is retired it may have it."""
    noise, bins, _ = label_ids.values()
    attributes = LabelAttributes(digit="7", group="Streets", colour="#1D6B57", examples_tricky=("A dog barks.",))
    lifecycle.edit(noise, attributes, "ann")
    assert lifecycle.attributes(noise).colour == "#1d6b57"
    assert lifecycle.attributes(noise).examples_tricky == ("A dog barks.",)
    with pytest.raises(AppError, match="'noise' and 'bins' would both have the key 7"):
        lifecycle.edit(bins, LabelAttributes(digit="7"), "ann")
    lifecycle.retire(noise, "ann")
    lifecycle.edit(bins, LabelAttributes(digit="7"), "ann")
    with pytest.raises(AppError, match="both have the key 7"):
        lifecycle.restore(noise, "ann")


def test_two_people_edit_what_reviewers_see(lifecycle, label_ids):
    """What only one of them changed is kept; what both changed is refused, and said."""
    noise = label_ids["noise"]
    opened = lifecycle.attributes(noise)
    lifecycle.edit(noise, replace(opened, guideline="At night."), "ann", opened=opened)
    lifecycle.edit(noise, replace(opened, colour="#1d6b57"), "ben", opened=opened)
    assert lifecycle.attributes(noise) == replace(opened, guideline="At night.", colour="#1d6b57")
    with pytest.raises(StaleWrite, match=r"it now has guideline: 'At night\.'"):
        lifecycle.edit(noise, replace(opened, guideline="By day."), "ben", opened=opened)
    lifecycle.edit(noise, replace(opened, guideline="At night."), "ben", opened=opened)  # the same is no clash
    lifecycle.edit(noise, replace(opened, examples_positive=("Loud.", "Din.")), "ann", opened=opened)
    with pytest.raises(StaleWrite, match=r"it now has examples: 'Loud\.', 'Din\.'\. Nothing"):
        lifecycle.edit(noise, replace(opened, examples_positive=("Quiet.",)), "ben", opened=opened)


def test_the_longest_guideline_that_is_taken():
    """White space around it does not count."""
    longest = "x" * MAX_GUIDELINE_CHARACTERS
    assert checked_attributes(LabelAttributes(guideline=f" {longest}\n")).guideline == longest
    with pytest.raises(AppError, match=r"10,001 characters; at most 10,000"):
        checked_attributes(LabelAttributes(guideline=f"{longest}x"))
