"""Which split an imported document gets: that of the file, or a share of those that are divided."""

from __future__ import annotations

import pytest

from app.services.projects import ProjectService
from lagamc.readers import ColumnMapping

MAPPING = ColumnMapping(text="text", labels="labels", id="id", split="split")
NAMES = ("noise", "bins", "water")


def messages(number, **fields):
    return [{"id": f"m{i}", "text": f"message number {i}", "labels": [NAMES[i % 3]], **fields} for i in range(number)]


def test_rows_that_are_refused_have_no_share_in_the_split(importer, project_id, label_ids, write_jsonl, documents):
    """Those with the id of another text: without them there are too few to divide, so all stay unassigned."""
    clash = [{"id": "m0", "text": f"another text {number}", "labels": ["noise"]} for number in range(10)]
    report = importer.run(project_id, write_jsonl(*messages(5), *clash), MAPPING, "ann")
    assert (report.taken, len(report.refused)) == (5, 10)
    assert {row.split for row in documents()} == {"unassigned"}


def test_a_text_in_two_splits_is_no_copy(importer, project_id, label_ids, write_jsonl):
    """A model would be tested on what it has learnt; a row that gives no split is a copy."""
    rows = [
        {"id": "a", "text": "one", "labels": ["noise"], "split": "train"},
        {"id": "b", "text": "one", "labels": ["noise"], "split": "test"},
        {"id": "c", "text": "one"},
        {"id": "d", "text": "two"},
        {"id": "e", "text": "two", "split": "test"},
    ]
    kept = "the project has this text, as {}, in {}, and keeps it there"
    told = [(2, kept.format("'a'", "the split train")), (5, kept.format("'d'", "no split"))]
    report = importer.run(project_id, write_jsonl(*rows), MAPPING, "ann")
    assert (report.taken, report.duplicates, [(row.line, row.reason) for row in report.refused]) == (2, 1, told)
    report = importer.run(project_id, write_jsonl(*rows), MAPPING, "ann")
    assert (report.taken, report.duplicates, [(row.line, row.reason) for row in report.refused]) == (0, 3, told)


def test_a_few_labelled_rows_wait_for_more_before_they_are_split(
    importer, database, project_id, label_ids, write_jsonl
):
    """Import after import of five would leave dev and test empty for ever."""
    importer.run(project_id, write_jsonl(*messages(5)), MAPPING, "ann")
    assert ProjectService(database).get(project_id).documents["unassigned"] == 5


def test_labelled_rows_without_a_split_are_split(importer, database, project_id, label_ids, write_jsonl):
    """A tenth each goes to dev and test, every label included; unlabelled rows stay unassigned."""
    path = write_jsonl(*messages(60), *({"text": f"plain {i}"} for i in range(5)))
    importer.run(project_id, path, MAPPING, "ann")
    projects = ProjectService(database)
    assert projects.get(project_id).documents == {"train": 48, "dev": 6, "test": 6, "unassigned": 5}
    assert all(count.dev and count.test for count in projects.label_counts(project_id))


def test_splits_that_the_file_names_are_kept(importer, project_id, label_ids, write_jsonl, documents):
    """Only the rows without one are split."""
    path = write_jsonl(
        *messages(30, split="test"),
        *({**row, "id": f"n{row['id']}", "text": f"new {row['text']}"} for row in messages(30)),
    )
    importer.run(project_id, path, MAPPING, "ann")
    splits = [row.split for row in documents()]
    assert splits[:30] == ["test"] * 30
    assert {name: splits[30:].count(name) for name in ("train", "dev", "test")} == {"train": 24, "dev": 3, "test": 3}


def test_a_document_that_has_a_split_keeps_it_when_a_file_labels_it(
    importer, project_id, label_ids, write_jsonl, documents
):
    """Though labelled texts without a split would be divided."""
    importer.run(project_id, write_jsonl({"id": "1", "text": "message number 0", "split": "test"}), MAPPING, "ann")
    report = importer.run(project_id, write_jsonl(*messages(30)), MAPPING, "ann")
    assert (report.taken, report.labelled, report.refused) == (29, 1, [])
    splits = {row.external_id: row.split for row in documents()}
    assert splits.pop("1") == "test"
    assert sorted(splits.values()) == sorted(["train"] * 23 + ["dev"] * 3 + ["test"] * 3)


def test_of_two_splits_of_one_text_the_first_holds(importer, project_id, label_ids, write_jsonl, documents):
    """Where the first row tells none, that of the next one that does."""
    path = write_jsonl(
        {"id": "a", "text": "one", "labels": ["noise"]},
        {"id": "b", "text": "one", "labels": ["bins"], "split": "dev"},
        {"id": "c", "text": "one", "labels": ["bins"], "split": "train"},
    )
    report = importer.run(project_id, path, MAPPING, "ann")
    assert (report.taken, report.duplicates, [row.line for row in report.refused]) == (1, 1, [3])
    [row] = documents()
    assert (row.split, row.labels) == ("dev", ["noise", "bins"])


def test_documents_that_have_a_split_have_no_share_in_another(importer, project_id, label_ids, write_jsonl, documents):
    """Without them there are too few to divide."""
    known = [{"text": f"known {number}", "split": "train"} for number in range(5)]
    importer.run(project_id, write_jsonl(*known), MAPPING, "ann")
    labelled = [{"text": row["text"], "labels": ["noise"]} for row in known]
    importer.run(project_id, write_jsonl(*messages(5), *labelled), MAPPING, "ann")
    assert [row.split for row in documents()] == ["train"] * 5 + ["unassigned"] * 5


@pytest.mark.usefixtures("label_ids")
@pytest.mark.parametrize("count", [5, 6])
def test_six_labelled_texts_are_divided(importer, project_id, write_jsonl, documents, count):
    """Fewer stay unassigned."""
    importer.run(project_id, write_jsonl(*messages(count)), MAPPING, "ann")
    assert ("dev" in {row.split for row in documents()}) == (count == 6)
