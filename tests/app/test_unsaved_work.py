"""What a person has typed and not saved, when labels, projects and panels change around it."""

from __future__ import annotations

from html import escape

import gradio as gr
import pytest

from app.services.label_lifecycle import LabelAttributes


def warnings(toasts):
    return [text for kind, text in toasts if kind == "Warning"]


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
    assert warnings(toasts) == [escape("The new label was not saved. 'New label', then 'Undo' brings its text back.")]
    visitor.click("label-new")
    visitor.put("label-description", "Cats that climb.")
    visitor.click("label-new")
    assert visitor["label-description"] == ""
    for earlier in ("Cats that climb.", "Trees that fell."):
        visitor.click("label-undo")
        assert visitor["label-description"] == earlier


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
    assert warnings(toasts) == [
        escape("The new label 'trees' was not saved. 'New label', then 'Undo' brings its text back.")
    ]
    visitor.click("label-new")
    visitor.click("label-undo")
    assert visitor["label-description"] == "Trees that fell."


def test_a_name_that_was_not_saved_is_told(tab, toasts):
    visitor = tab.visitor
    visitor.put("label-name", "din")
    visitor.select("labels-table", tab.bins)
    assert warnings(toasts) == ["The name of &#x27;noise&#x27; was not saved; &#x27;din&#x27; was typed."]


def test_a_name_that_was_typed_outlasts_what_another_panel_saves(services, tab):
    """Until the label is called otherwise."""
    visitor = tab.visitor
    visitor.put("label-name", "din")
    visitor.click("label-down")
    assert visitor["label-name"] == "din"
    services.labels.save(tab.noise, "racket", "About noise.", "ben")
    visitor.click("label-up")
    assert visitor["label-name"] == "racket"


def test_nothing_is_taken_for_that_of_a_label_whose_page_is_on_its_way(services, tab, toasts):
    """Rows clicked quickly: the server knows of the next label while the page still shows the one before.

    Neither a text nor what a button is pressed for.
    """
    visitor, page = tab.visitor, tab.visitor.page
    fields = ("label-name", "label-description", "label-guideline")
    before = {name: visitor[name] for name in fields}
    visitor.click("label-retire")
    visitor.select("labels-table", tab.bins)
    numbers = [key for key, block in page.blocks.items() if isinstance(block, gr.Number) and visitor[block] == tab.bins]
    assert len(numbers) == 3
    for name in fields:  # as they were, and the label's number with them
        visitor._values[visitor._key(name)] = before[name]
    for key in numbers:
        visitor._values[key] = tab.noise
    for button in ("save", "reviewers-save", "keep", "retire-do", "restore-do"):
        with pytest.raises(gr.Error, match="another label was just opened"):
            visitor.click(f"label-{button}")
    with pytest.raises(gr.Error, match="another label was just opened"):
        visitor.click("version-restore")
    visitor.select("labels-table", tab.noise)
    assert services.drafts.list(tab.bins) == []
    assert len(services.labels.list(tab.project)) == 2
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


def test_a_label_that_was_just_clicked_for_a_merge_stays(tab):
    """The answer to a look at the tab may come before the answer to the click."""
    visitor = tab.visitor
    visitor._values[visitor._key("merge-labels")] = [tab.noise]  # the page shows it, the server has not heard of it
    visitor.put(tab.bar.tab, "review")
    visitor.put(tab.bar.tab, "labels")
    assert visitor["merge-labels"] == [tab.noise]


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


def test_a_merge_puts_no_older_wording_back(services, tab, toasts):
    """A colleague may describe the survivor anew while the merge is being thought about."""
    visitor = tab.visitor
    for typed in (None, "Both of them."):
        visitor.put("merge-labels", [tab.noise, tab.bins])
        if typed:
            visitor.put("merge-description", typed)
        services.labels.save(tab.noise, "noise", f"Loud things. {typed}", "ben")
        visitor.click("merge-do")
        assert toasts[-1][0] == "Warning"
        assert "described anew" in toasts[-1][1]
        assert len(services.labels.list(tab.project)) == 2
        assert visitor["merge-description"] == (typed or "Loud things. None")
    visitor.click("merge-do")
    assert [label.description for label in services.labels.list(tab.project)] == ["Both of them."]


def test_older_steps_are_listed_on_demand_and_can_be_taken_back(services, tab):
    visitor = tab.visitor
    services.lifecycle.merge([tab.noise], tab.bins, "About both.", "ann")
    for number in range(60):
        services.lifecycle.rename(tab.bins, f"bins {number}", "ann")
    visitor.put(tab.bar.tab, "review")
    visitor.put(tab.bar.tab, "labels")
    assert "merged into" not in visitor["label-history"]
    visitor.click("older-steps")
    assert "merged into" in visitor["label-history"]
    merged = services.lifecycle.history(tab.project, 100)[-1].id
    visitor.put("undo-step", merged)
    visitor.click("undo-do")
    assert len(services.labels.list(tab.project)) == 2
    assert "merged into" in visitor["label-history"]


def test_what_was_asked_about_is_retired_and_restored(services, tab):
    visitor = tab.visitor
    visitor.click("label-retire")
    visitor.click("label-retire-do")
    assert [label.id for label in services.labels.list(tab.project)] == [tab.bins]
    visitor.click("label-restore")
    visitor.click("label-restore-do")
    assert len(services.labels.list(tab.project)) == 2
