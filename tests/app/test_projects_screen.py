"""The Projects tab as a visitor finds it: an import taken back, and a project retired."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr
import pytest
from visitor import Visitor

from app.blocks import build_blocks
from app.components.project_bar import project_bar
from app.screens import projects

LETTERS = "id,sender,text\n1,Ann of Hill Street,loud music\n2,Bob of Mill Lane,full bins\n3,Cy of Tanner Row,a leak\n"


@pytest.fixture
def tab(services, tmp_path, toasts):
    """The Projects tab with a project open, and a file to import; `column` is the box of a column."""
    project = services.projects.create("messages")
    path = tmp_path / "letters.csv"
    path.write_text(LETTERS, encoding="utf-8")
    with gr.Blocks() as page:
        bar = project_bar()
        projects.build(services, bar)
    visitor = Visitor(page)
    visitor.put(bar.author, "ada")
    visitor.put(bar.project, project)
    [column] = [box for box in page.blocks.values() if getattr(box, "label", None) == "Text column"]
    return SimpleNamespace(visitor=visitor, bar=bar, project=project, path=path, column=column)


def texts(services, project):
    return [row.text for row in services.documents.page(project, 9).rows]


def import_letters(tab, column):
    tab.visitor.upload("import-file", tab.path)
    tab.visitor.put(tab.column, column)
    tab.visitor.click("import-start")


def test_an_import_of_the_wrong_column_is_taken_back(services, tab):
    """The page says first what that does, and afterwards what it did; then the right column is imported."""
    visitor = tab.visitor
    assert "No import of this project is listed yet." in visitor["imports-table"]
    import_letters(tab, "sender")
    assert "letters.csv" in visitor["imports-table"]
    assert ">ada<" in visitor["imports-table"]
    document = services.documents.page(tab.project, 1).rows[0]
    services.reviews.save(document.id, [], "ben", None)
    [wrong] = services.imports.listed(tab.project, 9)
    visitor.select("imports-table", wrong.id)
    what = "2 documents that &#39;letters.csv&#39; added; 1 stays, because somebody reviewed it."
    assert f"Takes out {what}" in visitor["import-way-back"]
    visitor.click("import-leave")
    assert visitor["import-way-back"] == ""
    assert len(texts(services, tab.project)) == 3
    visitor.select("imports-table", wrong.id)
    visitor.click("import-take-back")
    assert f"Took out {what}" in visitor["import-way-back"]
    assert "by ada, " in visitor["imports-table"]
    assert "data-key" not in visitor["imports-table"]
    assert visitor["import-report"] == ""
    assert "<dt>documents</dt><dd>1</dd>" in visitor["project-overview"]
    import_letters(tab, "text")
    assert texts(services, tab.project) == [document.text, "full bins", "a leak"]
    assert visitor["import-way-back"] == ""


def test_what_stays_of_an_import_is_told(services, tab, tmp_path):
    """Labels of earlier documents, and labels that it created."""
    import_letters(tab, "text")
    path = tmp_path / "labels.csv"
    path.write_text("text,labels\nloud music,noise\n", encoding="utf-8")
    mapping = services.imports.preview(path).mapping
    services.imports.run(tab.project, path, mapping, "ben", create_labels=True)
    tab.visitor.select("imports-table", services.imports.listed(tab.project, 1)[0].id)
    told = tab.visitor["import-way-back"]
    assert "Takes out no documents that &#39;labels.csv&#39; added. Not taken back: the labels that it gave to " in told
    assert "1 document of before and 1 label that it created." in told


def test_a_question_about_an_import_goes_with_its_project(services, tab):
    """So does the list."""
    import_letters(tab, "text")
    tab.visitor.select("imports-table", services.imports.listed(tab.project, 1)[0].id)
    tab.visitor.put(tab.bar.project, services.projects.create("other"))
    assert tab.visitor["import-way-back"] == ""
    assert "letters.csv" not in tab.visitor["imports-table"]


def test_retiring_a_project_is_asked_first(services, tab, toasts):
    """A no leaves it; a yes opens another."""
    visitor, other = tab.visitor, services.projects.create("other")
    import_letters(tab, "text")
    visitor.click("retire-project")
    assert "Puts &#39;messages&#39; away, with its 3 documents" in visitor["project-impact"]
    assert "until it is restored under" in visitor["project-impact"]
    assert "This stops" not in visitor["project-impact"]
    visitor.click("project-leave")
    assert not services.projects.get(tab.project).retired
    visitor.click("project-retire-do")
    assert services.projects.get(tab.project).retired
    assert visitor[tab.bar.project] == other
    assert toasts[-1] == ("Info", "Retired. It can be restored under 'Retired projects'.")


def test_a_question_about_another_project_retires_none(services, tab):
    """It was opened before the answer came."""
    visitor = tab.visitor
    visitor.click("retire-project")
    visitor.put(tab.bar.project, services.projects.create("other"))
    with pytest.raises(gr.Error, match="another project was just opened"):
        visitor.click("project-retire-do")


def test_what_retiring_stops_is_named(services, tab):
    """By the name that people gave it."""
    for name in ("noise", "bins"):
        services.labels.add(tab.project, name, f"About {name}.", "ann")
    tab.path.write_text("text\n" + "".join(f"letter {number}\n" for number in range(20_000)), encoding="utf-8")
    mapping = services.imports.preview(tab.path).mapping
    services.classification.classify_file(tab.project, tab.path, mapping)
    tab.visitor.click("retire-project")
    assert "the classification of &#39;letters.csv&#39;" in tab.visitor["project-impact"]


def test_the_picker_lists_what_colleagues_made_meanwhile(services):
    """Each time that a tab comes to the front; what is chosen is left alone."""
    page = build_blocks(services)
    [listed] = [fn for fn in page.fns.values() if [box.elem_id for box in fn.outputs] == ["project-picker"]]
    made = services.projects.create("messages")
    told = listed.fn()
    assert told.choices == [("messages", made)]
    assert "value" not in told.constructor_args
