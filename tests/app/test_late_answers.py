"""An answer that comes when another label is open by then, and one that outlasts a look at another tab."""

from __future__ import annotations

from dataclasses import replace

import gradio as gr
import pytest

from app.components.events import INFERENCE
from app.screens import corrections, label_refine
from app.screens.label_refine import ChatConnection
from app.services.corrections import ClusterView, LabelCorrections
from lagamc.descriptions.chat import ChatSettings
from lagamc.descriptions.refine import Outcome


@pytest.mark.parametrize(
    ("asking", "shown"),
    [
        ("prompt-build", "prompt-text"),
        ("what-if-try", "what-if-result"),
        ("split-propose", "split-impact"),
        ("collisions-refresh", "collisions-map"),
        ("corrected-labels", "correction-clusters"),
    ],
)
def test_a_panel_is_emptied_at_once_and_behind_an_answer_that_is_on_its_way(tab, asking, shown):
    """In the queue that the answer is made in."""
    page, key = tab.visitor.page, tab.visitor._key(asking)
    setting = [fn for fn in page.fns.values() if shown in {part.elem_id for part in fn.outputs}]
    [answering] = [fn for fn in setting if {(key, "click"), (key, "select")} & set(fn.targets)]
    emptying = [fn for fn in setting if "change" in {event for _, event in fn.targets}]
    assert {fn.concurrency_id == answering.concurrency_id for fn in emptying} == {False, True}


def test_a_proposal_for_a_split_waits_in_a_queue_of_its_own(tab):
    """It embeds every document of a label, and Review and Classify need their answers meanwhile."""
    page, key = tab.visitor.page, tab.visitor._key("split-propose")
    [proposing] = [fn for fn in page.fns.values() if (key, "click") in fn.targets]
    assert proposing.concurrency_id not in (None, INFERENCE["concurrency_id"])


@pytest.mark.parametrize("typed", ["About din.", "About din. "])
def test_what_is_typed_while_a_text_is_being_saved_stays(services, tab, monkeypatch, typed):
    visitor, save = tab.visitor, services.labels.save

    def slowly(*arguments, **options):
        visitor.put("label-description", "About din, and more.")
        visitor.put("label-name", "din and more")
        return save(*arguments, **options)

    monkeypatch.setattr(services.labels, "save", slowly)
    visitor.put("label-description", typed)
    visitor.click("label-save")
    assert services.labels.get(tab.noise).description == "About din."
    assert visitor["label-name"] == "din and more"
    assert visitor["label-description"] == "About din, and more."
    visitor.click("label-undo")
    assert visitor["label-description"] == typed


def test_a_prompt_is_sent_for_the_label_that_it_was_built_for_and_no_other(services, tab, monkeypatch):
    """Built while another label was opened, it is neither sent nor written anew."""
    visitor, asked = tab.visitor, []

    def examples(label_id):
        if label_id == tab.noise:
            visitor.select("labels-table", tab.bins)
        return []

    def refine(label_id, prompt, *_, **__):
        asked.append((label_id, prompt))
        return Outcome("bins", (), None)

    monkeypatch.setattr(services.drafts, "examples", examples)
    monkeypatch.setattr(services.drafts, "refine", refine)
    visitor.click("prompt-build")
    assert "Label: noise" in visitor["prompt-text"]
    with pytest.raises(gr.Error, match="not the open label"):
        visitor.click("prompt-send")
    with pytest.raises(gr.Error, match="not the open label"):
        visitor.put("example-first", 1)
    visitor.click("prompt-build")
    visitor.put("chat-model", "m")
    visitor.click("prompt-send")
    assert asked == [(tab.bins, visitor["prompt-text"])]
    assert "Label: bins" in asked[0][1]


def test_a_prompt_that_was_changed_waits_for_its_label(tab, toasts):
    """One that was not is built anew when it is asked for."""
    visitor = tab.visitor
    visitor.click("prompt-build")
    built = visitor["prompt-text"]
    visitor.select("labels-table", tab.bins)
    assert visitor["prompt-text"] == ""
    visitor.select("labels-table", tab.noise)
    assert visitor["prompt-text"] == ""
    visitor.click("prompt-build")
    visitor.put("prompt-text", f"{built} In one line.")
    visitor.select("labels-table", tab.bins)
    assert visitor["prompt-text"] == ""
    assert toasts[-1] == ("Info", label_refine.LEFT)
    visitor.click("prompt-build")
    assert "Label: bins" in visitor["prompt-text"]
    visitor.select("labels-table", tab.noise)
    assert visitor["prompt-text"] == f"{built} In one line."


def test_parts_of_a_split_wait_for_their_project(services, tab):
    visitor = tab.visitor
    visitor.put("split-parts", [["kerbs", "Kerbs are loose.", ""], ["", "", ""]])
    visitor.put(tab.bar.project, services.projects.create("other"))
    assert visitor["split-parts"] == [["", "", ""], ["", "", ""]]
    visitor.put(tab.bar.project, tab.project)
    assert visitor["split-parts"][0] == ["kerbs", "Kerbs are loose.", ""]


@pytest.fixture
def corrected(services, tab, monkeypatch):
    """The Corrections panel with noise chosen; `happens` is done while a chat model words its group anew."""
    counts = [LabelCorrections(key, name, 1, 0) for key, name in ((tab.noise, "noise"), (tab.bins, "bins"))]
    group = ClusterView("missed", 1, (), (), "prompt", None)
    happens = []

    def ask(label_id, clusters, **_):
        while happens:
            happens.pop()()
        return [replace(group, proposal="Wording of a model.")], None

    monkeypatch.setattr(
        services.corrections, "overview", lambda project_id: counts if project_id == tab.project else []
    )
    monkeypatch.setattr(services.corrections, "clusters", lambda _: [group])
    monkeypatch.setattr(services.corrections, "ask", ask)
    monkeypatch.setattr(ChatConnection, "read", lambda self, *fields: (ChatSettings(model="m"), 1))
    tab.visitor.put(tab.bar.tab, "labels")
    tab.visitor.select("corrected-labels", tab.noise)
    return happens


def test_wordings_of_corrections_are_shown_while_their_label_is_chosen(tab, toasts, corrected):
    """When another one is by then, that they are not shown is told."""
    visitor = tab.visitor
    corrected.append(lambda: visitor.select("corrected-labels", tab.bins))
    visitor.click("correction-ask")
    assert "Wording" not in visitor["correction-clusters"]
    assert toasts[-1] == ("Warning", corrections.LATE)
    visitor.click("correction-ask")
    assert "Wording" in visitor["correction-clusters"]


def test_wordings_that_were_paid_for_outlast_a_look_at_another_tab(services, tab, corrected):
    """So does a prompt that was changed; with another project they go."""
    visitor = tab.visitor
    box = next(block for block in visitor.page.blocks.values() if visitor._values.get(block._id) == "prompt")
    visitor.put(box, "changed")
    visitor.click("correction-ask")
    for name in ("review", "labels"):
        visitor.put(tab.bar.tab, name)
    assert "Wording" in visitor["correction-clusters"]
    assert visitor[box] == "changed"
    assert "noise" in visitor["corrected-labels"]
    visitor.put(tab.bar.project, services.projects.create("other"))
    assert visitor["correction-clusters"] == ""
    assert "noise" not in visitor["corrected-labels"]
