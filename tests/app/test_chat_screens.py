"""What the screens that ask a chat model do with what was typed, apart from the page."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from app.components.project_bar import project_bar
from app.screens import (
    corrections,
    label_batch,
    label_refine,
    label_versions,
)
from app.screens.label_refine import ChatConnection
from app.services.corrections import ClusterView
from app.services.draft_jobs import BatchEstimate, BatchRow, BatchView
from app.services.drafts import ExampleView
from lagamc.descriptions.chat import ChatSettings
from lagamc.descriptions.refine import Budget
from lagamc.errors import ConfigError

OWN = "https://models.example.org/v1"


@pytest.fixture
def read(monkeypatch):
    """Read the connection's fields with a key in the environment."""
    monkeypatch.setenv("LAGAMC_CHAT_KEY", "sk-environment")
    connection = ChatConnection([], None, OWN)

    def call(url=OWN, key="", longest=200.0, price_in="", price_out=""):
        return connection.read(url, "small", key, 0.7, 2.0, longest, price_in, price_out)[0]

    return call


def test_the_environments_key_goes_to_its_own_address_alone(read):
    """Nobody gets it by typing the address of a server of their own."""
    assert read().key == "sk-environment"
    assert read(url="https://evil.example.org/v1").key == ""
    assert read(url="https://other.example.org/v1", key="sk-typed").key == "sk-typed"


def test_a_price_left_empty_is_unknown_and_0_is_a_price(read):
    """With one price alone no cost is known; what is no price is refused."""
    assert read().cost(1_000_000, 5) is None
    assert read(price_in="1", price_out=" ").cost(1_000_000, 5) is None
    assert read(price_in="1", price_out="0").cost(1_000_000, 5) == 1.0
    for typed in ("-1", "nan", "inf", "a lot", "0,15"):
        with pytest.raises(ConfigError, match="is no price"):
            read(price_in=typed)


def test_an_unknown_cost_is_never_told_as_0(read):
    """Neither before anything is sent nor afterwards."""
    budget = Budget(tokens=100)
    assert label_refine.at_most(1, 300, None) == (
        "Estimate for 1 draft: at most 300 tokens, cost unknown until both prices are typed."
    )
    assert label_refine.spent(budget, read()) == "100 tokens, cost unknown"
    assert label_refine.spent(budget, read(price_in="0", price_out="0")) == "100 tokens, cost 0.00000"
    uncounted = Budget(tokens=100, estimated=True)
    assert label_refine.spent(uncounted, read()) == "at most 100 tokens, cost unknown"


def test_the_longest_answer_is_what_was_typed(read):
    """It is part of the estimate."""
    assert read(longest=900.0).max_tokens == 900
    assert read(longest=900.0).worst("prompt").tokens == read().worst("prompt").tokens + 700
    with pytest.raises(ConfigError, match="16 to 32,768"):
        read(longest=None)


def test_a_wording_from_corrections_says_who_made_it():
    """A chat model with what it took, or the terms alone."""
    by_terms = {"kind": "missed", "documents": 3, "terms": ["dog"]}
    by_model = {**by_terms, "answered_by": "m", "temperature": 0.7, "tokens_in": 90, "tokens_out": 10, "cost": None}
    assert label_versions.origin("corrections", by_terms) == "3 missed documents"
    assert label_versions.origin("corrections", by_model) == "3 missed documents, by m, temperature 0.7, 100 tokens"


def test_the_rest_of_a_batch_is_what_has_no_draft():
    """Failed or never reached; the button says how many, and tokens that nobody counted are told as the most."""
    rows = BatchRow(1, "noise", 1, None), BatchRow(2, "bins", 0, "busy")
    view = BatchView("refine", "stopped", (1, 2, 3, 4), rows, tokens=1200, estimated=True)
    status, rest, *_ = label_batch._live(view)
    assert (rest.value, rest.visible) == ("Do the rest (3)", True)
    assert "2 of 4 labels · at most 1,200 tokens" in status
    assert not label_batch._live(replace(view, status="running"))[1].visible


def test_the_prompts_of_the_rest_are_sent_after_an_estimate_with_the_first_of_them(monkeypatch):
    """Not at once by the button that asks for the rest."""
    asked = []

    def estimate(project_id, *, only, **options):
        asked.append(only)
        return BatchEstimate(2, 700, None, "Label: <bins>")

    jobs = SimpleNamespace(left=lambda project_id: ("refine", (2, 3)), estimate=estimate)
    with gr.Blocks() as page:
        bar, unit = project_bar(), gr.Textbox()
        connection = ChatConnection([], unit, OWN)
        monkeypatch.setattr(ChatConnection, "read", lambda self, *fields: (None, 1))
        label_batch.build(SimpleNamespace(draft_jobs=jobs), bar, connection, [unit, unit], gr.State(0))
    [go_on] = [fn for fn in page.fns.values() if fn.fn.__name__ == "go_on"]
    *_, question, estimate, only = go_on.fn(1, "ann", 0, "", "en", "Text")
    assert (question.visible, only, asked) == (True, (2, 3), [(2, 3)])
    assert "Estimate for 2 drafts: at most 700 tokens" in estimate
    assert "<details><summary>The first prompt, exactly as it will be sent" in estimate
    assert "Label: &lt;bins&gt;" in estimate


@pytest.fixture
def refining():
    """The page of the chat model's drafts, and its handlers by name; three documents carry the label."""
    examples = [ExampleView(key, f"d{key}", f"text {key}", ("noise",)) for key in (1, 2, 3)]
    drafts = SimpleNamespace(
        examples=lambda label_id: examples,
        prompt=lambda label_id, examples, **_: " ".join(example.text for example in examples),
    )
    services = SimpleNamespace(settings=SimpleNamespace(chat_url=OWN, chat_model="m"), drafts=drafts)
    with gr.Blocks() as page:
        editor = SimpleNamespace(label_id=gr.State(None), description=gr.Textbox())
        label_refine.build(services, project_bar(), editor, gr.State(0))
    return page, {fn.fn.__name__: fn.fn for fn in page.fns.values()}


def test_an_example_chosen_later_overwrites_no_changes(refining):
    """The prompt stays, which is said; building it anew takes the example that was chosen."""
    _, handlers = refining
    found, first, second, of, pair, prompt, *_, built = handlers["begin"](1, "Text", "", [], (None, None))
    assert (first.value, second.value, pair, prompt.value) == (1, 2, (1, 2), "text 1 text 2")
    chosen = (1, "Text", "", found)
    assert handlers["rewrite"](*chosen, 3, 2, of, built, built)[1].value == "text 3 text 2"
    pair, kept, _, told, _ = handlers["rewrite"](*chosen, 3, 2, of, "mine", built)
    assert (pair, kept) == ((3, 2), gr.skip())
    assert "You changed the prompt, so it stays as it is" in told
    assert handlers["begin"](*chosen, pair)[5].value == "text 3 text 2"


def test_the_prompts_of_corrections_are_sent_as_they_were_changed(monkeypatch):
    """The estimate counts the changed text; boxes without a group are hidden and not sent."""
    groups = [ClusterView("missed", 3, (), (), f"prompt {number}", None) for number in range(2)]
    sent = []

    def ask(key, clusters, *, settings, budget):
        sent.extend(cluster.prompt for cluster in clusters)
        return clusters, None

    services = SimpleNamespace(
        corrections=SimpleNamespace(clusters=lambda key: groups, ask=ask),
        labels=SimpleNamespace(
            get=lambda key: SimpleNamespace(project_id=1, retired=False, description="About noise.")
        ),
    )
    monkeypatch.setattr(ChatConnection, "read", lambda self, *fields: (ChatSettings(model="m"), 1))
    with gr.Blocks() as page:
        connection = ChatConnection([], None, OWN)
        corrections.build(services, project_bar(), connection, gr.State(None), gr.State(0))
    handlers = {fn.fn.__name__: fn.fn for fn in page.fns.values()}
    boxes = handlers["show"](1, SimpleNamespace(key=1))[-corrections.PROMPTS :]
    assert [box.value for box in boxes if box.visible] == ["prompt 0", "prompt 1"]
    values = ["x" * 3000, "prompt 1", *[""] * (corrections.PROMPTS - 2)]
    assert "at most 1,418 tokens" in handlers["estimated"](tuple(groups), *values)
    handlers["reword"](1, 1, tuple(groups), *values)
    assert sent == values[:2]


def test_a_person_reads_what_a_batch_sends_to_whom():
    assert "names of the labels go to Wikipedia" in label_batch.HELP
    assert "two of your documents goes to the chat model" in label_batch.HELP
