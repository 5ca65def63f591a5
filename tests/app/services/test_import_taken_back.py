"""An import taken back: which documents go, which stay, and the corrected file after it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlmodel import select

from app.errors import AppError
from app.services import import_rows
from app.services.label_lifecycle import LifecycleService
from app.services.projects import ProjectService
from app.services.reviews import ReviewService
from lagamc.readers import ColumnMapping
from storage import documents as documents_table
from storage import predictions, projects
from storage.errors import NotFound, Retired
from storage.models import Annotation, AnnotationLabel, PredictedSentence, Prediction

WRONG = ColumnMapping(text="sender", labels="labels", id="id")
RIGHT = ColumnMapping(text="text", labels="labels", id="id")
ROWS = [
    {"id": "1", "text": "loud music", "sender": "Ann of Hill Street", "labels": ["noise"]},
    {"id": "2", "text": "full bins", "sender": "Bob of Mill Lane", "labels": []},
    {"id": "3", "text": "a leak", "sender": "Cy of Tanner Row", "labels": ["water"]},
]


@pytest.fixture
def reviews(database):
    """Review, where nothing has to be classified."""
    return ReviewService(database, classification=None)


@pytest.fixture
def letters(importer, project_id, label_ids, write_jsonl, documents):
    """A project; `imported` imports ROWS with a mapping and returns the import, as listed."""

    def imported(mapping=WRONG, rows=ROWS, *, create_labels=False):
        path = write_jsonl(*rows, name="letters.jsonl")
        importer.run(project_id, path, mapping, "ann", create_labels=create_labels)
        return importer.listed(project_id, 1)[0]

    return SimpleNamespace(project_id=project_id, label_ids=label_ids, documents=documents, imported=imported)


def test_the_wrong_column_is_taken_back_and_the_right_one_imported(letters, importer):
    """The same ids come with the right texts, as if nothing had been."""
    wrong = letters.imported()
    assert (wrong.file_name, wrong.author, wrong.added, wrong.taken_back_at) == ("letters.jsonl", "ann", 3, None)
    assert importer.way_back(wrong.id).untouched == 3
    done = importer.take_back(wrong.id, "bob")
    assert (done.file_name, done.untouched, done.reviewed) == ("letters.jsonl", 3, 0)
    assert letters.documents() == []
    right = letters.imported(RIGHT)
    assert [(row.external_id, row.text, row.labels) for row in letters.documents()] == [
        ("1", "loud music", ["noise"]),
        ("2", "full bins", []),
        ("3", "a leak", ["water"]),
    ]
    assert [(row.id, row.taken_back_by) for row in importer.listed(letters.project_id, 9)] == [
        (right.id, None),
        (wrong.id, "bob"),
    ]


def test_what_somebody_reviewed_stays(letters, importer, database, reviews):
    """Also where it was undone: what people did is not deleted."""
    wrong = letters.imported()
    one, two, _ = letters.documents()
    with database.read() as session:
        given = documents_table.get(session, document_id=one.id).annotation_id
    kept = reviews.save(one.id, [letters.label_ids["bins"]], "cy", given)
    reviews.undo(reviews.save(two.id, [], "cy", None).annotation_id, "cy")
    found = importer.way_back(wrong.id)
    assert (found.untouched, found.reviewed) == (1, 2)
    importer.take_back(wrong.id, "bob")
    assert [(row.external_id, row.labels) for row in letters.documents()] == [("1", ["bins"]), ("2", [])]
    reviews.undo(kept.annotation_id, "cy")
    assert letters.documents()[0].labels == ["noise"]


def test_documents_of_other_imports_stay(letters, importer, write_jsonl):
    """Those that were there keep the labels that the file gave them, which is told."""
    importer.run(letters.project_id, write_jsonl({"id": "2", "text": "full bins"}), RIGHT, "ann")
    rows = [{**ROWS[1], "labels": ["dirt"]}, ROWS[2]]
    second = letters.imported(RIGHT, rows, create_labels=True)
    found = importer.take_back(second.id, "bob")
    assert (found.untouched, found.labelled, found.created_labels) == (1, 1, 1)
    assert [(row.external_id, row.labels) for row in letters.documents()] == [("2", ["dirt"])]


def test_what_was_said_of_the_documents_goes_with_them(letters, importer, database):
    """By the file, by a model, and by an operation on labels, which can be undone nevertheless."""
    wrong, lifecycle = letters.imported(), LifecycleService(database)
    with database.write() as session:
        for row in letters.documents():
            sentences = [PredictedSentence(text="About noise.", cosine=0.9)]
            predictions.add(session, document_id=row.id, model_version_id=None, threshold=0.4, sentences=sentences)
        changes = projects.get(session, project_id=letters.project_id).annotation_changes
    lifecycle.merge(letters.label_ids.values(), letters.label_ids["water"], "About water.", "ann")
    importer.take_back(wrong.id, "bob")
    with database.read() as session:
        for table in (Annotation, AnnotationLabel, Prediction, PredictedSentence):
            assert session.exec(select(table)).all() == []
        assert projects.get(session, project_id=letters.project_id).annotation_changes > changes + 1
    lifecycle.undo(lifecycle.history(letters.project_id)[0].id, "ann")


def test_no_later_document_gets_the_id_of_a_deleted_one(letters, importer):
    """Pages and stored vectors may still name it."""
    wrong = letters.imported()
    last = letters.documents()[-1].id
    importer.take_back(wrong.id, "bob")
    letters.imported(RIGHT)
    assert letters.documents()[0].id > last


def test_an_import_is_taken_back_once(letters, importer):
    """The second one learns who did it."""
    wrong = letters.imported()
    importer.take_back(wrong.id, "bob")
    for again in (importer.way_back, lambda key: importer.take_back(key, "cy")):
        with pytest.raises(AppError, match=r"^bob took the import of 'letters.jsonl' back at "):
            again(wrong.id)


def test_an_import_taken_back_while_it_goes_on_ends(letters, importer, write_jsonl, monkeypatch):
    """Nothing of it stays."""
    monkeypatch.setattr(import_rows, "CHUNK", 2)

    def take_back(done, total):
        importer.take_back(importer.listed(letters.project_id, 1)[0].id, "bob")

    with pytest.raises(AppError, match="bob took the import"):
        importer.run(letters.project_id, write_jsonl(*ROWS), WRONG, "ann", progress=take_back)
    assert letters.documents() == []


def test_an_import_that_brings_nothing_is_not_listed(letters, importer):
    """There is nothing to take back."""
    first = letters.imported()
    assert letters.imported().id == first.id
    assert len(importer.listed(letters.project_id, 9)) == 1


def test_a_document_taken_out_is_not_reviewed(letters, importer, reviews):
    """Whoever has it open reads why."""
    wrong = letters.imported()
    gone = letters.documents()[1].id
    importer.take_back(wrong.id, "bob")
    with pytest.raises(NotFound, match="taken out with its import"):
        reviews.save(gone, [], "cy", None)


def test_nothing_is_written_into_a_retired_project(letters, database, importer, reviews):
    """Reviews, files and taking back say that it was retired."""
    found, document = letters.imported(), letters.documents()[1].id
    saved = reviews.save(document, [], "cy", None)
    ProjectService(database).retire(letters.project_id)
    for write in (
        lambda: reviews.save(document, [], "cy", saved.annotation_id),
        lambda: reviews.undo(saved.annotation_id, "cy"),
        lambda: importer.take_back(found.id, "cy"),
        letters.imported,
    ):
        with pytest.raises(Retired, match="The project 'messages' was retired"):
            write()
