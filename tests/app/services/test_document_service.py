from __future__ import annotations

import pytest

from app.errors import AppError
from app.services.documents import DocumentService
from app.services.imports import ImportService
from lagamc.readers import ColumnMapping
from storage.errors import NotFound

MAPPING = ColumnMapping(text="text", labels="labels", id="id", split="split")


@pytest.fixture
def service(database, project_id, label_ids, write_jsonl):
    rows = [
        {"id": f"d{i}", "text": f"Text {i}", "labels": ["noise"] if i % 2 else [], "split": "dev" if i > 5 else "train"}
        for i in range(8)
    ]
    ImportService(database).run(project_id, write_jsonl(*rows), MAPPING, "ann")
    return DocumentService(database)


def test_a_page_knows_the_total_and_where_the_next_one_begins(service, project_id):
    """The last page has no next one."""
    first = service.page(project_id, 3)
    assert ([row.external_id for row in first.rows], first.total) == (["d0", "d1", "d2"], 8)
    assert [row.labels for row in first.rows] == [[], ["noise"], []]
    last = service.page(project_id, 5, first.next_after)
    assert ([row.external_id for row in last.rows], last.next_after) == (["d3", "d4", "d5", "d6", "d7"], None)


def test_pages_are_narrowed_by_words(service, project_id):
    """In texts and ids; no words means all."""
    assert [row.external_id for row in service.page(project_id, 9, query="text 7").rows] == ["d7"]
    assert service.page(project_id, 9, query="nowhere").rows == []
    assert len(service.page(project_id, 9).rows) == 8


def test_words_are_found_across_line_breaks(service, database, project_id, write_jsonl):
    """In any order; part of a word will do."""
    rows = [{"text": "The bins have not\nbeen   emptied", "labels": []}, {"text": "100% of the bins", "labels": []}]
    ImportService(database).run(project_id, write_jsonl(*rows), ColumnMapping(text="text", labels="labels"), "ann")
    for query, found in (("not been", 1), ("emptied  the bin", 1), ("bins", 2), ("100%", 1), ("%", 1), ("_", 0)):
        assert len(service.page(project_id, 9, query=query).rows) == found, query
    assert service.page(project_id, 9, query="% " * 499 + "x").rows == []  # as many words as a query may have


@pytest.mark.parametrize(
    ("query", "reason"), [("ж" * 30_000, "has 30,000 characters"), ("a\ud83d", "cannot be stored")]
)
def test_what_cannot_be_searched_for_is_refused(service, project_id, query, reason):
    with pytest.raises(AppError, match=f"What is searched for {reason}"):
        service.page(project_id, 9, query=query)


def test_one_document_by_id(service, project_id):
    """A document is found by its id; an unknown id says so."""
    row = service.page(project_id, 1).rows[0]
    assert service.get(row.id) == row
    with pytest.raises(NotFound, match="no document 99"):
        service.get(99)


def test_one_document_by_its_own_id(service, project_id):
    """A document is found by the id its file gave it, in its own project only."""
    assert service.find(project_id, "d3").text == "Text 3"
    for place, key in ((project_id, "d99"), (project_id + 1, "d3")):
        with pytest.raises(NotFound, match=f"no document '{key}'"):
            service.find(place, key)


@pytest.mark.parametrize(("after", "limit"), [(-1, 5), (0, 0), (0, 501)])
def test_pages_out_of_range_are_refused(service, project_id, after, limit):
    """The message says what a page may be."""
    with pytest.raises(AppError, match="1 to 500"):
        service.page(project_id, limit, after)
