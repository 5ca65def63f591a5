"""Classification before and after training, of texts, documents and files."""

from __future__ import annotations

import csv
import json
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from small_collection import DESCRIPTIONS, Collection

from app.errors import AppError
from app.services.imports import ImportService
from lagamc.encoder import SentenceEncoder
from lagamc.errors import ConfigError, LabelError
from lagamc.labels import LabelSet
from lagamc.readers import MAX_TEXT_CHARACTERS, ColumnMapping
from lagamc.untrained import UntrainedClassifier
from storage import documents, predictions, projects
from storage.errors import NotFound

TEXT = "The loud noise of that bus again, please"


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A project in which nothing has been trained, with the real encoder."""
    collection = Collection(tmp_path_factory.mktemp("untrained"))
    collection.add_documents(train=3)
    yield collection
    collection.close()


def finished(collection, job_id):
    """Wait for a file job and return its last view."""
    end = time.monotonic() + 60
    while (view := collection.classification.file_job(job_id)).status == "running":
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return view


def test_before_training_the_encoder_answers_and_says_so(untrained):
    """Stored descriptions come nearest first, each with its label, cosine and runner-up."""
    view = untrained.classification.classify_text(untrained.project_id, TEXT)
    assert (view.model_name, view.trained, view.prediction_id) == ("untrained encoder", False, None)
    assert [row.cosine for row in view.rows] == sorted((row.cosine for row in view.rows), reverse=True)
    assert (view.rows[0].label, view.rows[0].sentence) == ("noise", DESCRIPTIONS["noise"])
    assert view.rows[0].runner_up == view.rows[1].label
    assert view.labels[0] == "noise"
    assert view.neighbours == []


def test_deciding_again_generates_nothing(untrained):
    """The same sentences are abstained or assigned by the new threshold."""
    service = untrained.classification
    view = service.classify_text(untrained.project_id, TEXT)
    strict, loose = service.decide(view, 1.0), service.decide(view, -1.0)
    assert strict.labels == []
    assert all(row.abstained for row in strict.rows)
    assert set(loose.labels) == set(DESCRIPTIONS)
    assert [row.cosine for row in loose.rows] == [row.cosine for row in view.rows]


@pytest.mark.parametrize("threshold", [-1.5, 1.01, float("nan")])
def test_a_threshold_that_is_no_cosine_is_refused(untrained, threshold, tmp_path):
    """For texts, decisions and files alike, before any work."""
    service = untrained.classification
    with pytest.raises(ConfigError):
        service.classify_text(untrained.project_id, TEXT, threshold=threshold)
    with pytest.raises(ConfigError):
        service.classify_file(untrained.project_id, tmp_path / "x.csv", ColumnMapping(text="text"), threshold)


@pytest.mark.parametrize(("text", "message"), [("  \n", "no text"), ("x" * (MAX_TEXT_CHARACTERS + 1), "at most")])
def test_an_empty_or_endless_text_is_refused(untrained, text, message):
    """The message says what was found."""
    with pytest.raises(AppError, match=message):
        untrained.classification.classify_text(untrained.project_id, text)


def test_a_project_without_labels_cannot_answer(untrained):
    """It says that labels are missing."""
    from storage import projects

    with untrained.database.write() as session:
        bare = projects.add(session, name="bare").id
    with pytest.raises(LabelError, match="label"):
        untrained.classification.classify_text(bare, TEXT)


@pytest.mark.parametrize("own", [-1.0, 1.0])
def test_a_threshold_of_ones_own_is_not_stored(untrained, own):
    """It decides what its user sees; what reviewers are proposed is decided by the usual one."""
    with untrained.database.read() as session:
        document = documents.find(session, project_id=untrained.project_id, external_id="train-0")
    usual = untrained.classification.classify_text(untrained.project_id, document.text)
    view = untrained.classification.classify_document(document.id, threshold=own)
    assert (view.threshold, {row.abstained for row in view.rows}) == (own, {own > 0})
    with untrained.database.read() as session:
        stored = predictions.get(session, prediction_id=view.prediction_id)
        sentences = predictions.sentences(session, prediction_id=stored.id)
    assert stored.threshold == usual.threshold
    assert [row.abstained for row in sentences] == [row.abstained for row in usual.rows]


def test_a_document_taken_out_while_it_is_classified_is_told(untrained, tmp_path, monkeypatch):
    """And no prediction of it is stored."""
    importer, answering = ImportService(untrained.database), untrained.classification.answering
    path = tmp_path / "one.csv"
    path.write_text("id,text\none,The bus is loud\n", encoding="utf-8")
    importer.run(untrained.project_id, path, ColumnMapping(text="text", id="id"), "ann")
    with untrained.database.read() as session:
        document = documents.find(session, project_id=untrained.project_id, external_id="one")
    answer = answering.answer

    def take_back_and_answer(*args):
        importer.take_back(importer.listed(untrained.project_id, 1)[0].id, "ann")
        return answer(*args)

    monkeypatch.setattr(answering, "answer", take_back_and_answer)
    with pytest.raises(NotFound, match="taken out with its import"):
        untrained.classification.classify_document(document.id)


def test_models_stay_in_memory_within_the_bound(untrained):
    """Classifiers of a label set share the encoder; those used longest ago make room for a new one."""
    label_id = untrained.label_ids["water"]
    fresh = Collection.reopened(untrained)
    answering = fresh.classification.answering
    one = 0.0
    for text in ("A leak.", "A flood.", DESCRIPTIONS["water"]):
        fresh.labels.save(label_id, "water", text, "ann")
        fresh.classification.classify_text(untrained.project_id, TEXT)
        one = one or answering.megabytes
    assert len(answering._warm) == 3
    assert answering.megabytes < 1.01 * one
    assert one > 80
    answering._settings = replace(answering._settings, model_megabytes=1)
    fresh.labels.save(label_id, "water", "A pipe.", "ann")
    fresh.classification.classify_text(untrained.project_id, TEXT)
    assert len(answering._warm) == 1  # the one in use stays, however large
    fresh.labels.save(label_id, "water", DESCRIPTIONS["water"], "ann")
    fresh.close()


def test_a_model_that_classifies_a_file_is_not_let_go(untrained):
    """A stream keeps its classifier until it ends."""
    fresh = Collection.reopened(untrained)
    answering = fresh.classification.answering
    answering._settings = replace(answering._settings, model_megabytes=1)
    source = answering.source(untrained.project_id)
    options = {"progress": lambda _: None, "cancelled": lambda: False}
    stream = answering.stream(source, [TEXT] * 2, None, **options)
    next(stream)
    other = replace(source, model_id=7)
    answering.answer(other, [TEXT])
    assert set(answering._warm) == {(None, source.label_set_hash), (7, source.label_set_hash)}
    list(stream)
    answering.answer(replace(source, model_id=8), [TEXT])
    assert set(answering._warm) == {(8, source.label_set_hash)}
    fresh.close()


def test_an_edited_description_alone_is_embedded_again(untrained, monkeypatch):
    """The others keep their embeddings, in whatever order the labels come."""
    embedded = []
    original = SentenceEncoder.encode

    def encode(self, texts, **options):
        embedded.extend(texts)
        return original(self, texts, **options)

    monkeypatch.setattr(SentenceEncoder, "encode", encode)
    first = UntrainedClassifier(LabelSet.from_mapping(DESCRIPTIONS), device="cpu")
    edited = {"water": "A pipe.", "bins": DESCRIPTIONS["bins"], "noise": DESCRIPTIONS["noise"]}
    embedded.clear()
    second = UntrainedClassifier(LabelSet.from_mapping(edited), like=first)
    assert embedded == ["A pipe."]
    alone = UntrainedClassifier(LabelSet.from_mapping(edited), device="cpu")
    assert second.embeddings.numpy() == pytest.approx(alone.embeddings.numpy(), abs=1e-5)


def test_a_model_is_loaded_ahead_where_one_can_answer(untrained):
    """And where none can, nothing happens until somebody asks."""
    fresh = Collection.reopened(untrained)
    fresh.classification.prepare(untrained.project_id)
    fresh.classification.prepare(10_000)
    for thread in threading.enumerate():
        if thread.name.startswith("load-"):
            thread.join()
    assert len(fresh.classification.answering._warm) == 1
    fresh.close()


def test_a_file_is_classified_in_the_background(untrained, tmp_path):
    """Good rows are answered in order, bad ones listed with line and reason, formula cells made harmless."""
    path = tmp_path / "texts.csv"
    path.write_text('key,body\na,"=1+1 loud noise"\nb,\nc,"the bins, again"\n', encoding="utf-8")
    mapping = ColumnMapping(text="body", id="key")
    view = finished(untrained, untrained.classification.classify_file(untrained.project_id, path, mapping))
    assert (view.status, view.done, view.total, view.error) == ("completed", 2, 2, None)
    assert (view.refused, [refusal.line for refusal in view.refusals]) == (1, [3])
    with view.csv_path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["id"], row["text"]) for row in rows] == [
        ("2", "a", "'=1+1 loud noise"),
        ("4", "c", "the bins, again"),
    ]
    records = [json.loads(line) for line in view.jsonl_path.read_text(encoding="utf-8").splitlines()]
    assert records[0]["text"] == "=1+1 loud noise"
    assert records[1]["labels"][0] == "bins"
    assert records[1]["sentences"][0]["label"] == "bins"
    assert view.csv_path.parent == untrained.settings.data_folder / "classified" / view.id


def test_an_unreadable_file_fails_its_job_with_the_reason(untrained, tmp_path):
    """A missing column, or no file at all."""
    path = tmp_path / "texts.csv"
    path.write_text("body\nx\n")
    job_id = untrained.classification.classify_file(untrained.project_id, path, ColumnMapping(text="text"))
    view = finished(untrained, job_id)
    assert view.status == "failed"
    assert "'text'" in view.error


def test_a_full_disk_fails_the_job_and_nothing_else(untrained, tmp_path, monkeypatch):
    """The next job works, and the failed one can be gone on with."""
    path = tmp_path / "texts.csv"
    path.write_text("text\nx\n")
    mapping = ColumnMapping(text="text")

    def fill(*_, **__):
        raise OSError(28, "No space left on device")

    service = untrained.classification
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.mkdir", fill)
        with pytest.raises(AppError, match="No space left on device"):
            service.classify_file(untrained.project_id, path, mapping)
    with monkeypatch.context() as patch:
        patch.setattr("lagamc.output.ResumableOutput.write", fill)
        view = finished(untrained, service.classify_file(untrained.project_id, path, mapping))
    assert view.status == "failed"
    assert "No space left on device" in view.error
    service.resume_file_job(view.id)
    assert finished(untrained, view.id).status == "completed"


def test_jobs_are_listed_for_their_project_even_after_a_restart(untrained, tmp_path):
    """Newest first, with everything that a reloaded page shows."""
    path = tmp_path / "texts.csv"
    path.write_text("text\nx\n\n")
    service = untrained.classification
    ids = [service.classify_file(untrained.project_id, path, ColumnMapping(text="text")) for _ in range(2)]
    views = [finished(untrained, job_id) for job_id in ids]
    assert [job.id for job in service.file_jobs(untrained.project_id)[:2]] == ids[::-1]
    again = Collection.reopened(untrained)
    assert again.classification.file_jobs(untrained.project_id)[:2] == views[::-1]
    assert (views[0].name, views[0].model_name) == ("texts.csv", "untrained encoder")
    with again.database.write() as session:
        other = projects.add(session, name="other").id
    assert again.classification.file_jobs(other) == []
    with again.database.write() as session:  # as the first project of a database begun anew
        project = projects.get(session, project_id=untrained.project_id)
        made, project.created_at = project.created_at, project.created_at + timedelta(days=1)
    assert service.file_jobs(untrained.project_id) == []
    with again.database.write() as session:
        projects.get(session, project_id=untrained.project_id).created_at = made
    again.close()


def test_another_model_does_not_finish_what_one_began(untrained, tmp_path):
    """The labels were changed after the job was stopped."""
    path = tmp_path / "texts.csv"
    path.write_text("text\nx\n")
    service, label_id = untrained.classification, untrained.label_ids["water"]
    job_id = service.classify_file(untrained.project_id, path, ColumnMapping(text="text"))
    finished(untrained, job_id)
    with pytest.raises(AppError, match="nothing to go on with"):
        service.resume_file_job(job_id)
    service._jobs._update(job_id, status="cancelled")
    untrained.labels.save(label_id, "water", "A pipe.", "ann")
    with pytest.raises(AppError, match="Start it again"):
        service.resume_file_job(job_id)
    untrained.labels.save(label_id, "water", DESCRIPTIONS["water"], "ann")
    service._jobs._update(job_id, status="cancelled")
    untrained.labels.save(label_id, "waters", DESCRIPTIONS["water"], "ann")
    with pytest.raises(AppError, match="Start it again"):  # half of the file would have the old name
        service.resume_file_job(job_id)
    untrained.labels.save(label_id, "water", DESCRIPTIONS["water"], "ann")


def test_half_a_character_is_refused(untrained):
    """It can be neither stored nor sent."""
    with pytest.raises(AppError, match="half of a surrogate pair"):
        untrained.classification.classify_text(untrained.project_id, "cut \ud83d here")


def test_an_unknown_job_is_named(untrained):
    """As after a restart of the app."""
    with pytest.raises(AppError, match="no classification job"):
        untrained.classification.file_job("gone")
