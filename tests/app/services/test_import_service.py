from __future__ import annotations

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services import imports
from app.services.documents import DocumentService
from app.services.imports import ImportService
from app.services.label_lifecycle import LifecycleService
from app.services.labels import LabelService
from app.services.projects import ProjectService
from lagamc.errors import DatasetError
from lagamc.readers import MAX_TEXT_CHARACTERS, ColumnMapping
from storage.errors import NotFound

MAPPING = ColumnMapping(text="text", labels="labels", id="id", split="split")
NAMES = ("noise", "bins", "water")


@pytest.fixture
def service(database):
    return ImportService(database)


@pytest.fixture
def documents(database, project_id):
    """All documents of the project, as rows."""
    return lambda: DocumentService(database).page(project_id, 500).rows


def messages(number, **fields):
    return [{"id": f"m{i}", "text": f"message number {i}", "labels": [NAMES[i % 3]], **fields} for i in range(number)]


def test_rows_keep_id_text_labels_and_split(service, project_id, label_ids, write_jsonl, documents):
    """What the file says is what the project holds."""
    path = write_jsonl({"id": "a", "text": "Loud bins!", "labels": ["Bins", "noise"], "split": "dev"})
    report = service.run(project_id, path, MAPPING, "ann")
    assert (report.taken, report.duplicates, report.refused, report.created_labels) == (1, 0, [], [])
    (row,) = documents()
    assert (row.external_id, row.text, row.labels, row.split) == ("a", "Loud bins!", ["noise", "bins"], "dev")


def test_importing_twice_counts_duplicates(service, project_id, label_ids, write_jsonl, documents):
    """The second import takes what is new and changes nothing else."""
    service.run(project_id, write_jsonl(*messages(5)), MAPPING, "ann")
    before = documents()
    report = service.run(project_id, write_jsonl(*messages(7)), MAPPING, "ann")
    assert (report.taken, report.duplicates, report.refused) == (2, 5, [])
    assert documents()[:5] == before


def test_rows_that_are_refused_have_no_share_in_the_split(service, project_id, label_ids, write_jsonl, documents):
    """Those with the id of another text: without them there are too few to divide, so all stay unassigned."""
    clash = [{"id": "m0", "text": f"another text {number}", "labels": ["noise"]} for number in range(10)]
    report = service.run(project_id, write_jsonl(*messages(5), *clash), MAPPING, "ann")
    assert (report.taken, len(report.refused)) == (5, 10)
    assert {row.split for row in documents()} == {"unassigned"}


def test_repeated_texts_and_ids_inside_a_file(service, project_id, label_ids, write_jsonl):
    """The same text is a duplicate under any id; another text under a used id is refused by line."""
    path = write_jsonl(
        {"id": "a", "text": "one"},
        {"id": "a", "text": "one"},
        {"id": "b", "text": " one "},
        {"id": "a", "text": "two"},
        {"text": "three"},
        {"text": "three"},
    )
    report = service.run(project_id, path, MAPPING, "ann")
    assert (report.taken, report.duplicates) == (2, 3)
    assert [(refusal.line, refusal.reason) for refusal in report.refused] == [
        (4, "the id 'a' belongs to a document with another text")
    ]


@pytest.mark.usefixtures("label_ids")
def test_rows_with_one_text_are_one_document_with_the_labels_of_all(
    service, project_id, write_jsonl, documents, monkeypatch
):
    """A row a label is how databases export; the rows need not stand together."""
    monkeypatch.setattr(imports, "CHUNK", 2)
    path = write_jsonl(
        {"id": "1", "text": "loud bins", "labels": ["noise"]},
        {"id": "2", "text": "a leak", "labels": ["water"]},
        {"id": "3", "text": "hello"},
        {"id": "1", "text": "loud bins", "labels": ["bins"]},
    )
    report = service.run(project_id, path, MAPPING, "ann")
    assert (report.taken, report.duplicates, report.refused) == (3, 1, [])
    assert {row.external_id: row.labels for row in documents()} == {"1": ["noise", "bins"], "2": ["water"], "3": []}
    again = service.run(project_id, path, MAPPING, "ann")
    assert (again.taken, again.labelled, again.duplicates, again.refused) == (0, 0, 4, [])


def test_labels_of_known_texts_are_taken_or_named(service, project_id, label_ids, write_jsonl, documents):
    """A document without labels gets those of the file; one that has others keeps them, and the report says so."""
    service.run(project_id, write_jsonl({"id": "1", "text": "one"}, {"id": "2", "text": "two", "labels": ["bins"]}),
                MAPPING, "ann")  # fmt: skip
    path = write_jsonl(
        {"id": "x", "text": "one", "labels": ["noise"], "split": "dev"},
        {"id": "2", "text": "two", "labels": ["water"], "split": "dev"},
    )
    report = service.run(project_id, path, MAPPING, "ben")
    assert (report.taken, report.labelled, report.duplicates) == (0, 1, 0)
    [refusal] = report.refused
    assert refusal.line == 2
    assert "as '2', with other labels, and keeps them" in refusal.reason
    assert [(row.labels, row.split) for row in documents()] == [(["noise"], "dev"), (["bins"], "unassigned")]


def test_a_few_labelled_rows_wait_for_more_before_they_are_split(service, database, project_id, label_ids, write_jsonl):
    """Import after import of five would leave dev and test empty for ever."""
    service.run(project_id, write_jsonl(*messages(5)), MAPPING, "ann")
    assert ProjectService(database).get(project_id).documents["unassigned"] == 5


def test_refusals_are_listed_in_the_order_of_the_file(service, project_id, label_ids, write_jsonl):
    """Repeated ids, found last, stand among the faults around them."""
    path = write_jsonl({"id": "a", "text": "one"}, {"text": ""}, {"id": "a", "text": "two"}, {"text": " "})
    assert [refusal.line for refusal in service.run(project_id, path, MAPPING, "ann").refused] == [2, 3, 4]


def test_unknown_labels_are_named_and_created_on_demand(service, database, project_id, label_ids, write_jsonl):
    """Rows with unknown labels are refused by name; created ones still lack a description."""
    path = write_jsonl(*messages(2), {"text": "tall", "labels": ["trees", "noise"]}, {"text": "x", "labels": ["Trees"]})
    assert service.unknown_labels(project_id, path, MAPPING) == ["trees"]
    report = service.run(project_id, path, MAPPING, "ann")
    assert report.taken == 2
    assert [refusal.line for refusal in report.refused] == [3, 4]
    assert "unknown label 'trees'" in report.refused[0].reason
    report = service.run(project_id, path, MAPPING, "ann", create_labels=True)
    assert (report.taken, report.duplicates, report.created_labels) == (2, 2, ["trees"])
    view = LabelService(database).list(project_id)[-1]
    assert (view.name, view.description, view.documents) == ("trees", "", 2)


def test_retired_labels_are_not_created_again(service, database, project_id, label_ids, write_jsonl):
    """A row with a retired label says so."""
    LifecycleService(database).retire(label_ids["noise"], "ann")
    path = write_jsonl({"text": "loud", "labels": ["noise"]})
    assert service.unknown_labels(project_id, path, MAPPING) == []
    (refusal,) = service.run(project_id, path, MAPPING, "ann", create_labels=True).refused
    assert "'noise' is retired; restore it" in refusal.reason


def test_a_label_that_was_merged_means_its_survivor(
    service, database, *, project_id, label_ids, write_jsonl, documents
):
    """In a file that is older than the merge."""
    LifecycleService(database).merge([label_ids["noise"]], label_ids["bins"], "About noise and bins.", "ann")
    report = service.run(project_id, write_jsonl({"text": "loud", "labels": ["noise"]}), MAPPING, "ann")
    assert (report.taken, report.refused) == (1, [])
    assert [row.labels for row in documents()] == [["bins"]]


def test_labels_that_others_change_between_two_chunks(
    service, database, *, project_id, label_ids, write_jsonl, documents, monkeypatch
):
    """A merged one is followed, a retired one refused, also where another row of the text gave it."""
    monkeypatch.setattr(imports, "CHUNK", 2)
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

    report = service.run(project_id, path, MAPPING, "ann", progress=others)
    assert report.taken == 5
    assert [(row.line, row.reason.partition(";")[0]) for row in report.refused] == [
        (4, "the label 'water' is retired"),
        (6, "the label 'water' is retired"),
    ]
    assert {row.external_id: row.labels for row in documents()} == {
        "1": ["bins"], "2": ["water"], "3": ["bins"], "5": ["bins"], "7": ["trees"],
    }  # fmt: skip


def test_labelled_rows_without_a_split_are_split(service, database, project_id, label_ids, write_jsonl):
    """A tenth each goes to dev and test, every label included; unlabelled rows stay unassigned."""
    path = write_jsonl(*messages(60), *({"text": f"plain {i}"} for i in range(5)))
    service.run(project_id, path, MAPPING, "ann")
    projects = ProjectService(database)
    assert projects.get(project_id).documents == {"train": 48, "dev": 6, "test": 6, "unassigned": 5}
    assert all(count.dev and count.test for count in projects.label_counts(project_id))


def test_splits_that_the_file_names_are_kept(service, project_id, label_ids, write_jsonl, documents):
    """Only the rows without one are split."""
    path = write_jsonl(
        *messages(30, split="test"),
        *({**row, "id": f"n{row['id']}", "text": f"new {row['text']}"} for row in messages(30)),
    )
    service.run(project_id, path, MAPPING, "ann")
    splits = [row.split for row in documents()]
    assert splits[:30] == ["test"] * 30
    assert {name: splits[30:].count(name) for name in ("train", "dev", "test")} == {"train": 24, "dev": 3, "test": 3}


def test_progress_reaches_the_number_of_rows(service, project_id, label_ids, write_jsonl, monkeypatch):
    """Rows are written in chunks, each of which reports."""
    monkeypatch.setattr(imports, "CHUNK", 4)
    steps = []
    service.run(
        project_id, write_jsonl(*messages(10)), MAPPING, "ann", progress=lambda done, total: steps.append((done, total))
    )
    assert steps == [(4, 10), (8, 10), (10, 10)]


def test_a_broken_import_is_completed_by_the_next(
    service, *, project_id, label_ids, write_jsonl, documents, monkeypatch
):
    """What was written before the break is whole, and the same file brings the rest."""
    monkeypatch.setattr(imports, "CHUNK", 4)
    path = write_jsonl(*messages(10))

    def break_off(done, _total):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        service.run(project_id, path, MAPPING, "ann", progress=break_off)
    assert all(row.labels for row in documents())
    report = service.run(project_id, path, MAPPING, "ann")
    assert (report.taken, report.duplicates) == (2, 8)
    assert len(documents()) == 10


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
def test_one_bad_line_among_good_ones(service, *, project_id, label_ids, write_jsonl, documents, line, reason):
    """The good lines are taken; the bad one is reported with its number and reason, even if labels may be created."""
    path = write_jsonl(GOOD % (1, 1), line, GOOD % (2, 2))
    create = "unknown" not in reason
    report = service.run(project_id, path, MAPPING, "ann", create_labels=create)
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
        ("a.csv.gz", b"text,labels,id,split\na,,1,\n", "cannot be read"),
        ("a.csv.gz", gzip.compress(b"text,labels,id,split\n" + b"a,,1,\n" * 99)[:-20], "cannot be read"),
        ("a.csv.gz", gzip.compress(b"text,labels\n")[:10] + b"\xff" * 30, "cannot be read"),
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
    service, *, project_id, label_ids, tmp_path, documents, name, content, message
):
    """The message names the file and what is wrong with it."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        service.run(project_id, path, MAPPING, "ann", create_labels=True)
    assert documents() == []


def test_a_file_broken_at_its_end_writes_nothing(service, database, project_id, tmp_path, documents):
    """The whole file is read before the first row, or label, is written."""
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"text,labels,id,split\n" + b"".join(b"text %d,new,%d,\n" % (i, i) for i in range(2000)) + b"\xe9\n"
    )
    with pytest.raises(DatasetError, match="not UTF-8"):
        service.run(project_id, path, MAPPING, "ann", create_labels=True)
    assert documents() == []
    assert LabelService(database).list(project_id) == []


def test_a_missing_file_and_a_missing_project(service, project_id, tmp_path, write_jsonl):
    """Both end in a message."""
    with pytest.raises(DatasetError, match="cannot be read"):
        service.run(project_id, tmp_path / "gone.csv", MAPPING, "ann")
    with pytest.raises(NotFound, match="no project 42"):
        service.run(42, write_jsonl({"text": "a"}), MAPPING, "ann")


def test_a_header_without_rows_is_told_at_the_preview(service, tmp_path):
    """The preview says that there is nothing below the header."""
    path = tmp_path / "a.csv"
    path.write_text("text,labels\n")
    with pytest.raises(DatasetError, match="no rows"):
        service.preview(path)


def test_the_preview_guesses_the_mapping(service, tmp_path):
    """The preview is lagamc's, so the screen and the command line read files alike."""
    path = tmp_path / "a.csv"
    path.write_text("doc_id;message;tags;fold\n1;hello;noise|bins;train\n")
    preview = service.preview(path)
    assert preview.mapping == ColumnMapping("message", "tags", "doc_id", "fold", "|")


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
    service, path = ImportService(database), write_jsonl(*rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imports, "CHUNK", chunk)
        report = service.run(project_id, path, MAPPING, "ann")
        again = service.run(project_id, path, MAPPING, "ann")
    assert report.taken + report.duplicates + len(report.refused) == len(rows)
    assert again.labelled == 0
    assert sum(projects.get(project_id).documents.values()) == report.taken
    assert again.taken == 0
    assert again.duplicates + len(again.refused) == len(rows)
