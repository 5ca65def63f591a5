from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from app.errors import AppError
from app.services.documents import DocumentService
from app.services.imports import ImportService
from app.services.label_lifecycle import LabelAttributes, LifecycleService
from app.services.labels import LabelService
from app.services.projects import ProjectService
from app.services.reviews import ReviewCounts, ReviewService
from lagamc.errors import LabelError
from lagamc.readers import ColumnMapping
from storage import documents as documents_table
from storage import label_sets, labels, model_versions, predictions, runs
from storage.errors import StaleWrite
from storage.models import ModelVersion, PinnedLabelSet, PredictedSentence

MAPPING = ColumnMapping(text="text", labels="labels", id="id", split="split")


class FakeClassification:
    """Predicts noise, abstains on bins, stores that, and counts how often it was asked."""

    def __init__(self, database, label_ids):
        self.database, self.label_ids = database, label_ids
        self.model_id, self.error, self.calls = None, None, 0

    def classify_document(self, document_id):
        self.calls += 1
        if self.error:
            raise self.error
        sentences = [
            PredictedSentence(
                text=f"About {name}.",
                label_id=self.label_ids[name],
                cosine=cosine,
                runner_up_id=self.label_ids["water"],
                runner_up_cosine=0.1,
                abstained=cosine < 0.4,
            )
            for name, cosine in (("noise", 0.9), ("bins", 0.2))
        ]
        with self.database.write() as session:
            project_id = documents_table.get(session, document_id=document_id).project_id
            entries = label_sets.entries(session, project_id=project_id)
            stored = predictions.add(
                session,
                document_id=document_id,
                model_version_id=self.model_id,
                label_set_id=None
                if self.model_id  # which pins its own
                else label_sets.pin(session, project_id=project_id, pinned=entries).id,
                threshold=0.4,
                sentences=sentences,
            )
        return SimpleNamespace(prediction_id=stored.id)


@pytest.fixture
def classification(database, label_ids):
    return FakeClassification(database, label_ids)


@pytest.fixture
def service(database, classification):
    return ReviewService(database, classification)


@pytest.fixture
def documents(database, project_id, label_ids, write_jsonl):
    """One document a split, the dev and test ones labelled, as {split: id}."""
    rows = [
        {"id": "1", "text": "a", "labels": ["noise"], "split": "test"},
        {"id": "2", "text": "b", "labels": ["bins"], "split": "dev"},
        {"id": "3", "text": "c", "labels": []},
        {"id": "4", "text": "d", "labels": []},
    ]
    ImportService(database).run(project_id, write_jsonl(*rows), MAPPING, "ann")
    ids = [row.id for row in DocumentService(database).page(project_id, 10).rows]
    return dict(zip(("test", "dev", "first", "second"), ids, strict=True))


@pytest.fixture
def train(database, project_id, classification):
    """Make a model version active, as a completed run would."""

    def make(threshold=0.4):
        with database.write() as session:
            run = runs.add(session, project_id=project_id, config={}, author="ann")
            version = model_versions.add(
                session,
                version=ModelVersion(
                    project_id=project_id,
                    run_id=run.id,
                    folder="f",
                    backbone="minilm",
                    label_set_hash="h",
                    training_data_hash="h",
                    threshold=threshold,
                    labels=label_sets.entries(session, project_id=project_id),
                    dev_micro_f1=0.5,
                    dev_macro_f1=0.5,
                ),
            )
            classification.model_id = model_versions.activate(session, model_id=version.id).id

    return make


def decide(service, document_id, names, *args, **options):
    """Save what a person chose, by the names of labels."""
    return service.save(document_id, service.label_ids(document_id, names), *args, **options)


def test_an_item_shows_text_labels_and_evidence(service, project_id, documents, label_ids):
    """The prediction comes with every sentence; the first ten labels have digit keys."""
    item = service.next(project_id)
    assert (item.document_id, item.external_id, item.split, item.labels) == (documents["first"], "3", "unassigned", [])
    assert [(label.id, label.name, label.digit) for label in item.labels_all] == [
        (label_ids["noise"], "noise", "1"),
        (label_ids["bins"], "bins", "2"),
        (label_ids["water"], "water", "3"),
    ]
    assert (item.prediction.model_name, item.prediction.trained) == ("untrained encoder", False)
    assert item.prediction.labels == ["noise"]
    kept, abstained = item.prediction.rows
    assert (kept.sentence, kept.label, kept.runner_up, round(kept.margin, 6)) == ("About noise.", "noise", "water", 0.8)
    assert (kept.abstained, abstained.abstained) == (False, True)
    assert service.item(documents["dev"]).labels == ["bins"]


def test_digit_keys_end_with_zero(service, database, project_id, documents):
    """The tenth label has the key 0, the eleventh none."""
    labels = LabelService(database)
    for number in range(4, 12):
        labels.add(project_id, f"label {number}", f"Description {number}.", "ann")
    digits = [choice.digit for choice in service.next(project_id).labels_all]
    assert digits == ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", ""]


def test_a_key_of_its_own_goes_before_the_position(service, database, project_id, label_ids, documents):
    """A label keeps the key that was set on it; the others share what is left, and its guideline is shown."""
    attributes = LabelAttributes(digit="1", guideline="Only at night.", examples_tricky=("A fair by day.",))
    LifecycleService(database).edit(label_ids["water"], attributes, "ann")
    choices = service.next(project_id).labels_all
    assert [(choice.name, choice.digit) for choice in choices] == [("noise", "2"), ("bins", "3"), ("water", "1")]
    assert (choices[2].guideline, choices[2].examples_tricky) == ("Only at night.", ("A fair by day.",))


def test_agreeing_accepts_and_differing_corrects(service, project_id, documents):
    """The queue moves on, the counts follow, and an undo puts everything back."""
    assert service.counts(project_id) == ReviewCounts(reviewed=0, corrections=0, remaining=3)
    item = service.next(project_id)
    accepted = decide(service, item.document_id, ["Noise"], "ann", None, prediction_id=item.prediction.id)
    assert accepted.action == "accepted"
    item = service.next(project_id)
    assert item.document_id == documents["second"]
    corrected = decide(service, item.document_id, ["bins", "water"], "ben", None, prediction_id=item.prediction.id)
    assert corrected.action == "corrected"
    assert service.counts(project_id) == ReviewCounts(reviewed=2, corrections=1, remaining=1)
    assert service.item(documents["second"]).labels == ["bins", "water"]
    service.undo(corrected.annotation_id, "ben")
    assert service.counts(project_id) == ReviewCounts(reviewed=1, corrections=0, remaining=2)
    assert service.next(project_id).document_id == documents["second"]
    assert service.item(documents["second"]).labels == []


def test_without_a_prediction_the_present_labels_are_what_is_answered(service, documents):
    """Keeping imported labels accepts them; changing them, even to none, corrects them."""
    item = service.item(documents["dev"])
    kept = decide(service, documents["dev"], ["bins"], "ann", item.annotation_id)
    assert kept.action == "accepted"
    assert service.save(documents["dev"], [], "ann", kept.annotation_id).action == "corrected"
    assert service.item(documents["dev"]).labels == []


def test_the_queue_ends_without_test_documents(service, project_id, documents):
    """Skipped documents are not offered again; when all are skipped there is no next one."""
    skip = set()
    while item := service.next(project_id, skip=skip):
        skip.add(item.document_id)
    assert skip == {documents["first"], documents["second"], documents["dev"]}
    assert service.next(project_id, after_id=documents["first"]).document_id == documents["second"]


def test_a_test_document_is_reviewed_without_the_answer_of_the_model(service, classification, documents):
    """Or its labels would come to agree with the model; what is saved is compared with the labels that it had."""
    item = service.item(documents["test"])
    assert (item.prediction, classification.calls) == (None, 0)
    assert item.problem.startswith("A test document: decide by the text alone.")
    assert decide(service, documents["test"], item.labels, "ann", item.annotation_id).action == "accepted"


def test_two_tabs_saving_one_document_lose_nothing(service, documents):
    """One save arrives; the other learns who was first and what the labels are, and can save after a reload."""
    item = service.item(documents["first"])

    def tab(author, label):
        try:
            return decide(
                service, item.document_id, [label], author, item.annotation_id, prediction_id=item.prediction.id
            )
        except StaleWrite as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(tab, ("ann", "ben"), ("bins", "water")))
    (told,) = [outcome for outcome in outcomes if isinstance(outcome, str)]
    author, label = ("ben", "water") if outcomes[0] == told else ("ann", "bins")
    assert told.startswith(f"{author} saved this document at")
    assert f"its labels are now: {label}" in told
    again = service.item(documents["first"])
    assert again.labels == [label]
    assert decide(service, again.document_id, ["noise"], "cleo", again.annotation_id).action == "corrected"


def test_labels_and_predictions_must_belong(service, database, documents, label_ids):
    """Unknown and retired labels, and the prediction of another document, are refused; nothing is saved."""
    other = service.item(documents["second"]).prediction.id
    LifecycleService(database).retire(label_ids["water"], "ann")
    for chosen, prediction_id, message in (
        (["trees"], None, "no label 'trees' in use"),
        (["water"], None, "no label 'water' in use"),
        (["noise"], other, "is of another document"),
    ):
        with pytest.raises(AppError, match=message):
            decide(service, documents["first"], chosen, "ann", None, prediction_id=prediction_id)
    assert service.item(documents["first"]).annotation_id is None


def test_a_stored_prediction_is_used_while_it_holds(service, database, classification, documents, label_ids):
    """Looking again costs nothing, until a description changes."""
    for _ in range(3):
        service.item(documents["first"])
    assert classification.calls == 1
    LabelService(database).save(label_ids["noise"], "din", "It is loud.", "ann")
    assert service.item(documents["first"]).prediction.rows[0].label == "din"
    assert classification.calls == 2


def test_a_prediction_names_the_label_set_it_used(service, database, documents, label_ids):
    """What the untrained encoder said stays tied to the wordings it was said with."""
    prediction = service.item(documents["first"]).prediction
    LabelService(database).save(label_ids["noise"], "noise", "It is loud.", "ann")
    with database.read() as session:
        stored = predictions.get(session, prediction_id=prediction.id)
        pinned = session.get_one(PinnedLabelSet, stored.label_set_id)
        then = [labels.version(session, label_id=entry["label_id"], number=1) for entry in pinned.labels]
    assert [entry["name"] for entry in pinned.labels] == list(label_ids)
    assert [entry["description_version_id"] for entry in pinned.labels] == [version.id for version in then]


def test_a_merged_label_is_answered_by_the_one_that_survived(service, database, documents, label_ids, train):
    """An old prediction reads under the surviving name, and agreeing with it accepts."""
    train()
    before = service.item(documents["first"]).prediction
    assert before.labels == ["noise"]
    LifecycleService(database).merge([label_ids["noise"]], label_ids["bins"], "About both.", "ann")
    item = service.item(documents["first"])
    assert (item.prediction.id, item.prediction.labels) == (before.id, ["bins"])
    saved = decide(service, item.document_id, ["bins"], "ann", item.annotation_id, prediction_id=item.prediction.id)
    assert saved.action == "accepted"


def test_a_retired_label_is_not_ticked(service, database, documents, label_ids, train):
    """A document that carries it, or a model that gives it, can be agreed with all the same."""
    train()
    prediction = service.item(documents["first"]).prediction
    lifecycle = LifecycleService(database)
    lifecycle.retire(label_ids["noise"], "ann")
    lifecycle.retire(label_ids["bins"], "ann")
    item = service.item(documents["first"])
    assert (item.prediction.id, item.prediction.labels) == (prediction.id, [])
    assert item.prediction.rows[0].label == "noise"
    assert service.save(item.document_id, [], "ann", None, prediction_id=prediction.id).action == "accepted"
    item = service.item(documents["dev"])
    assert item.labels == []
    assert service.save(item.document_id, [], "ann", item.annotation_id).action == "accepted"


def test_a_save_keeps_a_retired_label_that_was_not_offered(service, database, documents, label_ids):
    lifecycle = LifecycleService(database)
    before = service.item(documents["dev"])
    lifecycle.retire(label_ids["bins"], "ann")
    decide(service, documents["dev"], ["noise"], "ann", before.annotation_id)
    lifecycle.restore(label_ids["bins"], "ann")
    assert service.item(documents["dev"]).labels == ["noise", "bins"]


def test_a_choice_outlives_a_rename_and_a_merge(service, database, documents, label_ids):
    """But not a label that was retired meanwhile, nor one of another project."""
    LabelService(database).save(label_ids["noise"], "din", "It is loud.", "ann")
    LifecycleService(database).merge([label_ids["bins"], label_ids["water"]], label_ids["water"], "About both.", "ann")
    item = service.item(documents["dev"])
    saved = service.save(item.document_id, [label_ids["noise"], label_ids["bins"]], "ann", item.annotation_id)
    assert service.item(item.document_id).labels == ["din", "water"]
    LifecycleService(database).retire(label_ids["noise"], "ann")
    with pytest.raises(StaleWrite, match="not in use any more"):
        service.save(item.document_id, [label_ids["noise"]], "ann", saved.annotation_id)
    assert service.standing([label_ids["noise"], label_ids["bins"]]) == ([label_ids["water"]], ["din"])
    other = ProjectService(database).create("other")
    strange = LabelService(database).add(other, "trees", "Trees fall.", "ann")
    with pytest.raises(AppError, match="of another project"):
        service.save(item.document_id, [strange], "ann", saved.annotation_id)


def test_what_an_undo_brings_back_reads_under_the_surviving_label(service, database, documents, label_ids):
    """A save made before a merge is undone after it; the labels before that save can be saved again."""
    item = service.item(documents["dev"])
    saved = decide(service, item.document_id, ["water"], "ann", item.annotation_id)
    LifecycleService(database).merge([label_ids["bins"]], label_ids["noise"], "About both.", "ann")
    service.undo(saved.annotation_id, "ann")
    item = service.item(documents["dev"])
    assert item.labels == ["noise"]
    assert decide(service, item.document_id, item.labels, "ann", item.annotation_id).action == "accepted"


def test_a_new_model_is_asked_itself(service, classification, documents, train):
    """A prediction of the encoder, or of a former version, is not passed off as the active model's."""
    service.item(documents["first"])
    train()
    for _ in range(2):
        prediction = service.item(documents["first"]).prediction
        assert (prediction.model_name, prediction.trained) == ("v1 · minilm", True)
    assert classification.calls == 2
    train(threshold=0.3)
    service.item(documents["first"])
    assert classification.calls == 3


@pytest.mark.parametrize("error", [LabelError("No description for: trees."), AppError("The model is damaged.")])
def test_documents_can_be_reviewed_without_a_model(service, classification, documents, error):
    """When nothing can classify, the item says why and can be saved."""
    classification.error = error
    item = service.item(documents["first"])
    assert (item.prediction, item.problem) == (None, str(error))
    assert decide(service, item.document_id, ["noise"], "ann", None).action == "corrected"


def test_unexpected_faults_are_not_hidden(service, classification, documents):
    """A programming error in classification surfaces."""
    classification.error = RuntimeError("bug")
    with pytest.raises(RuntimeError, match="bug"):
        service.item(documents["first"])
