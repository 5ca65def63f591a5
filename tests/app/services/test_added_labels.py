"""Labels added since the model was trained, given by their descriptions and marked; and those retired since."""

from __future__ import annotations

import json

import pytest
from chat_server import until
from small_collection import DESCRIPTIONS, MAPPING, Collection
from sqlmodel import select

from app.container import build
from app.services.reviews import ReviewService
from lagamc.decision import DecisionRule
from lagamc.loaded import megabytes
from lagamc.readers import ColumnMapping
from lagamc.zero_shot import ZeroShotScore
from storage import documents, labels, model_versions, predictions
from storage.models import PinnedLabelSet, Prediction


def test_a_label_retired_since_is_shown_and_not_given(trained, tmp_path):
    """In an answer, decided again or not, and in a file."""
    fresh = Collection.reopened(trained)
    service, text = fresh.classification, "The loud noise of that bus again, please"
    source = service.answering.source(trained.project_id)
    service.answering.with_model(source, lambda model: setattr(model, "rule", DecisionRule(unwritten=0.0)))
    first, *others = service.classify_text(trained.project_id, text).labels  # by that rule a model gives every label
    fresh.lifecycle.retire(trained.label_ids[first], "ann")
    try:
        view = service.classify_text(trained.project_id, text)
        assert first in [row.label for row in view.rows if row.retired and not row.abstained]
        assert view.labels == service.decide(view, -1.0).labels == others
        (path := tmp_path / "one.csv").write_text(f'text\n"{text}"\n')
        job = service.classify_file(trained.project_id, path, ColumnMapping(text="text"))
        until(lambda: service.file_job(job).status == "completed")
        assert json.loads(service.file_job(job).jsonl_path.read_text())["labels"] == others
    finally:
        fresh.lifecycle.restore(trained.label_ids[first], "ann")
        fresh.close()


def test_a_label_added_after_training_is_given_by_its_description(trained):
    """It is marked, stored under its id, and what was predicted before it came is predicted anew for review."""
    fresh = Collection.reopened(trained)
    answering, reviews = fresh.classification.answering, ReviewService(fresh.database, fresh.classification)
    with fresh.database.read() as session:
        document = documents.find(session, project_id=trained.project_id, external_id="train-0")
    before = reviews.item(document.id).prediction
    added = fresh.labels.add(trained.project_id, "dogs", "Dogs run about or bark.", "ann")
    try:
        source = answering.source(trained.project_id)
        assert [(item.id, item.name) for item in source.added] == [(added, "dogs")]
        answering._widened.clear()
        answering.with_model(source, lambda model: setattr(model, "_zero_shot", ZeroShotScore(offset=50.0)))
        view = fresh.classification.classify_document(document.id)
        assert "dogs" in view.labels
        assert view.added == ("dogs",)
        assert view.untrained == ["dogs"]
        assert [row.label for row in view.rows if row.zero_shot] == ["dogs"]
        with fresh.database.read() as session:
            version = labels.current_version(session, label_id=added)
            stored = predictions.get(session, prediction_id=view.prediction_id)
            pinned = session.get_one(PinnedLabelSet, stored.label_set_id).labels
            [learnt] = model_versions.listed(session, project_id=trained.project_id)
        assert pinned == [*learnt.labels, {"label_id": added, "name": "dogs", "description_version_id": version.id}]
        item = reviews.item(document.id)
        assert item.prediction.id == view.prediction_id > before.id
        assert [row.label for row in item.prediction.rows if row.zero_shot] == ["dogs"]
        assert answering.megabytes == pytest.approx(megabytes([answering._with_added(source)]))
        fresh.lifecycle.retire(added, "ann")
        assert "dogs" not in reviews.item(document.id).prediction.labels
        fresh.lifecycle.restore(added, "ann")  # what was answered in between knows nothing of it
        assert "dogs" in reviews.item(document.id).prediction.labels
    finally:
        fresh.lifecycle.retire(added, "ann")
        fresh.close()


def test_what_is_prepared_names_its_label_set(trained, tmp_path):
    """That of the model version as long as no label came since."""
    services, project_id = build(trained.settings), trained.project_id
    model_id = services.models.active(project_id).id

    def used():
        services.what_if.prepare(project_id)
        view = until(lambda: (now := services.what_if.preparation(project_id)).status != "running" and now)
        assert view.status == "ready", view.error
        with services.database.read() as session:
            found = session.exec(select(Prediction).where(Prediction.model_version_id == model_id)).all()
            return [(row.document_id, row.label_set_id) for row in found]

    try:
        before = set(used())
        added = services.labels.add(project_id, "cats", "Cats purr or hide.", "ann")
        path = tmp_path / "more.jsonl"
        path.write_text('{"id": "late", "text": "a cat", "labels": [], "split": "unassigned"}\n')
        services.imports.run(project_id, path, MAPPING, "ann")
        [(_, label_set_id)] = set(used()) - before
        with services.database.read() as session:
            pinned = session.get_one(PinnedLabelSet, label_set_id).labels
        assert {entry["name"] for entry in pinned[:-1]} == {*DESCRIPTIONS}
        assert pinned[-1]["label_id"] == added
        assert {row.name: row.description for row in services.exchange.learnt(model_id)} == DESCRIPTIONS
        services.lifecycle.retire(added, "ann")
    finally:
        services.close()


def test_a_name_that_a_model_learnt_for_another_label_is_free_again(trained):
    """The new label of that name is told apart from the renamed one; the same wording cannot be."""
    fresh = Collection.reopened(trained)
    noise = trained.label_ids["noise"]
    fresh.labels.save(noise, "din", "Somebody complains about a din.", "ann")
    again = fresh.labels.add(trained.project_id, "noise", "Engines and drums at night.", "ann")
    same = fresh.labels.add(trained.project_id, "twin", DESCRIPTIONS["noise"].upper(), "ann")
    try:
        source = fresh.classification.answering.source(trained.project_id)
        assert (source.renamed["noise"], source.ids["noise"]) == ("din", noise)
        [key] = [item.label.name for item in source.added if item.id == again]
        assert (source.renamed[key], source.ids[key]) == ("noise", again)
        assert fresh.classification.answering._with_added(source).zero_shot == (key,)
    finally:
        fresh.labels.save(again, "engines", "Engines and drums at night.", "ann")
        for label in (again, same):
            fresh.lifecycle.retire(label, "ann")
        fresh.labels.save(noise, "noise", DESCRIPTIONS["noise"], "ann")
        fresh.close()
