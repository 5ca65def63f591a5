"""A label under another one: set, shown, kept through merges and retirements, and never in a circle."""

from __future__ import annotations

import pytest

from app.components.label_guide import label_guide
from app.errors import AppError
from app.services.label_exchange import ExchangeService
from app.services.label_lifecycle import LabelAttributes, LifecycleService
from app.services.labels import LabelService
from app.services.projects import ProjectService
from app.services.reviews import ReviewService
from lagamc.descriptions.exchange import LabelRecord
from storage import documents
from storage.documents import text_hash
from storage.models import Document


class Silent:
    """No model answers."""

    def classify_document(self, document_id):
        raise AppError("no model")


@pytest.fixture
def lifecycle(database):
    return LifecycleService(database)


@pytest.fixture
def put(lifecycle, label_ids):
    """Put a label under another one, by their names."""

    def under(name, parent):
        attributes = LabelAttributes(parent_id=None if parent is None else label_ids[parent])
        lifecycle.edit(label_ids[name], attributes, "ann")

    return under


@pytest.fixture
def parents(database, project_id):
    """What the table shows, {label: parent}."""

    def shown():
        found = LabelService(database).list(project_id)
        return {label.name: label.parent for label in found if label.parent}

    return shown


def test_a_parent_is_shown_and_the_step_taken_back(put, parents, lifecycle, project_id, label_ids):
    """The history says what changed; saving the same again is no step."""
    put("bins", "noise")
    put("bins", "noise")
    assert parents() == {"bins": "noise"}
    assert lifecycle.attributes(label_ids["bins"]).parent_id == label_ids["noise"]
    (step,) = lifecycle.history(project_id)
    assert step.summary == "bins: parent changed"
    lifecycle.undo(step.id, "ben")
    assert parents() == {}


def test_reviewers_see_the_parent(put, database, project_id):
    """It stands behind the name, as text."""
    put("bins", "noise")
    with database.write() as session:
        document = Document(project_id=project_id, external_id="d", text="d", text_hash=text_hash("d"))
        documents.add_all(session, documents=[document])
    choices = ReviewService(database, Silent()).item(document.id).labels_all
    assert [(choice.name, choice.parent) for choice in choices] == [("noise", ""), ("bins", "noise"), ("water", "")]
    assert '</kbd> bins <span class="lg-muted">under noise</span></summary>' in label_guide(choices, ["bins"])
    assert "under &lt;b&gt;" in label_guide([choices[1]._replace(parent="<b>")], [])
    assert 'data-ticked="0,1,0"' in label_guide(choices, ["bins"])


def test_no_label_stands_under_itself(put, parents, lifecycle, project_id, label_ids):
    """Neither at once, nor by way of others, nor because an older step is taken back."""
    with pytest.raises(AppError, match="'noise' under 'noise': no label can stand under itself"):
        put("noise", "noise")
    put("bins", "noise")
    put("water", "bins")
    with pytest.raises(AppError, match="Give one of them another parent, or none"):
        put("noise", "water")
    assert parents() == {"bins": "noise", "water": "bins"}
    put("bins", None)
    put("noise", "water")
    with pytest.raises(AppError, match="no label can stand under itself"):
        lifecycle.undo(lifecycle.history(project_id)[1].id, "ben")
    assert parents() == {"noise": "water", "water": "bins"}


def test_a_parent_is_another_label_in_use_of_the_project(put, lifecycle, database, label_ids):
    other = LabelService(database).add(ProjectService(database).create("other"), "trees", "About trees.", "ann")
    with pytest.raises(AppError, match="'trees' is no label in use of this project"):
        lifecycle.edit(label_ids["bins"], LabelAttributes(parent_id=other), "ann")
    lifecycle.retire(label_ids["noise"], "ann")
    with pytest.raises(AppError, match="'noise' is no label in use"):
        put("bins", "noise")


def test_a_retired_parent_is_not_shown_until_it_is_restored(put, parents, lifecycle, label_ids):
    """It is kept when something else of the label is saved, unless a circle would close with it."""
    put("bins", "noise")
    lifecycle.retire(label_ids["noise"], "ann")
    assert parents() == {}
    kept = lifecycle.attributes(label_ids["bins"]).parent_id
    assert kept == label_ids["noise"]
    lifecycle.edit(label_ids["bins"], LabelAttributes(guideline="Full.", parent_id=kept), "ann")
    lifecycle.restore(label_ids["noise"], "ann")
    assert parents() == {"bins": "noise"}
    lifecycle.retire(label_ids["bins"], "ann")
    put("noise", "water")
    put("water", None)
    lifecycle.restore(label_ids["bins"], "ann")
    assert parents() == {"bins": "noise", "noise": "water"}
    lifecycle.retire(label_ids["noise"], "ann")
    put("water", "bins")
    with pytest.raises(AppError, match="no label can stand under itself"):
        lifecycle.restore(label_ids["noise"], "ann")


def test_children_of_a_merged_label_stand_under_the_one_that_survived(put, parents, lifecycle, project_id, label_ids):
    """A child that its own parent was merged into stands under none; undo brings the parent back."""
    noise, bins, water = label_ids.values()
    put("water", "noise")
    lifecycle.merge([noise, bins], bins, "About both.", "ann")
    assert parents() == {"water": "bins"}
    assert lifecycle.attributes(water).parent_id == bins
    lifecycle.edit(water, LabelAttributes(guideline="Wet.", parent_id=bins), "ann")
    assert lifecycle.history(project_id)[0].summary == "water: guideline changed"
    lifecycle.undo(lifecycle.history(project_id)[1].id, "ann")
    assert parents() == {"water": "noise"}
    lifecycle.merge([noise, water], water, "About both.", "ann")
    assert parents() == {}


def test_a_merge_that_would_close_a_circle_is_refused(put, parents, lifecycle, label_ids):
    """Water under bins under noise: noise cannot become water while bins stands between."""
    put("bins", "noise")
    put("water", "bins")
    with pytest.raises(AppError, match="no label can stand under itself"):
        lifecycle.merge([label_ids["noise"], label_ids["water"]], label_ids["water"], "About both.", "ann")
    assert parents() == {"bins": "noise", "water": "bins"}


def test_a_parent_travels_by_its_name(put, parents, database, project_id, label_ids):
    """In whatever order the labels come; what a file does not speak of stays, and blank takes it away."""
    put("noise", "water")
    service = ExchangeService(database)
    records = service.records(project_id)
    other = ProjectService(database).create("other")
    service.take(other, service.compare(other, records), [record.name for record in records], "ben")
    assert service.records(other) == records

    def take(record):
        service.take(project_id, service.compare(project_id, [record]), ["noise"], "ben")

    take(LabelRecord("noise", "It is loud."))
    assert parents() == {"noise": "water"}
    take(LabelRecord("noise", parent=""))
    assert parents() == {}


def test_an_import_with_an_impossible_parent_changes_nothing(parents, database, project_id, label_ids):
    """One that is not in use, or a circle."""
    service = ExchangeService(database)
    before = service.records(project_id)
    for records, message in (
        ([LabelRecord("trees", "About trees.", parent="plants")], "'trees' is to stand under 'plants', which is no"),
        ([LabelRecord("noise", parent="Bins"), LabelRecord("bins", parent="noise")], "can stand under itself"),
    ):
        with pytest.raises(AppError, match=message):
            service.take(project_id, service.compare(project_id, records), [record.name for record in records], "ben")
    assert service.records(project_id) == before
