"""What a person writes in the Labels tab, and what becomes of it."""

from __future__ import annotations

import gradio as gr
import numpy as np
import pytest

from app.services.studio import CollisionView


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
    assert warnings(toasts) == [services.studio.NEAR.replace("'", "&#x27;")]
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


def test_a_draft_is_counted_in_the_table_at_once(tab):
    visitor = tab.visitor
    visitor.put("label-description", "Half written")
    before = visitor["labels-table"]
    visitor.click("label-keep")
    assert visitor["labels-table"] != before


def test_discarded_drafts_are_brought_back(services, tab):
    """The last one first, with its label open again too; both are counted in the table at once."""
    visitor = tab.visitor
    for text in ("Loud at night.", "Drums and horns."):
        visitor.put("label-description", text)
        visitor.click("label-keep")
        visitor.click("label-undo")
    both = visitor["labels-table"]
    for draft in services.drafts.list(tab.noise):
        visitor.select("drafts-table", draft.id)
        visitor.click("draft-discard")
    assert "No open draft" in visitor["drafts-table"]
    assert visitor["labels-table"] != both
    for key in (tab.bins, tab.noise):
        visitor.select("labels-table", key)
    assert "Discarded last: Loud at night." in visitor["draft-discarded"]
    visitor.click("draft-back")
    assert "Discarded last: Drums and horns." in visitor["draft-discarded"]
    visitor.click("draft-back")
    assert visitor["labels-table"] == both
    assert [draft.text for draft in services.drafts.list(tab.noise)] == ["Drums and horns.", "Loud at night."]


def test_a_map_of_former_descriptions_is_told(services, tab, monkeypatch):
    """No matter by which way the labels have changed."""
    view = CollisionView(("noise", "bins"), (), np.eye(2), (), 0.4, "v1")
    now = {"outdated": False}
    monkeypatch.setattr(services.studio, "collisions", lambda *_: view, raising=False)
    monkeypatch.setattr(services.studio, "outdated", lambda *_: now["outdated"], raising=False)
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


def test_what_hangs_on_a_label_is_counted_once_while_its_name_is_typed(services, tab, monkeypatch):
    counted, impact = [], services.lifecycle.impact
    monkeypatch.setattr(services.lifecycle, "impact", lambda ids: counted.append(ids) or impact(ids))
    visitor = tab.visitor
    for name in ("d", "di", "din"):
        visitor.put("label-name", name)
    assert counted == [[tab.noise]]
    assert "Documents with noise: none." in visitor["label-renaming"]
    visitor.select("labels-table", tab.bins)
    visitor.put("label-name", "waste")
    assert counted == [[tab.noise], [tab.bins]]
    assert "Documents with bins: none." in visitor["label-renaming"]


def test_a_note_goes_with_the_wording(services, tab):
    """It stands in the table of versions, and the field is empty again."""
    visitor = tab.visitor
    visitor.put("label-description", "Loud at night.")
    visitor.put("label-note", "as the council asked")
    visitor.click("label-save")
    assert "as the council asked" in visitor["label-versions"]
    assert visitor["label-note"] == ""
