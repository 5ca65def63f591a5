"""Drafts for all labels in the background: within a cap, tried again, and with nothing kept of the key."""

from __future__ import annotations

import gc
import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from chat_server import completion, until
from werkzeug import Response

from app.errors import AppError
from app.services.draft_jobs import DraftJobs
from lagamc.descriptions.chat import ChatSettings
from lagamc.descriptions.refine import Budget


def test_a_batch_drafts_every_label_and_then_what_failed(untrained, httpserver, chat):
    path = "/v1/chat/completions"
    httpserver.expect_ordered_request(path).respond_with_json(completion("Draft one for it."))
    httpserver.expect_ordered_request(path).respond_with_data("", 500)
    for _ in range(2):
        httpserver.expect_ordered_request(path).respond_with_json(completion("Another draft for it."))
    jobs, project = untrained.services.draft_jobs, untrained.project_id
    options = {"settings": chat, "drafts_wanted": 1, "unit": "Text", "budget": Budget()}
    jobs.refine(project, "ann", **options)
    view = until(lambda: (v := jobs.view(project)).status != "running" and v)
    assert (view.status, len(view.rows), view.tokens) == ("completed", 3, 200)
    assert [bool(row.error) for row in view.rows] == [False, True, False]
    kind, failed = jobs.left(project)
    assert (kind, failed) == ("refine", (untrained.label_ids["bins"],))
    jobs.refine(project, "ben", **options, only=failed)
    view = until(lambda: (v := jobs.view(project)).status != "running" and v)
    assert [row.label for row in view.rows] == ["bins"]
    assert [draft.author for draft in untrained.services.drafts.list(failed[0])] == ["ben"]
    assert sum(untrained.services.drafts.open_counts(project).values()) == 3
    with pytest.raises(AppError, match="left no label without a draft"):
        jobs.left(project)
    sent = [json.loads(request.data)["messages"][0]["content"] for request, _ in httpserver.log]
    assert sent[0].startswith("Label: noise")


def test_the_key_of_a_batch_is_forgotten_with_its_end(untrained, httpserver, chat):
    """The screen says that it is not kept; who tries again brings a key of their own."""
    httpserver.expect_request("/v1/chat/completions").respond_with_json(completion("A draft for it."))
    jobs, project = untrained.services.draft_jobs, untrained.project_id
    options = {"drafts_wanted": 1, "unit": "Text", "budget": Budget()}
    jobs.refine(project, "ann", settings=replace(chat, key="sk-of-ann"), **options)
    jobs._threads._threads[project].join()
    gc.collect()
    assert [found for found in gc.get_objects() if type(found) is ChatSettings and found.key == "sk-of-ann"] == []


def test_a_batch_costs_no_more_than_was_estimated(untrained, httpserver, chat):
    """The estimate sends nothing, names no cost without prices, and grows with the drafts wanted."""
    jobs, project = untrained.services.draft_jobs, untrained.project_id
    one = jobs.estimate(project, settings=chat, drafts_wanted=1, unit="Text")
    two = jobs.estimate(project, settings=replace(chat, price_in=1.0, price_out=2.0), drafts_wanted=2, unit="Text")
    assert httpserver.log == []
    assert (one.labels, one.cost) == (3, None)
    assert two.tokens == 2 * one.tokens
    assert two.tokens / 1e6 < two.cost < 2 * two.tokens / 1e6
    httpserver.expect_request("/v1/chat/completions").respond_with_json(completion("A draft for it."))
    jobs.refine(project, "ann", settings=chat, drafts_wanted=1, unit="Text", budget=Budget(max_tokens=one.tokens))
    view = until(lambda: (v := jobs.view(project)).status != "running" and v)
    assert (view.status, len(view.rows)) == ("completed", 3)


def test_a_batch_stops_before_its_cap_and_the_rest_can_be_done(untrained, httpserver, chat):
    """What it never reached is left as well as what failed; nothing is asked twice."""
    httpserver.expect_request("/v1/chat/completions").respond_with_json(completion("A draft for it."))
    jobs, project, ids = untrained.services.draft_jobs, untrained.project_id, list(untrained.label_ids.values())
    options = {"settings": chat, "drafts_wanted": 1, "unit": "Text"}
    first = jobs.estimate(project, **options, only=ids[:1]).tokens
    jobs.refine(project, "ann", **options, budget=Budget(max_tokens=first))
    view = until(lambda: (v := jobs.view(project)).status != "running" and v)
    assert view.status == "stopped"
    assert view.tokens <= first
    assert "Stopped before the cap" in view.rows[-1].error
    assert [row.drafts for row in view.rows] == [1, 0]  # the estimate is no less than what one call reserves
    assert jobs.left(project) == ("refine", tuple(ids[1:]))
    jobs.refine(project, "ann", **options, budget=Budget(), only=view.left)
    until(lambda: jobs.view(project).status != "running")
    assert set(untrained.services.drafts.open_counts(project).values()) == {1}
    assert len(httpserver.log) == 3


def test_an_estimate_shows_the_first_prompt_that_will_be_sent(untrained, httpserver, chat):
    """Of all labels, or of some."""
    httpserver.expect_request("/v1/chat/completions").respond_with_json(completion("A draft for it."))
    jobs, project, ids = untrained.services.draft_jobs, untrained.project_id, untrained.label_ids
    options = {"settings": chat, "drafts_wanted": 1, "unit": "Message"}
    some = jobs.estimate(project, **options, only=[ids["bins"]])
    assert some.labels == 1
    assert some.prompt.startswith("Label: bins")
    shown = jobs.estimate(project, **options).prompt
    jobs.refine(project, "ann", **options, budget=Budget())
    until(lambda: jobs.view(project).status != "running")
    assert json.loads(httpserver.log[0][0].data)["messages"][0]["content"] == shown


def test_all_labels_are_seeded_but_what_means_several_things(untrained, httpserver):
    """Each gets a draft from its first article; an ambiguous one says that a person must choose."""

    def answer(request):
        if request.args.get("list") == "search":
            query = {"search": [{"title": request.args["srsearch"]}]}
        else:
            title = request.args["titles"]
            page = {"title": title, "extract": f"{title} is a thing. It is real.", "lastrevid": 1, "fullurl": "u"}
            query = {"pages": {"1": {**page, "pageprops": {"disambiguation": ""} if title == "bins" else {}}}}
        return Response(json.dumps({"query": query}), content_type="application/json")

    httpserver.expect_request("/w").respond_with_handler(answer)
    jobs, project = untrained.services.draft_jobs, untrained.project_id
    jobs.seed(project, "ann", contact="ann@example.org", language="en")
    view = until(lambda: (v := jobs.view(project)).status != "running" and v)
    assert [(row.label, row.drafts) for row in view.rows] == [("noise", 1), ("bins", 0), ("water", 1)]
    assert "means several things" in view.rows[1].error
    jobs.scaffold(project, "ann")
    view = until(lambda: (v := jobs.view(project)).status != "running" and v)
    assert [row.drafts for row in view.rows] == [1, 1, 1]


def test_of_two_batches_started_at_once_one_is_refused():
    """However close together two people ask."""
    noise, go_on = SimpleNamespace(id=1, name="noise", retired=False), threading.Event()
    drafted, refused = [], []
    drafts = SimpleNamespace(scaffold=lambda label_id, _author: (go_on.wait(10), drafted.append(label_id)))
    labels = SimpleNamespace(list=lambda _: (time.sleep(0.2), [noise])[1], get=lambda _: noise)
    jobs = DraftJobs(drafts, labels)

    def start():
        try:
            jobs.scaffold(1, "ann")
        except AppError as error:
            refused.append(str(error))

    tabs = [threading.Thread(target=start) for _ in range(2)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    go_on.set()
    until(lambda: jobs.view(1).status == "completed")
    assert refused == ["A batch is running for this project. Wait for its end, or cancel it."]
    assert drafted == [1]


def test_a_batch_leaves_out_what_was_retired_after_it_began(untrained, httpserver, chat):
    """Nothing of that label is sent, and no draft is made that nobody would see."""
    jobs, project, ids = untrained.services.draft_jobs, untrained.project_id, untrained.label_ids

    def answer(_request):
        untrained.services.lifecycle.retire(ids["bins"], "ben")
        return Response(json.dumps(completion("A draft for it.")), content_type="application/json")

    httpserver.expect_request("/v1/chat/completions").respond_with_handler(answer)
    jobs.refine(project, "ann", settings=chat, drafts_wanted=1, unit="Text", budget=Budget(),
                only=[ids["noise"], ids["bins"]])  # fmt: skip
    view = until(lambda: (v := jobs.view(project)).status != "running" and v)
    assert [(row.label, row.drafts, bool(row.error)) for row in view.rows] == [("noise", 1, False), ("bins", 0, True)]
    assert len(httpserver.log) == 1
