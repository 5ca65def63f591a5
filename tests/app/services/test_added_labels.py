"""Labels that were added since the model was trained: given by their descriptions, marked, and told from others."""

from __future__ import annotations

import pytest
from small_collection import DESCRIPTIONS, Collection

from app.services.reviews import ReviewService
from lagamc.loaded import megabytes
from lagamc.zero_shot import ZeroShotScore
from storage import documents


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
        assert [row.label for row in view.rows if row.zero_shot] == ["dogs"]
        item = reviews.item(document.id)
        assert item.prediction.id == view.prediction_id > before.id
        assert [row.label for row in item.prediction.rows if row.zero_shot] == ["dogs"]
        assert answering.megabytes == pytest.approx(megabytes([answering._with_added(source)]))
    finally:
        fresh.lifecycle.retire(added, "ann")
        fresh.close()


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
