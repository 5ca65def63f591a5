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


def test_a_page_knows_the_total(service, project_id):
    """A page behind the end is empty, and still says how many there are."""
    page = service.page(project_id, 2, 3)
    assert ([row.external_id for row in page.rows], page.total) == (["d2", "d3", "d4"], 8)
    assert (service.page(project_id, 8, 3).rows, service.page(project_id, 8, 3).total) == ([], 8)
    assert [row.labels for row in page.rows] == [[], ["noise"], []]


def test_pages_are_narrowed_by_split_and_words(service, project_id):
    """Both together narrow further; no words means all."""
    assert [row.external_id for row in service.page(project_id, 0, 9, split="dev").rows] == ["d6", "d7"]
    assert service.page(project_id, 0, 9, query="text 7").total == 1
    assert service.page(project_id, 0, 9, split="train", query="text 7").total == 0
    assert service.page(project_id, 0, 9, query="").total == 8


def test_one_document_by_id(service, project_id):
    """A document is found by its id; an unknown id says so."""
    row = service.page(project_id, 0, 1).rows[0]
    assert service.get(row.id) == row
    with pytest.raises(NotFound, match="no document 99"):
        service.get(99)


def test_one_document_by_its_own_id(service, project_id):
    """A document is found by the id its file gave it, in its own project only."""
    assert service.find(project_id, "d3").text == "Text 3"
    for place, key in ((project_id, "d99"), (project_id + 1, "d3")):
        with pytest.raises(NotFound, match=f"no document '{key}'"):
            service.find(place, key)


@pytest.mark.parametrize(("offset", "limit", "split"), [(-1, 5, None), (0, 0, None), (0, 501, None), (0, 5, "holdout")])
def test_pages_out_of_range_are_refused(service, project_id, offset, limit, split):
    """The message says what a page may be."""
    with pytest.raises(AppError, match=r"1 to 500|none of train"):
        service.page(project_id, offset, limit, split=split)
