from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services import import_rows
from app.services.imports import ImportService
from app.services.label_lifecycle import LifecycleService
from app.services.labels import LabelService
from app.services.projects import ProjectService
from lagamc.readers import ColumnMapping

MAPPING = ColumnMapping(text="text", labels="labels", id="id", split="split")
NAMES = ("noise", "bins", "water")


def messages(number, **fields):
    return [{"id": f"m{i}", "text": f"message number {i}", "labels": [NAMES[i % 3]], **fields} for i in range(number)]


def test_rows_keep_id_text_labels_and_split(importer, project_id, label_ids, write_jsonl, documents):
    """What the file says is what the project holds."""
    path = write_jsonl({"id": "a", "text": "Loud bins!", "labels": ["Bins", "noise"], "split": "dev"})
    report = importer.run(project_id, path, MAPPING, "ann")
    assert (report.taken, report.duplicates, report.refused, report.created_labels) == (1, 0, [], [])
    (row,) = documents()
    assert (row.external_id, row.text, row.labels, row.split) == ("a", "Loud bins!", ["noise", "bins"], "dev")


def test_importing_twice_counts_duplicates(importer, project_id, label_ids, write_jsonl, documents):
    """The second import takes what is new and changes nothing else."""
    importer.run(project_id, write_jsonl(*messages(5)), MAPPING, "ann")
    before = documents()
    report = importer.run(project_id, write_jsonl(*messages(7)), MAPPING, "ann")
    assert (report.taken, report.duplicates, report.refused) == (2, 5, [])
    assert documents()[:5] == before


def test_repeated_texts_and_ids_inside_a_file(importer, project_id, label_ids, write_jsonl):
    """The same text is a duplicate under any id; another text under a used id is refused by line."""
    path = write_jsonl(
        {"id": "a", "text": "one"},
        {"id": "a", "text": "one"},
        {"id": "b", "text": " one "},
        {"id": "a", "text": "two"},
        {"text": "three"},
        {"text": "three"},
    )
    report = importer.run(project_id, path, MAPPING, "ann")
    assert (report.taken, report.duplicates) == (2, 3)
    assert [(refusal.line, refusal.reason) for refusal in report.refused] == [
        (4, "the id 'a' belongs to a document with another text")
    ]


@pytest.mark.usefixtures("label_ids")
def test_rows_with_one_text_are_one_document_with_the_labels_of_all(
    importer, project_id, write_jsonl, documents, monkeypatch
):
    """A row a label is how databases export; the rows need not stand together."""
    monkeypatch.setattr(import_rows, "CHUNK", 2)
    path = write_jsonl(
        {"id": "1", "text": "loud bins", "labels": ["noise"]},
        {"id": "2", "text": "a leak", "labels": ["water"]},
        {"id": "3", "text": "hello"},
        {"id": "1", "text": "loud bins", "labels": ["bins"]},
    )
    report = importer.run(project_id, path, MAPPING, "ann")
    assert (report.taken, report.duplicates, report.refused) == (3, 1, [])
    assert {row.external_id: row.labels for row in documents()} == {"1": ["noise", "bins"], "2": ["water"], "3": []}
    again = importer.run(project_id, path, MAPPING, "ann")
    assert (again.taken, again.labelled, again.duplicates, again.refused) == (0, 0, 4, [])


def test_labels_of_known_texts_are_taken_or_named(importer, project_id, label_ids, write_jsonl, documents):
    """A document without labels gets those of the file; one that has others keeps them, and the report says so."""
    importer.run(project_id, write_jsonl({"id": "1", "text": "one"}, {"id": "2", "text": "two", "labels": ["bins"]}),
                MAPPING, "ann")  # fmt: skip
    path = write_jsonl(
        {"id": "x", "text": "one", "labels": ["noise"], "split": "dev"},
        {"id": "2", "text": "two", "labels": ["water"], "split": "dev"},
    )
    report = importer.run(project_id, path, MAPPING, "ben")
    assert (report.taken, report.labelled, report.duplicates) == (0, 1, 0)
    [refusal] = report.refused
    assert refusal.line == 2
    assert "as '2', with other labels, and keeps them" in refusal.reason
    same = {"id": "x", "text": "one", "labels": ["noise"]}
    for split, refused in ((None, []), ("dev", []), ("test", ["as '1', in the split dev, and keeps it there"])):
        report = importer.run(project_id, write_jsonl({**same, "split": split}), MAPPING, "ben")
        assert [refusal.reason.removeprefix("the project has this text, ") for refusal in report.refused] == refused
        assert report.duplicates == 1 - len(refused)
    assert [(row.labels, row.split) for row in documents()] == [(["noise"], "dev"), (["bins"], "unassigned")]


def test_refusals_are_listed_in_the_order_of_the_file(importer, project_id, label_ids, write_jsonl):
    """Repeated ids, found last, stand among the faults around them."""
    path = write_jsonl({"id": "a", "text": "one"}, {"text": ""}, {"id": "a", "text": "two"}, {"text": " "})
    assert [refusal.line for refusal in importer.run(project_id, path, MAPPING, "ann").refused] == [2, 3, 4]


def test_unknown_labels_are_named_and_created_on_demand(importer, database, project_id, label_ids, write_jsonl):
    """Rows with unknown labels are refused by name; created ones still lack a description."""
    path = write_jsonl(*messages(2), {"text": "tall", "labels": ["trees", "noise"]}, {"text": "x", "labels": ["Trees"]})
    assert importer.unknown_labels(project_id, path, MAPPING) == ["trees"]
    report = importer.run(project_id, path, MAPPING, "ann")
    assert report.taken == 2
    assert [refusal.line for refusal in report.refused] == [3, 4]
    assert "unknown label 'trees'" in report.refused[0].reason
    report = importer.run(project_id, path, MAPPING, "ann", create_labels=True)
    assert (report.taken, report.duplicates, report.created_labels) == (2, 2, ["trees"])
    labels = LabelService(database)
    view = labels.list(project_id)[-1]
    assert (view.name, view.description, labels.documents(project_id)[view.id]) == ("trees", "", 2)


def test_retired_labels_are_not_created_again(importer, database, project_id, label_ids, write_jsonl):
    """A row with a retired label says so."""
    LifecycleService(database).retire(label_ids["noise"], "ann")
    path = write_jsonl({"text": "loud", "labels": ["noise"]})
    assert importer.unknown_labels(project_id, path, MAPPING) == []
    (refusal,) = importer.run(project_id, path, MAPPING, "ann", create_labels=True).refused
    assert "'noise' is retired; restore it" in refusal.reason


def test_a_label_that_was_merged_means_its_survivor(
    importer, database, *, project_id, label_ids, write_jsonl, documents
):
    """In a file that is older than the merge."""
    LifecycleService(database).merge([label_ids["noise"]], label_ids["bins"], "About noise and bins.", "ann")
    report = importer.run(project_id, write_jsonl({"text": "loud", "labels": ["noise"]}), MAPPING, "ann")
    assert (report.taken, report.refused) == (1, [])
    assert [row.labels for row in documents()] == [["bins"]]


def test_labels_that_others_change_between_two_chunks(
    importer, database, *, project_id, label_ids, write_jsonl, documents, monkeypatch
):
    """A merged one is followed, a retired one refused, also where another row of the text gave it."""
    monkeypatch.setattr(import_rows, "CHUNK", 2)
    lifecycle = LifecycleService(database)
    lifecycle.retire(restored := LabelService(database).add(project_id, "trees", "About trees.", "ann"), "ann")
    path = write_jsonl(
        {"id": "1", "text": "one", "labels": ["noise"]},
        {"id": "2", "text": "two", "labels": ["water"]},
        {"id": "3", "text": "three", "labels": ["noise"]},
        {"id": "4", "text": "four", "labels": ["noise", "water"]},
        {"id": "5", "text": "five", "labels": ["bins"]},
        {"id": "6", "text": "five", "labels": ["water"]},
        {"id": "7", "text": "seven", "labels": ["trees"]},
    )

    def others(done, _total):
        if done == 2:
            lifecycle.merge([label_ids["noise"]], label_ids["bins"], "About noise and bins.", "ben")
            lifecycle.retire(label_ids["water"], "ben")
            lifecycle.restore(restored, "ben")

    report = importer.run(project_id, path, MAPPING, "ann", progress=others)
    assert report.taken == 5
    assert [(row.line, row.reason.partition(";")[0]) for row in report.refused] == [
        (4, "the label 'water' is retired"),
        (6, "the label 'water' is retired"),
    ]
    assert {row.external_id: row.labels for row in documents()} == {
        "1": ["bins"], "2": ["water"], "3": ["bins"], "5": ["bins"], "7": ["trees"],
    }  # fmt: skip


def test_progress_reaches_the_number_of_rows(importer, project_id, label_ids, write_jsonl, monkeypatch):
    """Rows are written in chunks, each of which reports."""
    monkeypatch.setattr(import_rows, "CHUNK", 4)
    steps = []
    importer.run(
        project_id, write_jsonl(*messages(10)), MAPPING, "ann", progress=lambda done, total: steps.append((done, total))
    )
    assert steps == [(4, 10), (8, 10), (10, 10)]


def test_a_broken_import_is_completed_by_the_next(
    importer, *, project_id, label_ids, write_jsonl, documents, monkeypatch
):
    """What was written before the break is whole, and the same file brings the rest."""
    monkeypatch.setattr(import_rows, "CHUNK", 4)
    path = write_jsonl(*messages(10))

    def break_off(done, _total):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importer.run(project_id, path, MAPPING, "ann", progress=break_off)
    assert all(row.labels for row in documents())
    report = importer.run(project_id, path, MAPPING, "ann")
    assert (report.taken, report.duplicates) == (2, 8)
    assert len(documents()) == 10


def test_the_preview_guesses_the_mapping(importer, tmp_path):
    """The preview is lagamc's, so the screen and the command line read files alike."""
    path = tmp_path / "a.csv"
    path.write_text("doc_id;message;tags;fold\n1;hello;noise|bins;train\n")
    preview = importer.preview(path)
    assert preview.mapping == ColumnMapping("message", "tags", "doc_id", "fold", "|")


def test_a_label_of_the_project_is_not_parted(importer, database, project_id, tmp_path):
    """Though it holds what parts labels in other files, and is written otherwise."""
    path = tmp_path / "a.csv"
    path.write_text('text,labels\nhello,"Health, Safety"\n')
    assert importer.preview(path, project_id).mapping.label_separator == ","
    LabelService(database).add(project_id, "Health, safety", "Accidents at work.", "ann")
    mapping = importer.preview(path, project_id).mapping
    assert importer.unknown_labels(project_id, path, mapping) == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "id": st.sampled_from(["a", "b", "c", None]),
                "text": st.sampled_from(["", "one", "two", " two", "three"]),
                "labels": st.lists(st.sampled_from([*NAMES, "unheard of"]), max_size=2),
            }
        ),
        min_size=1,
        max_size=20,
    ),
    chunk=st.integers(1, 7),
)
def test_every_row_is_accounted_for(database, write_jsonl, rows, chunk):
    """Taken, duplicates and refused add up to the rows, and a second import takes nothing."""
    projects = ProjectService(database)
    project_id = projects.create(f"project {len(projects.list())}")
    for name in NAMES:
        LabelService(database).add(project_id, name, f"About {name}.", "ann")
    importer, path = ImportService(database), write_jsonl(*rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_rows, "CHUNK", chunk)
        report = importer.run(project_id, path, MAPPING, "ann")
        again = importer.run(project_id, path, MAPPING, "ann")
    assert report.taken + report.duplicates + len(report.refused) == len(rows)
    assert again.labelled == 0
    assert sum(projects.get(project_id).documents.values()) == report.taken
    assert again.taken == 0
    assert again.duplicates + len(again.refused) == len(rows)


@pytest.mark.parametrize(("length", "taken"), [(200, 1), (201, 0)])
def test_the_longest_id_that_is_taken(importer, project_id, write_jsonl, length, taken):
    report = importer.run(project_id, write_jsonl({"id": "a" * length, "text": "one"}), MAPPING, "ann")
    assert (report.taken, len(report.refused)) == (taken, 1 - taken)
