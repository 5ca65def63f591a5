"""What an import cannot take is named, and the rest of a file, or the project, stays as it is."""

from __future__ import annotations

import gzip

import pytest

from app.services.labels import LabelService
from lagamc.errors import DatasetError
from lagamc.readers import MAX_TEXT_CHARACTERS, ColumnMapping
from storage.errors import NotFound

MAPPING = ColumnMapping(text="text", labels="labels", id="id", split="split")
GOOD = '{"id": "g%d", "text": "good %d", "labels": ["noise"]}'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"id": "x"}', "no text"),
        ('{"id": "x", "text": "  "}', "text is empty"),
        ('{"id": "x", "text": "%s"}' % ("a" * 100_000), f"100,000 characters; at most {MAX_TEXT_CHARACTERS:,}"),
        ('{"id": "x", "text": "a", "labels": ["nothing"]}', "unknown label 'nothing'"),
        ('{"id": "x", "text": "a", "labels": 5}', "neither a list"),
        ('{"id": "x", "text": "a", "split": "holdout"}', "none of train, dev, test"),
        ('{"id": "g1", "text": "a"}', "belongs to a document with another text"),
        ('{"id": "%s", "text": "a"}' % ("a" * 201), "id is longer than 200 characters"),
        ('{"id": "x", "text": "a", "labels": ["%s"]}' % ("a" * 201), "label name is longer than 200 characters"),
        (r'{"id": "x", "text": "a \ud800 b"}', "half of a character"),
        (r'{"id": "x", "text": "a", "labels": ["b \ud800"]}', "half of a character"),
        (r'{"id": "x", "text": "a \u0000 b"}', "NUL"),
        (r'{"id": "x\u0000", "text": "a"}', "NUL"),
    ],
    ids=lambda value: value[:40].encode("unicode_escape").decode(),
)
def test_one_bad_line_among_good_ones(importer, *, project_id, label_ids, write_jsonl, documents, line, reason):
    """The good lines are taken; the bad one is reported with its number and reason, even if labels may be created."""
    path = write_jsonl(GOOD % (1, 1), line, GOOD % (2, 2))
    create = "unknown" not in reason
    report = importer.run(project_id, path, MAPPING, "ann", create_labels=create)
    assert [row.external_id for row in documents()] == ["g1", "g2"]
    assert [refusal.line for refusal in report.refused] == [2]
    assert reason in report.refused[0].reason
    assert report.created_labels == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.jsonl", b"", "a.jsonl is empty"),
        ("a.csv", b"\xef\xbb\xbf", "a.csv"),
        ("a.csv", "text,labels,id,split\ncaf\u00e9,,,\n".encode("latin-1"), "not UTF-8"),
        ("a.csv", "text,labels,id,split\na,,1,\n".encode("utf-16"), "not UTF-8"),
        ("a.xlsx", b"PK\x03\x04", "not a type that can be read"),
        ("a", b"text\na\n", "not a type that can be read"),
        ("a.csv", b"body,topic\nhello,x\n", "no column 'text'"),
        ("a.csv.gz", b"text,labels,id,split\na,,1,\n", "not packed by gzip"),
        (
            "a.csv.gz",
            gzip.compress(b"text,labels,id,split\n" + b"a,,1,\n" * 99)[:-20],
            "is not packed by gzip|is damaged",
        ),
        ("a.csv.gz", gzip.compress(b"text,labels\n")[:10] + b"\xff" * 30, "is not packed by gzip|is damaged"),
    ],
    ids=[
        "empty csv",
        "empty jsonl",
        "byte order mark alone",
        "latin-1",
        "utf-16",
        "spreadsheet",
        "no type",
        "other columns",
        "not gzip",
        "gzip cut short",
        "gzip damaged",
    ],
)
def test_a_file_that_cannot_be_read_writes_nothing(
    importer, *, project_id, label_ids, tmp_path, documents, name, content, message
):
    """The message names the file and what is wrong with it."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        importer.run(project_id, path, MAPPING, "ann", create_labels=True)
    assert documents() == []


def test_a_file_broken_at_its_end_writes_nothing(importer, database, project_id, tmp_path, documents):
    """The whole file is read before the first row, or label, is written."""
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"text,labels,id,split\n" + b"".join(b"text %d,new,%d,\n" % (i, i) for i in range(2000)) + b"\xe9\n"
    )
    with pytest.raises(DatasetError, match="not UTF-8"):
        importer.run(project_id, path, MAPPING, "ann", create_labels=True)
    assert documents() == []
    assert LabelService(database).list(project_id) == []


def test_a_missing_file_and_a_missing_project(importer, project_id, tmp_path, write_jsonl):
    """Both end in a message."""
    with pytest.raises(DatasetError, match="is not there"):
        importer.run(project_id, tmp_path / "gone.csv", MAPPING, "ann")
    with pytest.raises(NotFound, match="no project 42"):
        importer.run(42, write_jsonl({"text": "a"}), MAPPING, "ann")


def test_a_header_without_rows_is_told_at_the_preview(importer, tmp_path):
    """The preview says that there is nothing below the header."""
    path = tmp_path / "a.csv"
    path.write_text("text,labels\n")
    with pytest.raises(DatasetError, match="no rows"):
        importer.preview(path)


def test_a_refused_row_gives_its_labels_to_no_other(importer, project_id, label_ids, write_jsonl, documents):
    """Its id is that of another text, in the project or further up; a later copy under a free id keeps its own."""
    importer.run(project_id, write_jsonl({"id": "1", "text": "foo"}), MAPPING, "ann")
    path = write_jsonl(
        {"id": "1", "text": "bar", "labels": ["bins"]},
        {"id": "2", "text": "bar", "labels": ["water"]},
        {"id": "2", "text": "leak", "labels": ["bins"]},
        {"id": "3", "text": "leak", "labels": ["noise"]},
        {"id": "1", "text": "leak", "labels": ["water"]},
    )
    report = importer.run(project_id, path, MAPPING, "ann")
    assert [refusal.line for refusal in report.refused] == [1, 3, 5]
    assert (report.taken, report.duplicates) == (2, 0)
    assert {row.external_id: row.labels for row in documents()} == {"1": [], "2": ["water"], "3": ["noise"]}


def test_a_label_that_holds_the_separator_is_imported_whole(importer, database, project_id, tmp_path, documents):
    LabelService(database).add(project_id, "Health; safety", "About both.", "ann")
    path = tmp_path / "classified.csv"
    path.write_text("id,text,labels\n1,A fall.,Health; safety; new\n")
    mapping = importer.preview(path, project_id).mapping
    assert importer.unknown_labels(project_id, path, mapping) == ["new"]
    importer.run(project_id, path, mapping, "ann", create_labels=True)
    assert [row.labels for row in documents()] == [["Health; safety", "new"]]


def test_a_row_under_the_id_of_another_text_gives_nothing(importer, project_id, label_ids, write_jsonl, documents):
    """Neither when its own text comes after it, nor once the project has both."""
    path = write_jsonl(
        {"id": "b", "text": "two"}, {"id": "b", "text": "one", "labels": ["noise"]}, {"id": "a", "text": "one"}
    )
    for taken in (2, 0):
        report = importer.run(project_id, path, MAPPING, "ann")
        assert (report.taken, report.labelled, report.duplicates) == (taken, 0, 2 - taken)
        [refusal] = report.refused
        assert (refusal.line, refusal.reason) == (2, "the id 'b' belongs to a document with another text")
    assert {row.external_id: row.labels for row in documents()} == {"a": [], "b": []}
