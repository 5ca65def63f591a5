"""What a trained model says of texts and documents of its project, under the names that labels have now."""

from __future__ import annotations

import json

import pytest
from small_collection import DESCRIPTIONS, Collection

from app.services.classification import SHOWN
from app.services.imports import ImportService
from lagamc.errors import CheckpointError
from lagamc.readers import ColumnMapping
from storage import annotations, documents, predictions

TEXT = "The loud noise of that bus again, please"


def test_a_classified_document_keeps_its_prediction(trained):
    """Every sentence is stored with the ids of its label and runner-up."""
    with trained.database.read() as session:
        document = documents.find(session, project_id=trained.project_id, external_id="train-0")
    view = trained.classification.classify_document(document.id)
    assert view.trained
    assert view.model_name.startswith("v1 · ")
    with trained.database.read() as session:
        stored = predictions.get(session, prediction_id=view.prediction_id)
        sentences = predictions.sentences(session, prediction_id=stored.id)
    assert (stored.document_id, stored.threshold) == (document.id, view.threshold)
    assert [row.text for row in sentences] == [row.sentence for row in view.rows]
    assert [row.label_id for row in sentences] == [trained.label_ids[row.label] for row in view.rows]
    assert [row.abstained for row in sentences] == [row.abstained for row in view.rows]


def test_an_answer_names_the_training_documents_most_like_it(trained):
    """With the labels that they carry, the nearest first; a training document is none of its own neighbours."""
    with trained.database.read() as session:
        document = documents.find(session, project_id=trained.project_id, external_id="train-0")
        near = documents.named(session, project_id=trained.project_id, external_ids=[f"train-{n}" for n in range(99)])
        carried = annotations.label_names(session, annotation_ids=[other.annotation_id for other in near.values()])
    view = trained.classification.classify_document(document.id)
    assert len(view.neighbours) == SHOWN
    cosines = [row.cosine for row in view.neighbours]
    assert cosines == sorted(cosines, reverse=True)
    assert "train-0" not in {row.external_id for row in view.neighbours}
    for row in view.neighbours:
        assert row.text == near[row.external_id].text
        assert row.labels == carried[near[row.external_id].annotation_id]
    assert trained.classification.decide(view, 0.9).neighbours == view.neighbours


def test_a_renamed_label_answers_under_its_new_name(trained):
    """The model goes on working, and a name alone makes it no older."""
    before = trained.classification.classify_text(trained.project_id, TEXT, threshold=-1.0)
    old = before.rows[0].label
    label_id = trained.label_ids[old]
    trained.labels.save(label_id, "new name", DESCRIPTIONS[old], "ann")
    try:
        after = trained.classification.classify_text(trained.project_id, TEXT, threshold=-1.0)
        assert [row.sentence for row in after.rows] == [row.sentence for row in before.rows]
        assert after.rows[0].label == "new name"
        assert ("new name" in after.labels) == any(not row.abstained for row in after.rows if row.label == "new name")
        assert trained.models.active(trained.project_id).stale == []
    finally:
        trained.labels.save(label_id, old, DESCRIPTIONS[old], "ann")


def test_staleness_names_what_was_added_retired_and_described_anew(trained):
    """One entry a label, in the order of the labels, the retired ones last."""
    water, noise = trained.label_ids["water"], trained.label_ids["noise"]
    added = trained.labels.add(trained.project_id, "tax", "A question about council tax.", "ann")
    trained.lifecycle.retire(water, "ann")
    trained.labels.save(noise, "noise", "Somebody is disturbed by noise.", "ann")
    stale = trained.models.active(trained.project_id).stale
    assert stale == ["noise (described anew)", *stale[1:]]
    assert "tax (added)" in stale
    assert stale[-1] == "water (retired)"
    trained.lifecycle.retire(added, "ann")
    trained.lifecycle.restore(water, "ann")


def test_the_model_of_another_label_set_is_refused(trained):
    """A swapped or damaged folder is named instead of answering nonsense."""
    active = trained.models.active(trained.project_id)
    labels_file = trained.settings.runs_folder / str(active.run_id) / "model" / "labels.json"
    content = labels_file.read_text()
    fresh = Collection.reopened(trained)
    try:
        labels_file.write_text(json.dumps({"cats": "It is about cats.", "dogs": "It is about dogs."}))
        with pytest.raises(CheckpointError, match=r"labels\.json"):
            fresh.classification.classify_text(trained.project_id, TEXT)
    finally:
        labels_file.write_text(content)
        fresh.close()


def test_a_corrected_file_under_the_same_ids_is_not_taken_for_what_was_learnt(trained, tmp_path):
    """The model goes on answering; training documents that are gone are not shown beside it."""
    importer = ImportService(trained.database)
    importer.take_back(importer.listed(trained.project_id, 1)[0].id, "ann")
    path = tmp_path / "corrected.csv"
    rows = "".join(f"train-{number},corrected text {number}\n" for number in range(12))
    path.write_text("id,text\n" + rows, encoding="utf-8")
    importer.run(trained.project_id, path, ColumnMapping(text="text", id="id"), "ann")
    view = trained.classification.classify_text(trained.project_id, TEXT)
    assert view.trained
    assert view.result.neighbours
    assert view.neighbours == []
