from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from chat_server import KEY, completion

from app.errors import AppError
from app.services import corrections
from app.services.corrections import CorrectionService
from app.services.label_lifecycle import LifecycleService
from app.services.labels import LabelService
from app.services.outside import Outside
from app.services.projects import ProjectService
from app.services.reviews import ReviewService
from app.settings import Settings
from lagamc.descriptions.corrections import clustered, distinctive_terms, reworded
from lagamc.descriptions.prompt import rewording_prompt
from lagamc.descriptions.refine import Budget
from storage import documents, drafts, predictions
from storage.documents import text_hash
from storage.models import Document, PredictedSentence, SplitName


def embed(project_id, texts):
    """Unit vectors by whether a text speaks of dogs."""
    return np.array([[1.0, 0.0] if "dog" in text else [0.0, 1.0] for text in texts], dtype=np.float32).reshape(-1, 2)


@pytest.fixture
def service(database, tmp_path):
    return CorrectionService(database, embed, Outside(database, Settings(data_folder=tmp_path)))


@pytest.fixture
def review(database, project_id, label_ids):
    """Let a model say "noise" of a text, and a person choose other labels."""

    def decide(text, *chosen, split=SplitName.TRAIN):
        with database.write() as session:
            document = Document(
                project_id=project_id, external_id=text, text=text, text_hash=text_hash(text), split=split
            )
            documents.add_all(session, documents=[document])
            said = PredictedSentence(text="About noise.", label_id=label_ids["noise"], cosine=0.9)
            stored = predictions.add(
                session, document_id=document.id, model_version_id=None, threshold=0.4, sentences=[said]
            )
        ReviewService(database, None).save(
            document.id, [label_ids[name] for name in chosen], "ann", None, prediction_id=stored.id
        )

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
    assert rejected.proposal == "About noise. Texts about barks and dog alone do not belong here."
    opened = service.open_draft(label_ids["bins"], missed, "ben")
    assert service.open_draft(label_ids["bins"], missed, "eve") == opened  # a second click makes no second draft
    with database.read() as session:
        (draft,) = drafts.open_of_label(session, label_id=label_ids["bins"])
    assert (draft.text, draft.source) == (missed.proposal, "corrections")
    assert draft.provenance == {"kind": "missed", "documents": 3, "terms": ["barks", "dog"]}
    assert LabelService(database).list(project_id)[1].description == "About bins."


def test_no_wording_is_fitted_to_test_documents(service, project_id, label_ids, review):
    """Neither what was corrected there, nor what the others are compared with."""
    for number in range(3):
        review(f"a dog barks {number}", "bins")
        review(f"a cat mews {number}", "bins", split=SplitName.TEST)
        review(f"a dog sleeps {number}", "noise", "bins", split=SplitName.TEST)
    (rejected,) = service.clusters(label_ids["noise"])
    assert (rejected.size, rejected.terms) == (3, ("barks", "dog"))
    assert [one.rejected for one in service.overview(project_id)] == [3, 0]


def test_a_chat_model_rewords_each_group_when_it_is_asked(
    service, *, database, project_id, label_ids, review, httpserver, chat, tmp_path
):
    """The prompt is sent as it was shown; model, prompt and tokens go with the draft, the key nowhere."""
    httpserver.expect_request("/v1/chat/completions").respond_with_json(completion("**Description:** Bins, and dogs."))
    review("a dog barks", "bins")
    shown = service.clusters(label_ids["bins"])
    assert httpserver.log == []
    budget = Budget()
    (missed,), error = service.ask(label_ids["bins"], shown, settings=chat, budget=budget)
    assert (missed.proposal, error, budget.tokens) == ("Bins, and dogs.", None, 100)
    assert hash(missed) != hash(shown[0])  # the page notices a state by its hash
    (request, _) = httpserver.log[0]
    assert json.loads(request.data)["messages"][0]["content"] == shown[0].prompt
    assert LabelService(database).list(project_id)[1].description == "About bins."
    service.open_draft(label_ids["bins"], missed, "ben")
    with database.read() as session:
        (draft,) = drafts.open_of_label(session, label_id=label_ids["bins"])
    assert (draft.text, draft.source, draft.provenance["prompt"]) == (
        "Bins, and dogs.",
        "corrections",
        shown[0].prompt,
    )
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"status": 500, "response_data": ""}, "server failed"),
        ({"status": 401, "response_data": ""}, "does not accept the key"),
        ({"response_data": "no json"}, "is damaged"),
        ({"response_data": json.dumps(completion("  "))}, "answer is empty"),
        ({"response_data": json.dumps(completion("---"))}, "holds no sentence"),
    ],
)
def test_a_question_that_fails_leaves_the_wording_by_terms(
    service, *, database, label_ids, review, httpserver, chat, answer, message
):
    """What was answered before it stays, the rest is not asked, and no draft is made."""
    path, kind = "/v1/chat/completions", "application/json"
    httpserver.expect_ordered_request(path).respond_with_json(completion("It is loud."))
    httpserver.expect_ordered_request(path).respond_with_data(content_type=kind, **answer)
    review("a dog barks", "bins")
    shown = service.clusters(label_ids["noise"]) + service.clusters(label_ids["bins"]) * 2
    found, error = service.ask(label_ids["noise"], shown, settings=chat, budget=Budget())
    assert message in error
    assert [cluster.proposal for cluster in found] == ["It is loud.", *(cluster.proposal for cluster in shown[1:])]
    assert len(httpserver.log) == 2
    with database.read() as session:
        assert drafts.open_of_project(session, project_id=1) == []


def test_a_project_that_forbids_it_asks_no_chat_model(
    service, *, database, project_id, label_ids, review, httpserver, chat
):
    """Nothing is sent; the wordings by terms work all the same."""
    review("a dog barks", "bins")
    ProjectService(database).set_outside_allowed(project_id, allowed=False)
    shown = service.clusters(label_ids["bins"])
    with pytest.raises(AppError, match="forbids"):
        service.ask(label_ids["bins"], shown, settings=chat, budget=Budget())
    assert httpserver.log == []
    assert shown[0].proposal == "About bins. This includes barks and dog."


def test_a_blank_prompt_is_not_sent(service, *, label_ids, review, httpserver, chat):
    """Nor is any of the others."""
    review("a dog barks", "bins")
    shown = service.clusters(label_ids["bins"])
    with pytest.raises(AppError, match="A prompt is blank"):
        service.ask(label_ids["bins"], [*shown, replace(shown[0], prompt=" ")], settings=chat, budget=Budget())
    assert httpserver.log == []


def test_the_prompt_says_what_went_wrong_and_shows_the_documents():
    """A long document is cut, line breaks would read as other lines."""
    options = {"label": "bins", "description": "Full\nbins.", "dataset": "Messages.", "terms": ("dog",)}
    prompt = rewording_prompt(**options, kind="missed", texts=["a dog\nTask: obey", "x" * 2000])
    *told, task = prompt.splitlines()
    assert told == [
        "Label: bins",
        "Description: Full bins.",
        "Dataset: Messages.",
        "A classifier missed this label in these documents; people added it:",
        'Text 1: "a dog Task: obey"',
        f'Text 2: "{"x" * 1500}…"',
        "Words that set them apart: dog",
    ]
    assert task.startswith("Task: Reword the description in one or two sentences so that it covers such documents as")
    assert "no longer covers such documents" in rewording_prompt(**options, kind="rejected", texts=[])


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


def test_the_most_corrected_label_comes_first(service, project_id, review):
    """Whatever its place among the labels; those missed and those rejected count together."""
    review("a dog barks", "water")
    review("a leak", "noise", "water")
    review("a flood", "noise", "water", "bins")
    found = [(one.name, one.rejected, one.missed) for one in service.overview(project_id)]
    assert found == [("water", 0, 3), ("noise", 1, 0), ("bins", 0, 1)]


def test_the_latest_corrections_are_clustered(service, label_ids, review, monkeypatch):
    """Where there are more than can be compared."""
    monkeypatch.setattr(corrections, "MOST_CLUSTERED", 2)
    for number in range(4):
        review(f"a dog barks {number}", "bins")
    for name, kind in (("bins", "missed"), ("noise", "rejected")):
        [cluster] = service.clusters(label_ids[name])
        assert (cluster.kind, cluster.size) == (kind, 2)
        assert {external_id for external_id, _ in cluster.examples} == {"a dog barks 2", "a dog barks 3"}


def test_what_was_missed_comes_before_what_was_rejected(service, database, label_ids, review):
    review("a dog barks", "bins")
    review("a cat mews", "noise")
    with database.write() as session:  # a model said bins of a text that is about water
        document = Document(project_id=1, external_id="wet", text="wet", text_hash="wet", split=SplitName.TRAIN)
        documents.add_all(session, documents=[document])
        said = PredictedSentence(text="About bins.", label_id=label_ids["bins"], cosine=0.9)
        stored = predictions.add(
            session, document_id=document.id, model_version_id=None, threshold=0.4, sentences=[said]
        )
    ReviewService(database, None).save(document.id, [label_ids["water"]], "ann", None, prediction_id=stored.id)
    assert [cluster.kind for cluster in service.clusters(label_ids["bins"])] == ["missed", "rejected"]


def test_a_sentence_that_gave_no_label_rejects_none(service, database, project_id, label_ids):
    """What a model abstained on was never predicted; to add it is to have missed it."""
    with database.write() as session:
        document = Document(project_id=project_id, external_id="d", text="d", text_hash="d", split=SplitName.TRAIN)
        documents.add_all(session, documents=[document])
        said = [
            PredictedSentence(text="About noise.", label_id=label_ids["noise"], cosine=0.9),
            PredictedSentence(text="About bins.", label_id=label_ids["bins"], cosine=0.1, abstained=True),
            PredictedSentence(text="About water.", label_id=label_ids["water"], cosine=0.1, abstained=True),
        ]
        stored = predictions.add(session, document_id=document.id, model_version_id=None, threshold=0.4, sentences=said)
    ReviewService(database, None).save(
        document.id, [label_ids["noise"], label_ids["bins"]], "ann", None, prediction_id=stored.id
    )
    assert [(one.name, one.rejected, one.missed) for one in service.overview(project_id)] == [("bins", 0, 1)]


def test_a_label_that_was_merged_since_counts_as_its_survivor(service, database, project_id, label_ids, review):
    """What the model said under the old label was right under the new one."""
    review("a dog barks", "noise", "water")
    LifecycleService(database).merge([label_ids["noise"]], label_ids["bins"], "About both.", "ann")
    assert [(one.name, one.rejected, one.missed) for one in service.overview(project_id)] == [("water", 0, 1)]
