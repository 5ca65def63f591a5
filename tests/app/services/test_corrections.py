from __future__ import annotations

import numpy as np
import pytest

from app.services.corrections import CorrectionService
from app.services.labels import LabelService
from app.services.reviews import ReviewService
from lagamc.descriptions.corrections import clustered, distinctive_terms, reworded
from storage import documents, drafts, predictions
from storage.documents import text_hash
from storage.models import Document, PredictedSentence


def embed(project_id, texts):
    """Unit vectors by whether a text speaks of dogs."""
    return np.array([[1.0, 0.0] if "dog" in text else [0.0, 1.0] for text in texts], dtype=np.float32).reshape(-1, 2)


@pytest.fixture
def service(database):
    return CorrectionService(database, embed)


@pytest.fixture
def review(database, project_id, label_ids):
    """Let a model say "noise" of a text, and a person choose other labels."""

    def decide(text, *chosen):
        with database.write() as session:
            document = Document(project_id=project_id, external_id=text, text=text, text_hash=text_hash(text))
            documents.add_all(session, documents=[document])
            said = PredictedSentence(text="About noise.", label_id=label_ids["noise"], cosine=0.9)
            stored = predictions.add(
                session, document_id=document.id, model_version_id=None, threshold=0.4, sentences=[said]
            )
        ReviewService(database, None).save(document.id, chosen, "ann", None, prediction_id=stored.id)

    return decide


def test_corrections_are_counted_and_become_a_draft(service, database, project_id, label_ids, review):
    """Rejected and missed documents each suggest a wording; opening one leaves the description as it is."""
    for number in range(3):
        review(f"a dog barks {number}", "bins")
        review(f"sirens again {number}", "noise")
    found = [(one.name, one.rejected, one.missed) for one in service.overview(project_id)]
    assert found == [("noise", 3, 0), ("bins", 0, 3)]
    (missed,) = service.clusters(label_ids["bins"])
    assert (missed.kind, missed.size, missed.terms) == ("missed", 3, ("barks", "dog"))
    assert missed.proposal == "About bins. This includes barks and dog."
    (rejected,) = service.clusters(label_ids["noise"])
    assert rejected.proposal == "About noise. Messages about barks and dog alone do not belong here."
    opened = service.open_draft(label_ids["bins"], missed, "ben")
    assert service.open_draft(label_ids["bins"], missed, "eve") == opened  # a second click makes no second draft
    with database.read() as session:
        (draft,) = drafts.open_of_label(session, label_id=label_ids["bins"])
    assert (draft.text, draft.source) == (missed.proposal, "corrections")
    assert draft.provenance == {"kind": "missed", "documents": 3, "terms": ["barks", "dog"]}
    assert LabelService(database).list(project_id)[1].description == "About bins."


def test_a_better_rewording_can_be_passed_in(database, label_ids, review):
    """The seam gets the description, the terms and what went wrong."""
    review("a dog barks", "bins")
    service = CorrectionService(database, embed, lambda text, terms, kind: f"{text} {kind}: {', '.join(terms)}")
    (missed,) = service.clusters(label_ids["bins"])
    assert missed.proposal == "About bins. missed: barks, dog"


def test_documents_that_differ_fall_into_clusters():
    """Two kinds of text give two clusters, the larger first, each with its own terms."""
    texts = [f"the dog barks {number}" for number in range(6)] + [f"music plays {number}" for number in range(5)]
    found = clustered(texts, embed(1, texts), ["bins are full"])
    assert [len(cluster.rows) for cluster in found] == [6, 5]
    assert [cluster.terms for cluster in found] == [("barks", "dog"), ("music", "plays")]


def test_few_or_equal_documents_are_one_cluster():
    """Below eight there is one; without any there is none."""
    texts = [f"dog {number}" for number in range(4)] + [f"cat {number}" for number in range(3)]
    assert [len(cluster.rows) for cluster in clustered(texts, embed(1, texts), [])] == [7]
    same = ["dog"] * 20
    assert [len(cluster.rows) for cluster in clustered(same, embed(1, same), [])] == [20]
    assert clustered([], embed(1, []), []) == []


def test_terms_that_others_hold_as_well_do_not_distinguish():
    """Only a larger share than among the others counts."""
    assert distinctive_terms(["loud dog", "loud dog"], ["loud cat", "loud bird"]) == ("dog",)


def test_a_wording_that_names_the_terms_already_stays():
    """Nothing is said twice; a text without a full stop gets one first."""
    assert reworded("Dogs that bark.", ("dogs",), "missed") == "Dogs that bark."
    assert reworded("Dogs that bark", ("cats", "owls"), "missed") == "Dogs that bark. This includes cats and owls."
