from __future__ import annotations

import json
import logging
import time

import pytest
from werkzeug import Response

from lagamc.descriptions.chat import ChatModel, ChatSettings, key_from_environment
from lagamc.descriptions.prompt import Example, refinement_prompt
from lagamc.descriptions.refine import Budget, Request, refine, refine_all
from lagamc.errors import ConfigError, ProviderError

KEY = "sk-secret-0123456789"
PAPER_PROMPT = """Label: Anger
Initial Description: Anger, emotion that involves annoyance and rage.
Dataset: Contains tweets and corresponding emotion annotations.
Examples from the dataset:
Tweet 1: "Tears and eyes can dry but I won’t, I’m burning like the wire in a lightbulb."
Prediction: Anger
Tweet 2: "We’re going to get City in the next round for a revenge."
Prediction: Anger
Task: Generate a suitable label description for ‘Anger‘ that fits the context of this dataset."""  # noqa: RUF001


def completion(text="Anger is annoyance.", *, refusal=None, finish="stop", usage=True):
    """A chat completion in OpenAI's shape."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
            }
        ],
    }
    if usage:
        body["usage"] = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return body


@pytest.fixture
def model(httpserver):
    """Make a model at the test's server."""

    def make(**settings):
        values = {"model": "gpt-4o-mini", "base_url": httpserver.url_for("/v1"), "key": KEY, "retries": 0, "timeout": 5}
        return ChatModel(ChatSettings(**{**values, **settings}))

    return make


@pytest.fixture
def answers(httpserver):
    """Let the server answer with these bodies in turn, or with a status."""

    def answer(*bodies):
        for body in bodies:
            handler = httpserver.expect_ordered_request("/v1/chat/completions", method="POST")
            if isinstance(body, tuple):
                handler.respond_with_data(body[1], body[0], content_type="application/json")
            else:
                handler.respond_with_json(body)
        return httpserver

    return answer


def test_the_prompt_is_the_papers():
    """Word for word, the closing quotation mark included."""
    examples = [
        Example("Tears and eyes can dry but I won’t, I’m burning like the wire in a lightbulb.", ["Anger"]),  # noqa: RUF001
        Example("We’re going to get City in the next round for a revenge.", ["Anger"]),  # noqa: RUF001
    ]
    prompt = refinement_prompt(
        label="Anger",
        description="Anger, emotion that involves annoyance and rage.",
        dataset="Contains tweets and corresponding emotion annotations.",
        examples=examples,
        unit="Tweet",
    )
    assert prompt == PAPER_PROMPT
    with pytest.raises(ConfigError, match="a word for a document"):
        refinement_prompt(label="Anger", description="", dataset="", examples=[], unit=" ")


def test_a_draft_keeps_what_it_was_made_from(answers, model):
    """Model, settings, prompt, answer, tokens and cost; the key is nowhere."""
    server = answers(completion("**Anger** is annoyance."))
    chat = model(price_in=10.0, price_out=100.0)
    outcome = refine(chat, Request("Anger", PAPER_PROMPT))
    (draft,) = outcome.drafts
    assert draft.text == "Anger is annoyance."
    assert draft.notes == ("markup",)
    kept = draft.provenance
    assert (kept["tokens_in"], kept["tokens_out"], kept["cost"]) == (100, 20, pytest.approx(0.003))
    assert (kept["answered_by"], kept["prompt"]) == ("gpt-4o-mini-2024-07-18", PAPER_PROMPT)
    sent = server.log[0][0]
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert json.loads(sent.data)["messages"] == [{"role": "user", "content": PAPER_PROMPT}]
    assert KEY not in json.dumps(kept) + repr(draft) + repr(chat.settings) + repr(chat)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ((401, json.dumps({"error": {"message": f"Incorrect API key: {KEY}"}})), "does not accept the key"),
        ((404, "{}"), "no model 'gpt-4o-mini'"),
        ((400, json.dumps({"error": {"message": f"bad {KEY}"}})), r"error 400.*\[key\]"),
        ((429, "{}"), "no more questions now"),
        ((500, "oops"), "server failed"),
        ((200, "{broken"), "damaged"),
        ((200, '"hello"'), "no choice of a chat model"),
        ((200, "{}"), "no choice of a chat model"),
        ((200, '{"choices": ["hello"]}'), "no choice of a chat model"),
        (completion(None, refusal="I cannot help with that."), "declined: I cannot help"),
        (completion("", finish="content_filter"), "content filter"),
        (completion(" \n"), "answer is empty"),
        (completion("", finish="length"), "limit of 200 tokens before it said anything. Allow a longer one"),
        (completion("Anger is anno", finish="length"), "limit of 200 tokens before its first sentence did"),
        (completion("<think>So. Well.", finish="length"), "before its first sentence did"),
        (completion("***"), "no sentence"),
    ],
)
def test_every_failure_ends_in_a_message_without_the_key(answers, model, caplog, body, message):
    """And in no draft."""
    caplog.set_level(logging.DEBUG)
    answers(body)
    outcome = refine(model(), Request("Anger", "prompt"))
    assert outcome.drafts == ()
    assert KEY not in outcome.error
    assert KEY not in caplog.text
    with pytest.raises(AssertionError) if outcome.error is None else pytest.raises(ProviderError, match=message):
        raise ProviderError(outcome.error)


def test_a_slow_or_unreachable_server_is_told_from_one_another(httpserver, model):
    def slow(request):
        time.sleep(0.5)
        return Response("{}")

    httpserver.expect_request("/v1/chat/completions").respond_with_handler(slow)
    with pytest.raises(ProviderError, match="did not answer within"):
        model(timeout=0.1).ask("prompt")
    with pytest.raises(ProviderError, match="No chat model can be reached at http"):
        model(base_url="http://127.0.0.1:9/v1").ask("prompt")


def test_a_busy_server_is_asked_again_as_it_says(httpserver, model):
    """429 with Retry-After, then an answer."""
    path = "/v1/chat/completions"
    httpserver.expect_ordered_request(path).respond_with_data("{}", 429, headers={"Retry-After": "0.01"})
    httpserver.expect_ordered_request(path).respond_with_json(completion())
    assert model(retries=1).ask("prompt").text == "Anger is annoyance."


def test_parameters_that_a_server_knows_under_another_name_are_renamed_once(answers, model):
    """Newer models want max_completion_tokens and no temperature."""
    refusals = [
        (400, json.dumps({"error": {"message": "no", "param": name, "code": "unsupported_parameter"}}))
        for name in ("max_tokens", "temperature")
    ]
    server = answers(*refusals, completion(), completion())
    chat = model()
    chat.ask("prompt")
    chat.ask("prompt")
    sent = json.loads(server.log[-1][0].data)
    assert sent["max_completion_tokens"] == 200
    assert "temperature" not in sent
    assert "max_tokens" not in sent


def test_drafts_before_a_failure_are_kept(answers, model):
    answers(completion("First draft of it."), (500, ""))
    outcome = refine(model(), Request("Anger", "prompt"), drafts=3)
    assert [draft.text for draft in outcome.drafts] == ["First draft of it."]
    assert "server failed" in outcome.error


def test_a_batch_goes_on_after_a_failed_label_and_stops_at_the_cap(httpserver, model):
    """The cap is never crossed: a call that could cross it is not made."""
    path = "/v1/chat/completions"
    httpserver.expect_ordered_request(path).respond_with_data("", 500)
    for _ in range(5):
        httpserver.expect_ordered_request(path).respond_with_json(completion())
    budget = Budget(max_tokens=500)
    requests = [Request(name, "prompt") for name in "abcdef"]
    outcomes = list(refine_all(model(), requests, budget=budget))
    assert [bool(outcome.error) for outcome in outcomes] == [True, False, False, False, True]
    assert "Stopped before the cap of 500 tokens: 360 are spent" in outcomes[-1].error
    assert budget.tokens == 360
    assert len(httpserver.log) == 4


@pytest.mark.parametrize(
    "body",
    [
        completion("", finish="length"),
        completion(" \n"),
        completion(None, refusal="No."),
        completion("", finish="content_filter"),
        completion("***"),
    ],
)
def test_an_answer_of_no_use_is_charged(httpserver, model, body):
    """The server bills it, so a cap ends a batch of refusals and empty answers as well."""
    body["usage"] = {"prompt_tokens": 50, "completion_tokens": 450, "total_tokens": 500}
    httpserver.expect_request("/v1/chat/completions").respond_with_json(body)
    budget = Budget(max_tokens=1200)
    outcomes = list(refine_all(model(), [Request(name, "prompt") for name in "abcdef"], budget=budget))
    assert (len(httpserver.log), budget.tokens) == (2, 1000)
    assert "Stopped before the cap" in outcomes[-1].error


@pytest.mark.parametrize("usage", [False, {"prompt_tokens": None}, {"prompt_tokens": 0, "completion_tokens": 0}])
def test_an_answer_that_nobody_counted_is_charged_with_the_most_it_may_have_taken(answers, model, usage):
    """The estimate is kept with the draft as one, and no 0."""
    body = completion(usage=False)
    body |= {"usage": usage} if usage else {}
    answers(body)
    budget, chat = Budget(), model(price_in=1.0, price_out=1000.0)
    (draft,) = refine(chat, Request("Anger", "prompt"), budget=budget).drafts
    worst = chat.settings.worst("prompt")
    kept = draft.provenance
    assert (kept["tokens_in"], kept["tokens_out"], kept["estimated"]) == (worst.tokens_in, 200, True)
    assert kept["cost"] == budget.cost == worst.cost > 0.2
    assert (budget.tokens, budget.estimated) == (worst.tokens, True)


def test_what_was_never_answered_whole_is_charged_once_and_not_asked_again(httpserver, model):
    """A server may bill what came too late or damaged; what no server took or what it refused costs nothing."""
    path = "/v1/chat/completions"
    httpserver.expect_ordered_request(path).respond_with_handler(lambda request: time.sleep(0.5) or Response("{}"))
    httpserver.expect_ordered_request(path).respond_with_data("", 504)
    httpserver.expect_ordered_request(path).respond_with_data("{broken", content_type="application/json")
    httpserver.expect_ordered_request(path).respond_with_data("", 401)
    budget, worst = Budget(), ChatSettings(model="m").worst("prompt").tokens
    for charged, patience in ((1, 0.2), (2, 30), (3, 30), (3, 30)):  # seconds; the first answer alone comes too late
        assert refine(model(timeout=patience, retries=2), Request("a", "prompt"), budget=budget).error
        assert budget.tokens == charged * worst
    refine(model(base_url="http://127.0.0.1:9/v1"), Request("a", "prompt"), budget=budget)
    assert (budget.tokens, len(httpserver.log)) == (3 * worst, 4)


def test_the_estimate_counts_the_bytes_of_a_prompt():
    """Three a token: signs of other scripts take more tokens than letters."""
    settings = ChatSettings(model="m")
    assert settings.worst("騒音" * 30).tokens_in == 68
    assert settings.worst("no" * 30).tokens_in == 28


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Anger is loud, e.g. shouting. It lasts, e.g. for ho", "Anger is loud, e.g. shouting."),
        ("Anger is loud.\n\nLet me know whe", "Anger is loud."),
        ("**Anger** is loud. It is not", "Anger is loud."),
    ],
)
def test_an_answer_that_the_limit_ended_loses_its_half_sentence(answers, model, answer, text):
    answers(completion(answer, finish="length"))
    (draft,) = refine(model(), Request("Anger", "prompt")).drafts
    assert draft.text == text
    assert "an unfinished sentence" in draft.notes


def test_money_is_capped_only_where_prices_are_known(answers, model):
    answers(completion(usage=False))
    with pytest.raises(ConfigError, match="prices of the model are not given"):
        refine(model(), Request("a", "p"), budget=Budget(max_cost=1.0))
    budget = Budget(max_cost=1.0)
    refine(model(price_in=1.0, price_out=1000.0), Request("a", "p"), budget=budget)
    assert budget.cost == pytest.approx(0.2, abs=0.01), "the estimate counts where the server does not"
    with pytest.raises(ConfigError, match="above 0"):
        Budget(max_tokens=0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"base_url": "ftp://host"}, "http or https"),
        ({"base_url": "http://localhost:abc/v1"}, "http or https"),
        ({"base_url": "http://[::1/v1"}, "http or https"),
        ({"base_url": "https://user:pass@host/v1"}, "Give the key on its own"),
        ({"base_url": "https://host/v1?key=1"}, "Give the key on its own"),
        ({"model": " "}, "Name the chat model"),
        ({"temperature": 3}, "between 0 and 2"),
        ({"max_tokens": 1}, "16 to 32,768"),
        ({"key": "sk a"}, "Paste it again"),
    ],
)
def test_settings_check_themselves(values, message):
    """The message never repeats what was typed as a key or as an address."""
    with pytest.raises(ConfigError, match=message) as caught:
        ChatSettings(**{"model": "m", **values})
    assert "pass" not in str(caught.value).replace("password", "")


def test_the_key_comes_from_the_environment():
    assert key_from_environment({"OPENAI_API_KEY": "a", "LAGAMC_CHAT_KEY": "b"}) == "b"
    assert key_from_environment({}) == ""
