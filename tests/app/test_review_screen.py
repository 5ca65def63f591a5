"""The Review tab as several people meet it at once, without a browser."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr
import pytest
from visitor import Visitor

from app.components.project_bar import project_bar
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

    return SimpleNamespace(project=project, visit=visit)


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
