"""Label sets compared with those of the open project before anything of them is taken."""

from __future__ import annotations

import gradio as gr
import pytest


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("unreadable", [("bad.csv", "label,nonsense\nnoise,x\n"), None])
def test_a_file_that_is_refused_or_taken_out_leaves_nothing_to_take(services, tab, write, unreadable):
    """The message stands where the comparison stood, escaped."""
    visitor = tab.visitor
    visitor.upload("labels-file", write("good.csv", "name,description\nnoise,It is loud.\n"))
    assert visitor["labels-chosen"] == ["noise"]
    visitor.upload("labels-file", unreadable and write(*unreadable))
    told = visitor["labels-comparison"]
    assert "bad.csv has the columns &#39;nonsense&#39;" in told if unreadable else told == ""
    assert visitor["labels-chosen"] == []
    with pytest.raises(gr.Error, match="Choose a file or a project first"):
        visitor.click("labels-take")
    assert services.labels.get(tab.noise).description == "About noise."


def test_a_comparison_is_with_the_file_or_the_project_that_is_shown(services, tab, write):
    """The one that was chosen last."""
    visitor, other = tab.visitor, services.projects.create("other")
    visitor.put("labels-project", other)
    visitor.upload("labels-file", write("good.csv", "name,description\nnoise,It is loud.\n"))
    assert visitor["labels-project"] is None
    visitor.put("labels-project", other)
    assert visitor["labels-file"] is None
    assert "missing" in visitor["labels-comparison"]
