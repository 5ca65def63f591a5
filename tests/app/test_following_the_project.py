"""What screens show of a project when it has changed elsewhere, and what a person types there meanwhile."""

import time
from types import SimpleNamespace

import gradio as gr
import pytest
from visitor import Visitor

from app.components.project_bar import project_bar
from app.container import build
from app.screens import classify, projects, review
from app.settings import Settings


@pytest.fixture
def services(tmp_path):
    services = build(Settings(data_folder=tmp_path, device="cpu"))
    yield services
    services.close()


def write(path, count, *, word="text"):
    rows = (f"{word}-{number},{word} number {number}" for number in range(count))
    path.write_text("\n".join(["id,text", *rows]) + "\n", encoding="utf-8")
    return path


def finished(services, job_id):
    while services.classification.file_job(job_id).status == "running":
        time.sleep(0.01)


@pytest.fixture
def opened(services, tmp_path):
    """Open a screen with a project of 20 documents."""

    def opened(screen, tab):
        project = services.projects.create("messages", "Messages to a council")
        add(project, 20)
        with gr.Blocks() as page:
            bar = project_bar()
            screen.build(services, bar)
        visitor = Visitor(page)
        visitor.put(bar.tab, tab)
        visitor.put(bar.project, project)
        return SimpleNamespace(visitor=visitor, bar=bar, project=project, add=add)

    def add(project, count, word="text"):
        path = write(tmp_path / f"{word}.csv", count, word=word)
        services.imports.run(project, path, services.imports.preview(path).mapping, "ann")

    return opened


def test_a_sentence_that_is_not_saved_outlasts_a_look_at_another_tab(services, opened):
    """And gives way to that of another project."""
    page = opened(projects, "projects")
    visitor = page.visitor
    visitor.put("project-task", "Letters to a council")
    visitor.put(page.bar.tab, "labels")
    visitor.put(page.bar.tab, "projects")
    assert visitor["project-task"] == "Letters to a council"
    visitor.click("save-project")
    somebody_else = "messages", "Messages, and letters"
    services.projects.change(page.project, *somebody_else, opened=("messages", "Letters to a council"))
    visitor.put(page.bar.tab, "labels")
    visitor.put(page.bar.tab, "projects")
    assert visitor["project-task"] == "Messages, and letters"
    visitor.put("project-task", "typed")
    visitor.put(page.bar.project, services.projects.create("other", "Other things"))
    assert visitor["project-task"] == "Other things"


def test_a_saved_sentence_leaves_the_name_that_somebody_else_gave(services, opened):
    """The page still shows the old one."""
    page = opened(projects, "projects")
    services.projects.change(page.project, "letters", "", opened=("messages", ""))
    page.visitor.put("project-task", "Letters to a council")
    page.visitor.click("save-project")
    view = services.projects.get(page.project)
    assert (view.name, view.task) == ("letters", "Letters to a council")


def test_words_typed_without_enter_are_looked_for_from_the_first_page(opened):
    page = opened(classify, "classify")
    visitor = page.visitor
    visitor.put("document-query", "number 1")
    visitor.click("documents-next")
    assert "Page 1 " in visitor["documents-table"]
    assert "text-1<" in visitor["documents-table"]
    visitor.click("documents-next")
    assert "Page 2 " in visitor["documents-table"]


def test_a_project_without_documents_says_so(services, opened):
    visitor = (page := opened(classify, "classify")).visitor
    visitor.put(page.bar.project, services.projects.create("other"))
    assert classify.NO_DOCUMENTS in visitor["documents-table"]
    assert "holds these words" not in visitor["documents-table"]


def test_a_document_of_another_project_is_not_answered_in_this_one(services, opened):
    """A row of the last project's list that was clicked while another was being opened."""
    page = opened(classify, "classify")
    [foreign] = services.documents.page(page.project, 1).rows
    page.visitor.put(page.bar.project, services.projects.create("other"))
    with pytest.raises(gr.Error, match="not in the open project"):
        page.visitor.select("documents-table", foreign.id)


def move(visitor, value):
    """Move the slider of the threshold."""
    [typed] = [block for block in visitor.page.blocks.values() if isinstance(block, gr.Number)]
    visitor._values[typed._id] = value  # the page's script does
    visitor.put("threshold", value)


def test_the_threshold_moved_while_an_answer_is_on_its_way_decides(services, opened, monkeypatch):
    """So does the model's, where it was set back meanwhile; slider, answer and files agree."""
    page = opened(classify, "classify")
    visitor, answer, meanwhile = page.visitor, services.classification.classify_text, []
    services.labels.add(page.project, "noise", "A text about noise.", "ann")

    def slowly(*arguments, **options):
        found = answer(*arguments, **options)
        meanwhile.pop()()
        return found

    monkeypatch.setattr(services.classification, "classify_text", slowly)
    visitor.put("classify-text", "A text about noise.")
    meanwhile.append(lambda: move(visitor, 1.0))
    visitor.click("classify-run")
    assert visitor["threshold"] == 1.0
    assert "no label" in visitor["classify-labels"]
    assert "decided at 1.00" in visitor["file-threshold"]
    meanwhile.append(lambda: visitor.click("threshold-model"))
    visitor.click("classify-run")
    assert visitor["threshold"] < 1.0
    assert "noise" in visitor["classify-labels"]
    assert visitor["file-threshold"] == ""


def test_labels_corrected_since_are_those_that_classify_shows(services, opened):
    """With the answer as it was."""
    page = opened(classify, "classify")
    visitor = page.visitor
    noise = services.labels.add(page.project, "noise", "Loud things.", "ann")
    document = services.documents.page(page.project, 1).rows[0]
    visitor.select("documents-table", document.id)
    assert "no label" in visitor["classify-passage"]
    answer = visitor["classify-table"]
    visitor.put(page.bar.tab, "review")
    services.reviews.save(document.id, [noise], "ann", None)
    visitor.put(page.bar.tab, "classify")
    assert "noise" in visitor["classify-passage"]
    assert document.text in visitor["classify-passage"]
    assert visitor["classify-table"] == answer


def test_a_document_taken_out_since_is_told_beside_its_answer(services, opened):
    page = opened(classify, "classify")
    visitor = page.visitor
    services.labels.add(page.project, "noise", "Loud things.", "ann")
    visitor.select("documents-table", services.documents.page(page.project, 1).rows[0].id)
    answer = visitor["classify-table"]
    services.imports.take_back(services.imports.listed(page.project, 1)[0].id, "ann")
    visitor.put(page.bar.tab, "labels")
    visitor.put(page.bar.tab, "classify")
    assert "its import was taken back" in visitor["classify-passage"]
    assert visitor["classify-table"] == answer


def test_labels_renamed_or_retired_since_are_shown_so(services, opened):
    """In the answer on show, as in the document beneath it."""
    page = opened(classify, "classify")
    visitor = page.visitor
    noise, bins = (
        services.labels.add(page.project, name, f"A text about {name}.", "ann") for name in ("noise", "bins")
    )
    visitor.put("classify-text", "A text about bins.")
    visitor.click("classify-run")
    assert "bins" in visitor["classify-labels"]
    services.labels.save(bins, "rubbish", "A text about bins.", "ann")
    services.lifecycle.retire(noise, "ann")
    visitor.put(page.bar.tab, "labels")
    visitor.put(page.bar.tab, "classify")
    assert "rubbish" in visitor["classify-labels"]
    assert ">bins<" not in visitor["classify-table"]
    services.lifecycle.retire(bins, "ann")
    visitor.put(page.bar.tab, "labels")
    visitor.put(page.bar.tab, "classify")
    assert "rubbish" not in visitor["classify-labels"]


def test_what_others_imported_or_classified_is_listed(services, opened, tmp_path):
    """The page of the list, and the job on show, stay."""
    page = opened(classify, "classify")
    visitor = page.visitor
    services.labels.add(page.project, "noise", "Loud things.", "ann")
    visitor.click("documents-next")
    page.add(page.project, 3, word="more")
    for name in ("one", "two"):
        path = write(tmp_path / f"{name}.csv", 1)
        mapping = services.imports.preview(path).mapping
        finished(services, services.classification.classify_file(page.project, path, mapping))
        visitor.put(page.bar.tab, "labels")
        visitor.put(page.bar.tab, "classify")
        assert f"{name}.csv" in visitor["file-jobs"]
        assert "one.csv" in visitor["file-status"]
    assert "Page 2 · 23 documents" in visitor["documents-table"]


def test_a_threshold_set_by_hand_is_told_and_can_be_taken_back(services, opened, tmp_path):
    """It decides files too, until another version answers."""
    page = opened(classify, "classify")
    visitor = page.visitor
    services.labels.add(page.project, "noise", "A text about noise.", "ann")
    visitor.put("classify-text", "A text about noise.")
    visitor.click("classify-run")
    own = visitor["threshold"]

    def classified():
        visitor.put("classify-file", str(write(tmp_path / "file.csv", 1)))
        visitor._fire(visitor._key("classify-file"), "upload")
        visitor.click("file-start")
        job = services.classification.file_jobs(page.project)[0]
        finished(services, job.id)
        visitor.select("file-jobs", job.id)
        return job.threshold

    move(visitor, 1.0)
    assert "no label" in visitor["classify-labels"]
    assert "decided at 1.00" in visitor["file-threshold"]
    assert classified() == 1.0
    assert "threshold 1.00, set by hand" in visitor["file-status"]
    visitor.click("threshold-model")
    assert visitor["threshold"] == own
    assert "noise" in visitor["classify-labels"]
    assert visitor["file-threshold"] == ""
    assert classified() is None
    move(visitor, 1.0)
    visitor._set(page.bar.model._id, "version 2")
    assert visitor["file-threshold"] == ""


def test_a_late_look_at_a_file_of_another_project_shows_those_of_the_open_one(services, opened, tmp_path):
    """A file that was being started while the project was changed; nor does a look at no file fail."""
    page = opened(classify, "classify")
    services.labels.add(page.project, "noise", "Loud things.", "ann")
    path = write(tmp_path / "file.csv", 1)
    job = services.classification.classify_file(page.project, path, services.imports.preview(path).mapping)
    finished(services, job)
    [poll] = [fn for fn in page.visitor.page.fns.values() if "tick" in {event for _, event in fn.targets}]
    kept, status, *_ = poll.fn(page.project, job)
    assert kept == gr.skip()
    assert "file.csv" in status
    key, status, *_ = poll.fn(services.projects.create("other"), job)
    assert (key, status) == (None, "")
    assert poll.fn(page.project, None)[1] == ""


def test_review_counts_documents_that_were_imported_since(opened):
    """The document on show, and what is ticked, stays."""
    page = opened(review, "review")
    visitor = page.visitor
    assert ">20<" in visitor["review-counts"]
    text = visitor["review-text"]
    visitor.put(page.bar.tab, "projects")
    page.add(page.project, 5, word="more")
    visitor.put(page.bar.tab, "review")
    assert ">25<" in visitor["review-counts"]
    assert visitor["review-text"] == text
