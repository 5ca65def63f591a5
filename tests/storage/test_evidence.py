"""What a model said about a project, and what is annotated there, read in bulk."""

from __future__ import annotations

from contextlib import closing

import pytest
from databases import POSTGRESQL
from sqlalchemy import event

from storage import annotations, evidence, model_versions, predictions, runs
from storage.models import Action, ModelVersion, PredictedSentence, SplitName

LOOKED_AT = (SplitName.TRAIN, SplitName.DEV)


@pytest.fixture
def model_id(database, project_id):
    """A model version without a folder."""
    with database.write() as session:
        run = runs.add(session, project_id=project_id, config={}, author="ann")
        version = ModelVersion(
            project_id=project_id, run_id=run.id, folder="", backbone="tiny", label_set_hash="", training_data_hash="",
            threshold=0.4, dev_micro_f1=0.0, dev_macro_f1=0.0,
        )  # fmt: skip
        return model_versions.add(session, version=version).id


@pytest.fixture
def say(database, model_id):
    """Store what the model said about a document."""

    def store(document_id, *texts, unwritten=()):
        sentences = [PredictedSentence(text=text, cosine=0.9, log_probability=-0.1) for text in texts]
        sentences += [PredictedSentence(text="", label_id=key, cosine=0.9) for key in unwritten]
        with database.write() as session:
            predictions.add(
                session, document_id=document_id, model_version_id=model_id, threshold=0.4, sentences=sentences
            )

    return store


def test_the_newest_prediction_of_each_document_counts(database, project_id, model_id, add_documents, say):
    """In order of documents and positions; one without a sentence has none."""
    first, second, third = add_documents(SplitName.TRAIN, SplitName.DEV, SplitName.TRAIN)
    say(second, "old")
    say(first, "one", "two")
    say(second, "new")
    say(third)
    with database.read() as session:
        said = evidence.sentences(session, project_id=project_id, model_version_id=model_id)
    assert [tuple(row) for row in said] == [(first, "one"), (first, "two"), (second, "new")]


def test_descriptions_nobody_wrote_are_no_sentences(database, project_id, *, model_id, add_documents, add_labels, say):
    """Their labels are told apart from what was written, of the newest prediction alone."""
    noise, bins = add_labels("noise", "bins")
    first, second = add_documents(SplitName.TRAIN, SplitName.DEV)
    say(first, "one", unwritten=[bins, noise])
    say(second, unwritten=[noise])
    say(second, "two")
    asked = {"project_id": project_id, "model_version_id": model_id}
    with database.read() as session:
        assert [tuple(row) for row in evidence.sentences(session, **asked)] == [(first, "one"), (second, "two")]
        assert evidence.unwritten(session, **asked) == [(first, bins), (first, noise)]


def test_documents_about_which_nothing_was_said_are_found(database, project_id, model_id, add_documents, say):
    """Splits that are not asked for, test above all, are left out."""
    ids = add_documents(SplitName.TRAIN, SplitName.TEST, SplitName.DEV, SplitName.TRAIN)
    say(ids[0], "one")
    options = {"project_id": project_id, "model_version_id": model_id, "splits": LOOKED_AT}
    with database.read() as session:
        assert [row.id for row in evidence.unpredicted(session, **options, limit=1)] == [ids[2]]
        assert [row.id for row in evidence.unpredicted(session, **options, limit=9, after_id=ids[2])] == [ids[3]]
        assert evidence.unpredicted_total(session, **options) == 2
        assert list(evidence.document_ids(session, project_id=project_id, splits=LOOKED_AT)) == [ids[0], *ids[2:]]
        assert evidence.texts(session, ids=ids[:1]) == {ids[0]: ("d1", "message 1")}


def test_labels_carried_are_the_current_ones(database, project_id, add_documents, add_labels):
    """A document reviewed as carrying none has an empty set; one without annotation is left out."""
    noise, bins = add_labels("noise", "bins")
    first, second, _ = add_documents(SplitName.TRAIN, SplitName.DEV, SplitName.DEV)
    with database.write() as session:
        annotations.add_imported(session, labels={first: [noise], second: [noise, bins]}, author="ann")
    with database.read() as session:
        current = {row.document_id: row.id for row in annotations.history(session, document_id=first)}
    with database.write() as session:
        annotations.record(
            session, document_id=first, labels=[], author="ben", action=Action.CORRECTED, expected_id=current[first]
        )
    with database.read() as session:
        assert evidence.carried(session, project_id=project_id, splits=LOOKED_AT) == {
            first: set(),
            second: {noise, bins},
        }
        assert evidence.carried(session, project_id=project_id, splits=[SplitName.DEV]) == {second: {noise, bins}}
        asked = {"project_id": project_id, "splits": LOOKED_AT}
        assert evidence.carried(session, **asked, label_id=bins) == {second: {noise, bins}}
        assert evidence.carried(session, **asked, label_id=noise) == {second: {noise, bins}}


@pytest.fixture
def plan(database):
    """The steps by which SQLite answers a question."""
    if POSTGRESQL is not None:
        pytest.skip("asks SQLite for its plan")

    def explained(question):
        steps = []
        with database.read() as session:

            @event.listens_for(session.connection(), "before_cursor_execute")
            def explain(connection, _cursor, statement, parameters, _context, _many):
                with closing(connection.connection.cursor()) as cursor:
                    steps.extend(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

            question(session)
        return " | ".join(steps)

    return explained


def test_predictions_of_a_label_are_counted_by_an_index(plan):
    """Not by reading every sentence of every project."""
    assert "SCAN" not in plan(lambda session: predictions.naming(session, label_ids=[1]))


def test_a_sentence_counts_unless_its_label_is_too_improbable(
    database, *, project_id, model_id, add_documents, add_labels
):
    """One too far from every wording may be given by another wording; one near enough was refused by its label.

    A label that was not written and is not given is no label of the document either.
    """
    noise, bins = add_labels("noise", "bins")
    [document_id] = add_documents(SplitName.TRAIN)
    said = [
        PredictedSentence(text="given", label_id=noise, cosine=0.9, log_probability=-0.1),
        PredictedSentence(text="improbable", label_id=noise, cosine=0.9, log_probability=-0.1, abstained=True),
        PredictedSentence(text="far", label_id=noise, cosine=0.3, log_probability=-0.1, abstained=True),
        PredictedSentence(text="", label_id=bins, cosine=0.3, abstained=True),
    ]
    with database.write() as session:
        predictions.add(session, document_id=document_id, model_version_id=model_id, threshold=0.4, sentences=said)
    asked = {"project_id": project_id, "model_version_id": model_id}
    with database.read() as session:
        assert [text for _, text in evidence.sentences(session, **asked)] == ["given", "far"]
        assert evidence.unwritten(session, **asked) == []
