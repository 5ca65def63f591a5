"""One label split into several."""

from __future__ import annotations

import pytest

from app.errors import AppError
from app.services.label_lifecycle import LabelAttributes
from app.services.label_splits import SplitPart
from storage import documents
from storage.errors import StaleWrite


def test_a_split_follows_the_nearest_description_or_a_term(desk):
    """Terms decide first, as whole words; the others go to the nearest part; the least certain come first."""
    noise, bins, _ = desk.ids.values()
    before = desk.state()
    proposal = desk.splits.propose(noise, [SplitPart("noise", "bbb", terms=("DOG",)), SplitPart("barking", "aaa")])
    assert [(row.external_id, row.parts, row.margin is None) for row in proposal.rows] == [
        ("d0", (0,), False),
        ("d1", (0,), True),
    ]
    desk.splits.apply(proposal, "ben", chosen={desk.documents[1]: [0, 1]})
    barking = next(label.id for label in desk.labels.list(desk.project_id) if label.name == "barking")
    assert desk.carried(0, 1) == [{noise}, {noise, bins, barking}]
    assert desk.labels.list(desk.project_id)[0].name == "noise"
    desk.lifecycle.undo(desk.last(), "ben")
    assert desk.state() == before
    desk.splits.apply(desk.splits.propose(noise, [SplitPart("loud", "bbb"), SplitPart("barking", "aaa")]), "ben")
    assert [label.name for label in desk.labels.list(desk.project_id)] == ["bins", "water", "loud", "barking"]


def test_the_parts_of_a_split_stand_where_the_label_stood(desk):
    """Under the same parent and heading; its own colour, key and guidance say what the whole label meant."""
    noise, bins, _ = desk.ids.values()
    desk.lifecycle.edit(noise, LabelAttributes(group="streets", colour="#1d6b57", parent_id=bins), "ann")
    desk.splits.apply(desk.splits.propose(noise, [SplitPart("loud", "bbb"), SplitPart("barking", "aaa")]), "ben")
    parts = [label.id for label in desk.labels.list(desk.project_id) if label.name in {"loud", "barking"}]
    found = [desk.lifecycle.attributes(part) for part in parts]
    assert [(own.group, own.parent_id, own.colour) for own in found] == [("streets", bins, "")] * 2


def test_a_split_loses_no_document(desk):
    """A document without a part, one saved since, and a part named as a label in use stop the split."""
    noise, bins, _ = desk.ids.values()
    parts = [SplitPart("dogs", "aaa"), SplitPart("cats", "bbb")]
    proposal = desk.splits.propose(noise, parts)
    state = desk.state()
    with pytest.raises(AppError, match="1 documents, d0 the first, would be left without a part"):
        desk.splits.apply(proposal, "ben", chosen={desk.documents[0]: []})
    with pytest.raises(AppError, match="a label called 'bins' in use"):
        desk.splits.apply(desk.splits.propose(noise, [parts[0], SplitPart("BINS", "bbb")]), "ben")
    with pytest.raises(AppError, match="at least two labels"):
        desk.splits.propose(noise, parts[:1])
    assert desk.state() == state
    desk.review(2, {noise, bins})
    with pytest.raises(StaleWrite, match="1 documents were saved since this split was proposed"):
        desk.splits.apply(proposal, "ben")


def test_the_least_certain_documents_of_a_split_come_first(desk):
    """Whatever their place in the project; those that hold a term come last."""
    for number, text in ((0, "bbb"), (1, "a dog"), (3, "aab")):
        with desk.database.write() as session:
            documents.get(session, document_id=desk.documents[number]).text = text
    desk.review(3, {desk.ids["noise"]})
    parts = [SplitPart("dogs", "aaa", terms=("dog",)), SplitPart("cats", "bbb")]
    rows = desk.splits.propose(desk.ids["noise"], parts).rows
    assert [(row.external_id, row.margin is None) for row in rows] == [("d3", False), ("d0", False), ("d1", True)]


def test_a_proposal_keeps_the_beginnings_of_long_texts(desk):
    """The whole text decides where a document goes."""
    with desk.database.write() as session:
        documents.get(session, document_id=desk.documents[0]).text = "b" * 1000 + " dog"
    parts = [SplitPart("dogs", "aaa", terms=("dog",)), SplitPart("cats", "bbb")]
    row = next(row for row in desk.splits.propose(desk.ids["noise"], parts).rows if row.external_id == "d0")
    assert (row.excerpt, row.parts) == ("b" * 300, (0,))
