"""The Review tab as several people meet it at once, without a browser."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr
import pytest
from visitor import Visitor

from app.components.project_bar import Asked, project_bar
from app.screens import review


@pytest.fixture
def tab(services, tmp_path):
    """The Review tab of a project of 6 documents without labels; `visit` is one person's way through it."""
    project = services.projects.create("messages")
    path = tmp_path / "documents.csv"
    path.write_text("id,text\n" + "".join(f"d{number},text {number}\n" for number in range(1, 7)))
    services.imports.run(project, path, services.imports.preview(path).mapping, "ann")
    with gr.Blocks() as page:
        bar = project_bar()
        review.build(services, bar)

    def visit(author):
        visitor = Visitor(page)
        visitor.put(bar.author, author)
        visitor.put(bar.tab, "review")
        visitor.put(bar.project, project)
        return visitor

    return SimpleNamespace(page=page, bar=bar, project=project, path=path, visit=visit)


def test_a_save_that_somebody_else_replaced_does_not_block_undo(services, tab):
    """It is told once; the save before it can be taken back."""
    ada = tab.visit("ada")
    for _ in range(2):
        ada.click("review-save")
    second = services.documents.page(tab.project, 6).rows[1].id
    services.reviews.save(second, [], "ben", services.reviews.item(second).annotation_id)
    ada.click("review-undo")
    assert "ben saved this document at" in ada["review-last"]
    assert "text 2" in ada["review-text"]
    ada.click("review-undo")
    assert "Undone" in ada["review-last"]
    assert "text 1" in ada["review-text"]
    with pytest.raises(gr.Error, match="nothing to undo"):
        ada.click("review-undo")


def test_two_people_are_given_different_documents(tab):
    """Once they go on from the first one; what one of them has on show comes last for the other."""
    ada, ben = tab.visit("ada"), tab.visit("ben")
    assert "text 1" in ada["review-text"]
    assert "text 1" in ben["review-text"]
    given = []
    for visitor, button in ((ada, "save"), (ben, "skip"), (ada, "save"), (ben, "save"), (ada, "skip"), (ada, "skip")):
        visitor.click(f"review-{button}")
        given.append(visitor["review-text"].partition("text ")[2][0])
    assert given == ["2", "3", "4", "5", "6", "5"]


def test_a_document_that_somebody_left_is_free_again(tab):
    """When their session ends."""
    ada, ben = tab.visit("ada"), tab.visit("ben")
    ben.click("review-skip")
    session = next(block for block in ben.page.blocks.values() if isinstance(ben[block], review.Session))
    session.delete_callback(ben[session])
    ada.click("review-save")
    assert "text 2" in ada["review-text"]


def test_a_document_asked_for_interrupts_the_queue_once(services, tab):
    """Review goes on afterwards with what was on show; entering it again leaves where one is; asking again asks."""
    fifth = services.documents.find(tab.project, "d5").id
    ada = tab.visit("ada")

    def ask():
        ada.put(tab.bar.tab, "classify")
        ada.put(tab.bar.asked, Asked(tab.project, fifth))
        ada.put(tab.bar.tab, "review")

    ada.click("review-skip")
    ask()
    assert "text 5" in ada["review-text"]
    ask()
    assert "text 5" in ada["review-text"]
    ada.click("review-save")
    assert "text 2" in ada["review-text"]
    ada.put(tab.bar.tab, "labels")
    ada.put(tab.bar.tab, "review")
    assert "text 2" in ada["review-text"]
    ada.click("review-undo")
    assert "text 5" in ada["review-text"]
    ada.click("review-skip")
    assert "text 2" in ada["review-text"]


def test_what_makes_way_keeps_its_ticks(services, tab):
    """A choice that is not saved is there again when its document is; asking for the one on show changes nothing."""
    ids = {name: services.documents.find(tab.project, name).id for name in ("d1", "d5")}
    services.labels.add(tab.project, "noise", "Loud things.", "ann")
    ada = tab.visit("ada")
    own = [] if ada["review-labels"] else ["noise"]
    ada.put("review-labels", own)
    for name, labels in (("d1", own), ("d5", None)):
        ada.put(tab.bar.tab, "classify")
        ada.put(tab.bar.asked, Asked(tab.project, ids[name]))
        ada.put(tab.bar.tab, "review")
        assert f"text {name[1]}" in ada["review-text"]
        assert labels in (None, ada["review-labels"])
    changed = [] if ada["review-labels"] else ["noise"]
    ada.put("review-labels", changed)
    for number in (6, 5):  # one out of turn makes way for another, and is asked for again
        ada.put(tab.bar.asked, Asked(tab.project, services.documents.find(tab.project, f"d{number}").id))
        assert f"text {number}" in ada["review-text"]
    assert ada["review-labels"] == changed
    services.reviews.save(ids["d1"], [], "ben", None)
    ada.put(tab.bar.asked, Asked(tab.project, ids["d1"]))
    assert (ada["review-labels"], "text 1" in ada["review-text"]) == (own, True)
    assert "d1 was accepted by ben" in ada["review-last"]


def test_an_undo_keeps_the_ticks_of_the_document_that_makes_way(services, tab):
    services.labels.add(tab.project, "noise", "Loud things.", "ann")
    ada = tab.visit("ada")
    ada.click("review-save")
    own = [] if ada["review-labels"] else ["noise"]
    ada.put("review-labels", own)
    ada.click("review-undo")
    assert "text 1" in ada["review-text"]
    ada.click("review-save")
    assert "text 2" in ada["review-text"]
    assert ada["review-labels"] == own


def test_a_request_is_answered_once(services, tab):
    """Another project may be opened in between. The queue of a Review that was not open yet begins at its start."""
    other = services.projects.create("other")
    ada = Visitor(tab.page)
    ada.put(tab.bar.asked, Asked(tab.project, services.documents.find(tab.project, "d5").id))
    ada.put(tab.bar.project, tab.project)
    ada.put(tab.bar.tab, "review")
    assert "text 5" in ada["review-text"]
    for elsewhere in (other, 0):
        ada.put(tab.bar.project, elsewhere)
        ada.put(tab.bar.project, tab.project)
        assert "text 5" in ada["review-text"]
    ada.click("review-skip")
    assert "text 1" in ada["review-text"]
    ada.put(tab.bar.asked, Asked(tab.project, services.documents.find(tab.project, "d5").id))
    ada.put(tab.bar.tab, "labels")
    ada.put(tab.bar.tab, "review")
    assert "text 5" in ada["review-text"]
    ada.click("review-skip")
    assert "text 1" in ada["review-text"]


def test_a_request_is_answered_where_review_is_in_front(services, tab):
    """As the second click of a double click finds it."""
    ada = tab.visit("ada")
    ada.put(tab.bar.asked, Asked(tab.project, services.documents.find(tab.project, "d5").id))
    assert "text 5" in ada["review-text"]


def test_ticks_of_a_document_that_the_page_still_shows_are_not_those_of_the_next(services, tab):
    """The server is ahead while a save is on its way; another screen may ask then."""
    services.labels.add(tab.project, "noise", "Loud things.", "ann")
    ada = tab.visit("ada")
    own = [] if ada["review-labels"] else ["noise"]
    shown = services.documents.find(tab.project, "d1").id
    ada.click("review-save")
    [seen] = [block for block in tab.page.blocks.values() if isinstance(block, gr.Number)]
    ada._values[seen._id] = shown  # as the page has it before the answer is there
    ada._values[ada._key("review-labels")] = own
    ada.put(tab.bar.asked, Asked(tab.project, services.documents.find(tab.project, "d5").id))
    assert "text 5" in ada["review-text"]
    ada.click("review-skip")
    item = services.reviews.item(services.documents.find(tab.project, "d2").id)
    assert "text 2" in ada["review-text"]
    assert ada["review-labels"] == item.prediction.labels


def test_what_a_colleague_did_meanwhile_is_said_where_one_has_ticked(services, tab):
    """Ticks stay; without any, the queue goes on."""
    services.labels.add(tab.project, "noise", "Loud things.", "ann")
    ada, item = tab.visit("ada"), services.reviews.item(services.documents.find(tab.project, "d1").id)
    own = [] if ada["review-labels"] else ["noise"]
    ada.put("review-labels", own)
    done = services.reviews.save(item.document_id, [], "ben", item.annotation_id)
    ada.put(tab.bar.tab, "labels")
    ada.put(tab.bar.tab, "review")
    assert (ada["review-labels"], "d1 was accepted by ben" in ada["review-last"]) == (own, True)
    services.reviews.undo(done.annotation_id, "ben")
    ben = tab.visit("ben")
    services.reviews.save(item.document_id, [], "cy", services.reviews.item(item.document_id).annotation_id)
    ben.put(tab.bar.tab, "labels")
    ben.put(tab.bar.tab, "review")
    assert "text 2" in ben["review-text"]


def test_ticks_follow_their_labels(services, tab):
    """Through another name, which a third label may take, and into the label that survives a merge."""
    noise, bins = (services.labels.add(tab.project, name, f"About {name}.", "ann") for name in ("noise", "bins"))
    ada, item = tab.visit("ada"), services.reviews.item(services.documents.find(tab.project, "d1").id)
    own = ["bins"] if ada["review-labels"] == ["noise"] else ["noise"]
    ada.put("review-labels", own)
    kept, other = (bins, noise) if own == ["bins"] else (noise, bins)
    services.labels.save(kept, "rubbish", "About rubbish.", "ann")
    services.labels.save(other, own[0], "About something else.", "ann")
    ada.put(tab.bar.tab, "labels")
    ada.put(tab.bar.tab, "review")
    assert ada["review-labels"] == ["rubbish"]
    services.labels.save(kept, "litter", "About rubbish.", "ann")  # the page shows the name from before
    ada.click("review-save")
    assert services.reviews.item(item.document_id).labels == ["litter"]
    ada.put("review-labels", ["litter"])
    services.lifecycle.merge([kept, other], other, "About both.", "ann")
    ada.put(tab.bar.tab, "labels")
    ada.put(tab.bar.tab, "review")
    assert ada["review-labels"] == own


def test_a_tick_of_a_label_that_was_retired_is_told(services, tab):
    """By the save, which changes nothing, and the others stay ticked."""
    noise, _ = (services.labels.add(tab.project, name, f"About {name}.", "ann") for name in ("noise", "bins"))
    ada = tab.visit("ada")
    ada.put("review-labels", ["noise", "bins"])
    services.lifecycle.retire(noise, "ann")
    ada.click("review-save")
    assert "Nothing was saved" in ada["review-last"]
    assert "not ticked any more: noise." in ada["review-last"]
    assert (ada["review-labels"], "text 1" in ada["review-text"]) == (["bins"], True)
    ada.click("review-save")
    assert services.reviews.item(services.documents.find(tab.project, "d1").id).labels == ["bins"]


def test_another_project_does_not_end_the_way_through_one(services, tab):
    """What was skipped stays skipped, what was ticked is ticked, and what was saved can be undone."""
    services.labels.add(tab.project, "noise", "Loud things.", "ann")
    other = services.projects.create("other")
    ada = tab.visit("ada")
    ada.click("review-save")
    ada.click("review-skip")
    own = [] if ada["review-labels"] else ["noise"]
    ada.put("review-labels", own)
    ada.put(tab.bar.project, other)
    assert "no document to review" in ada["review-text"]
    ada.put(tab.bar.project, tab.project)
    assert (ada["review-labels"], "text 3" in ada["review-text"]) == (own, True)
    ada.click("review-undo")
    assert "text 1" in ada["review-text"]


def test_a_document_of_another_project_is_not_shown(services, tab):
    """What was asked for there is forgotten here."""
    other = services.projects.create("other")
    visitor = Visitor(tab.page)
    visitor.put(tab.bar.asked, Asked(other, services.documents.find(tab.project, "d5").id))
    visitor.put(tab.bar.tab, "review")
    visitor.put(tab.bar.project, tab.project)
    assert "text 1" in visitor["review-text"]


def test_nothing_is_hidden_before_the_project_is_known(tab):
    """A page that is loading may have its Review tab in front before."""
    visitor = Visitor(tab.page)
    before = visitor["review-counts"]
    visitor.put(tab.bar.tab, "review")
    assert visitor["review-counts"] == before
    visitor.put(tab.bar.project, 0)
    assert "No project is open" in visitor["review-counts"]


def test_a_document_taken_out_with_its_import_makes_way(services, tab):
    """Saved, come back to, or asked for, the page says so and goes on with what is left."""
    tab.path.write_text("id,text\n" + "".join(f"e{number},another {number}\n" for number in range(1, 4)))
    services.imports.run(tab.project, tab.path, services.imports.preview(tab.path).mapping, "ann")
    ada, ben = tab.visit("ada"), tab.visit("ben")
    first = services.documents.page(tab.project, 1).rows[0].id
    services.imports.take_back(services.imports.listed(tab.project, 2)[1].id, "cy")
    ada.click("review-save")
    assert "d1 is not in the project any more: its import was taken back. Nothing was saved." in ada["review-last"]
    assert "another 1" in ada["review-text"]
    ben.put(tab.bar.tab, "labels")
    ben.put(tab.bar.tab, "review")
    assert "d1 is not in the project any more" in ben["review-last"]
    assert "another" in ben["review-text"]
    ben.put(tab.bar.asked, Asked(tab.project, first))
    assert "That document is not in the project any more" in ben["review-last"]
    assert "another" in ben["review-text"]


def test_a_project_retired_meanwhile_takes_no_review(services, tab):
    """It is said in words, and what was ticked stays on the page."""
    ada = tab.visit("ada")
    services.projects.retire(tab.project)
    with pytest.raises(gr.Error, match="The project &#x27;messages&#x27; was retired"):
        ada.click("review-save")
    assert "text 1" in ada["review-text"]
