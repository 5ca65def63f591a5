"""What a person writes in the Labels tab, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from visitor import Visitor

from app.components.project_bar import project_bar
from app.container import build
from app.errors import AppError
from app.screens import labels
from app.services.label_lifecycle import LabelAttributes
from app.services.studio import CollisionView
from app.settings import Settings

NEAR = "It comes nearer to 'bins' than the threshold: cosine 0.612."


class NoModel:
    """A studio that can say nothing of a text but that it is near a rival when it reads "near"."""

    def lint(self, project_id, label_id, text):
        raise AppError("No model.")

    def nearer(self, project_id, label_id, text):
        return NEAR if "near" in text else ""


@pytest.fixture
def services(tmp_path):
    """All services with a project of two labels."""
    services = replace(build(Settings(data_folder=tmp_path, device="cpu")), studio=NoModel())
    yield services
    services.close()


@pytest.fixture
def toasts(monkeypatch):
    """What the page said, as (kind, text)."""
    said = []
    for kind in ("Info", "Warning"):
        monkeypatch.setattr(gr, kind, lambda text, kind=kind, **_: said.append((kind, text)))
    return said


@pytest.fixture
def tab(services, toasts):
    """The Labels tab with the label noise open; `visitor`, and the ids of noise and bins."""
    project = services.projects.create("messages")
    noise, bins = (services.labels.add(project, name, f"About {name}.", "ann") for name in ("noise", "bins"))
    with gr.Blocks() as page:
        bar = project_bar()
        labels.build(services, bar)
    visitor = Visitor(page)
    visitor.put(bar.author, "ada")
    visitor.put(bar.project, project)
    visitor.select("labels-table", noise)
    assert visitor["label-description"] == "About noise."
    return SimpleNamespace(visitor=visitor, bar=bar, project=project, noise=noise, bins=bins)


def warnings(toasts):
    return [text for kind, text in toasts if kind == "Warning"]


def test_a_new_label_needs_no_more_than_a_name(services, tab, toasts):
    """Saved without a description it can be drafted at once; before that an article cannot be taken."""
    visitor = tab.visitor
    visitor.click("label-new")
    visitor.put("label-name", "trees")
    with pytest.raises(gr.Error, match="its name is enough"):
        visitor.click("label-keep")
    visitor.click("label-save")
    assert "can be drafted now" in toasts[-1][1]
    assert "not described yet" in visitor["labels-table"]
    assert "Not described yet" in visitor["label-versions"]
    visitor.put("label-description", "Trees that fell.")
    visitor.click("label-keep")
    assert "Trees that fell." in visitor["drafts-table"].replace("<ins>", "").replace("</ins>", "")
    visitor.click("label-save")
    assert "Saved as version 1" in toasts[-1][1]


def test_whatever_becomes_the_description_is_compared_with_its_rivals(services, tab, toasts):
    """Saved, accepted or restored, it warns with the figures once it is saved."""
    visitor = tab.visitor
    visitor.put("label-description", "This is near.")
    assert not warnings(toasts)
    visitor.click("label-save")
    assert warnings(toasts) == [NEAR.replace("'", "&#x27;")]
    draft = services.drafts.add(tab.noise, "This one is near too.", source="person", author="ada")
    visitor.select("labels-table", tab.bins)
    visitor.select("labels-table", tab.noise)
    visitor.select("drafts-table", draft)
    visitor.click("draft-accept")
    assert visitor["label-description"] == "This one is near too."
    assert len(warnings(toasts)) == 2
    visitor.select("label-versions", 2)
    visitor.click("version-restore")
    assert visitor["label-description"] == "This is near."
    assert len(warnings(toasts)) == 3
    visitor.select("label-versions", 1)
    visitor.click("version-restore")
    assert len(warnings(toasts)) == 3


def test_undo_brings_back_what_a_draft_or_a_version_took_the_place_of(services, tab):
    """So it does after a save, and for a word that another of the same number replaced."""
    visitor = tab.visitor
    visitor.put("label-description", "About din.")
    visitor.click("label-undo")
    assert visitor["label-description"] == "About noise."
    draft = services.drafts.add(tab.noise, "Loud at night.", source="person", author="ada")
    visitor.put("label-description", "Half written")
    visitor.select("drafts-table", draft)
    visitor.click("draft-accept")
    visitor.put("label-description", "Half written again")
    visitor.select("label-versions", 1)
    visitor.click("version-restore")
    assert visitor["label-description"] == "About noise."
    for earlier in ("Half written again", "Loud at night.", "Half written", "About noise."):
        visitor.click("label-undo")
        assert visitor["label-description"] == earlier


def test_a_text_that_was_not_saved_is_kept_as_a_draft(services, tab, toasts):
    """Selecting another row says so; what stands among the drafts, or is saved, is not kept twice."""
    visitor = tab.visitor
    visitor.put("label-description", "Half written")
    visitor.select("labels-table", tab.bins)
    assert warnings(toasts) == [
        "The text of &#x27;noise&#x27; was not saved. It is kept among the label&#x27;s drafts."
    ]
    [draft] = services.drafts.list(tab.noise)
    assert (draft.text, draft.source, draft.author) == ("Half written", "person", "ada")
    visitor.select("labels-table", tab.noise)
    assert visitor["label-description"] == "About noise."
    visitor.select("drafts-table", draft.id)
    visitor.click("draft-edit")
    visitor.select("labels-table", tab.bins)
    visitor.click("label-undo")
    assert visitor["label-description"] == "About bins."
    assert len(services.drafts.list(tab.noise)) == len(warnings(toasts)) == 1


def test_a_new_label_that_was_left_comes_back_by_undo(services, tab, toasts):
    """It has no drafts yet."""
    visitor = tab.visitor
    visitor.click("label-new")
    visitor.put("label-description", "Trees that fell.")
    visitor.select("labels-table", tab.bins)
    assert warnings(toasts) == ["The new label was not saved. 'New label', then 'Undo' brings its text back."]
    visitor.click("label-new")
    assert visitor["label-description"] == ""
    visitor.click("label-undo")
    assert visitor["label-description"] == "Trees that fell."


def test_another_project_keeps_what_was_being_written(services, tab, toasts):
    """A text that no draft can hold is told; a label that was deleted with its project is not looked for."""
    visitor = tab.visitor
    other = services.projects.create("other")
    visitor.put("label-description", "Half written")
    visitor.put(tab.bar.project, other)
    assert [draft.text for draft in services.drafts.list(tab.noise)] == ["Half written"]
    visitor.put(tab.bar.project, tab.project)
    visitor.select("labels-table", tab.bins)
    visitor.put("label-description", "x" * 2001)
    with pytest.raises(gr.Error, match="2,001 characters"):
        visitor.select("labels-table", tab.noise)
    visitor.put(tab.bar.project, other)
    assert "The text of &#x27;bins&#x27; was not saved, and cannot be kept" in warnings(toasts)[-1]
    assert "2,001 characters" in warnings(toasts)[-1]
    assert visitor["label-description"] == ""
    visitor.click("label-new")
    visitor.click("label-undo")
    assert visitor["label-description"] == "x" * 2001


def test_a_new_label_that_was_left_with_its_project_comes_back_by_undo(services, tab, toasts):
    """In the project that is open now, as the warning says."""
    visitor = tab.visitor
    visitor.click("label-new")
    visitor.put("label-name", "trees")
    visitor.put("label-description", "Trees that fell.")
    visitor.put(tab.bar.project, services.projects.create("other"))
    assert warnings(toasts)[0] == "The new label &#x27;trees&#x27; was not saved."
    visitor.click("label-new")
    visitor.click("label-undo")
    assert visitor["label-description"] == "Trees that fell."


def test_a_name_that_was_not_saved_is_told(tab, toasts):
    visitor = tab.visitor
    visitor.put("label-name", "din")
    visitor.select("labels-table", tab.bins)
    assert warnings(toasts) == ["The name of &#x27;noise&#x27; was not saved; &#x27;din&#x27; was typed."]


def test_a_text_is_never_taken_for_that_of_a_label_whose_page_is_on_its_way(services, tab, toasts):
    """Rows clicked quickly: the server knows of the next label while the page still shows the one before."""
    visitor, page = tab.visitor, tab.visitor.page
    fields = ("label-name", "label-description", "label-guideline")
    before = {name: visitor[name] for name in fields}
    visitor.select("labels-table", tab.bins)
    numbers = [key for key, block in page.blocks.items() if isinstance(block, gr.Number) and visitor[block] == tab.bins]
    assert len(numbers) == 2
    for name in fields:  # as they were, and the label's number with them
        visitor._values[visitor._key(name)] = before[name]
    for key in numbers:
        visitor._values[key] = tab.noise
    for button in ("label-save", "label-reviewers-save"):
        with pytest.raises(gr.Error, match="Nothing was saved: another label was just opened"):
            visitor.click(button)
    visitor.select("labels-table", tab.noise)
    assert services.drafts.list(tab.bins) == []
    assert warnings(toasts) == []


def test_what_is_typed_for_reviewers_outlasts_a_look_at_another_label(services, tab, toasts):
    """And what another panel does to the same one; once it is saved nothing is told any more."""
    visitor = tab.visitor
    visitor.put("label-guideline", "After ten at night.")
    visitor.click("label-down")
    assert visitor["label-guideline"] == "After ten at night."
    visitor.select("labels-table", tab.bins)
    assert warnings(toasts) == [
        "What was typed for reviewers was not saved. It is there again when the label is opened again."
    ]
    assert visitor["label-guideline"] == ""
    visitor.select("labels-table", tab.noise)
    assert visitor["label-guideline"] == "After ten at night."
    visitor.click("label-reviewers-save")
    assert services.lifecycle.attributes(tab.noise).guideline == "After ten at night."
    visitor.select("labels-table", tab.bins)
    assert len(warnings(toasts)) == 1
    services.lifecycle.edit(tab.noise, LabelAttributes(guideline="At night."), "ben")
    visitor.select("labels-table", tab.noise)
    assert visitor["label-guideline"] == "At night."


def test_a_guideline_that_somebody_else_has_changed_meanwhile_is_not_overwritten(services, tab):
    visitor = tab.visitor
    visitor.put("label-guideline", "After ten at night.")
    services.lifecycle.edit(tab.noise, LabelAttributes(guideline="At night."), "ben")
    visitor.click("label-down")  # shows the label anew, and keeps what is typed
    with pytest.raises(gr.Error, match="guideline"):
        visitor.click("label-reviewers-save")
    assert services.lifecycle.attributes(tab.noise).guideline == "At night."


def test_a_wording_typed_for_a_merge_stays(services, tab):
    """Until the labels are merged; the survivor's own gives way to another survivor's."""
    visitor, both = tab.visitor, [tab.noise, tab.bins]
    visitor.put("merge-labels", both)
    assert visitor["merge-description"] == "About noise."
    visitor.put("merge-into", tab.bins)
    assert visitor["merge-description"] == "About bins."
    visitor.put("merge-description", "Both of them.")
    visitor.put("merge-into", tab.noise)
    visitor.put(tab.bar.tab, "review")
    visitor.put(tab.bar.tab, "labels")
    visitor.click("label-down")
    assert (visitor["merge-labels"], visitor["merge-description"]) == (both, "Both of them.")
    visitor.click("merge-do")
    assert (visitor["merge-labels"], visitor["merge-description"]) == ([], "")
    assert [label.description for label in services.labels.list(tab.project)] == ["Both of them."]


def test_a_draft_is_counted_in_the_table_at_once(tab):
    visitor = tab.visitor
    visitor.put("label-description", "Half written")
    before = visitor["labels-table"]
    visitor.click("label-keep")
    assert visitor["labels-table"] != before


def test_a_map_of_former_descriptions_is_told(services, tab, monkeypatch):
    """No matter by which way the labels have changed."""
    view = CollisionView(("noise", "bins"), (), np.eye(2), (), 0.4, "v1")
    now = {"outdated": False}
    monkeypatch.setattr(NoModel, "collisions", lambda *_: view, raising=False)
    monkeypatch.setattr(NoModel, "outdated", lambda *_: now["outdated"], raising=False)
    visitor = tab.visitor
    visitor.click("collisions-refresh")
    visitor.select("labels-table", tab.bins)
    assert "Compare again" not in visitor["collisions-summary"]
    now["outdated"] = True
    visitor.put("label-name", "waste")
    visitor.click("label-save")
    assert "Compare again" in visitor["collisions-summary"]


def test_what_is_sent_is_said_beside_the_button_that_sends_it(services, tab):
    """And that nothing is, where the project forbids it."""
    visitor = tab.visitor
    assert "The words you search for and your contact go to https://" in visitor["wikipedia-notice"]
    assert "documents of yours" in visitor["chat-notice"]
    visitor.put("outside-allowed", False)
    for notice in ("wikipedia-notice", "chat-notice", "outside-notice"):
        assert "Nothing of this project is sent anywhere" in visitor[notice]


def test_another_name_shows_what_hangs_on_the_label(services, tab):
    """As long as it is not saved and differs from the one that was loaded."""
    visitor = tab.visitor
    assert visitor["label-renaming"] == ""
    visitor.put("label-name", "din")
    assert "Documents with noise: none." in visitor["label-renaming"]
    visitor.put("label-name", " noise ")
    assert visitor["label-renaming"] == ""
    visitor.put("label-name", "din")
    visitor.click("label-save")
    assert visitor["label-renaming"] == ""
    visitor.put("label-name", "racket")
    visitor.select("labels-table", tab.bins)
    assert visitor["label-renaming"] == ""


def test_a_note_goes_with_the_wording(services, tab):
    """It stands in the table of versions, and the field is empty again."""
    visitor = tab.visitor
    visitor.put("label-description", "Loud at night.")
    visitor.put("label-note", "as the council asked")
    visitor.click("label-save")
    assert "as the council asked" in visitor["label-versions"]
    assert visitor["label-note"] == ""
