"""Classification jobs: stopped, gone on with, and found again after a restart."""

from __future__ import annotations

import json
import threading
import time

import pytest

from app.errors import AppError
from app.services.file_jobs import FileJobs
from lagamc.errors import Cancelled
from lagamc.readers import ColumnMapping


class Stream:
    """Answers texts one by one; stops for good before the text number `hold` until it is let go."""

    def __init__(self, hold=None):
        self.hold, self.entered, self.go_on, self.answered = hold, threading.Event(), threading.Event(), 0

    def __call__(self, texts, progress, cancelled):
        for number, text in enumerate(texts):
            if number == self.hold:
                self.entered.set()
                assert self.go_on.wait(10)
            if cancelled():
                raise Cancelled("stopped")
            self.answered += 1
            progress(number + 1)
            yield [text], []


@pytest.fixture
def begin(tmp_path):
    """Start a job on ten texts in a folder of its own, and return the jobs and its id."""
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "".join(f"x{number}\n" for number in range(10)))

    def start(stream):
        jobs = FileJobs(tmp_path / "classified", str)
        options = {"project_id": 1, "name": "texts.csv", "model_name": "v1", "origin": {"model": 1}}
        return jobs, jobs.start(path, ColumnMapping(text="text"), stream, **options)

    return start


def stopped(begin):
    """The jobs, and the id of one that was cancelled after two documents."""
    stream = Stream(hold=2)
    jobs, job_id = begin(stream)
    assert stream.entered.wait(10)
    jobs.cancel(job_id)
    stream.go_on.set()
    jobs._threads[0].join()
    return jobs, job_id


def test_a_cancelled_job_keeps_what_was_done_and_goes_on(begin):
    """Both files hold the documents before the stop; after the rest they hold each document once."""
    jobs, job_id = stopped(begin)
    view = jobs.view(job_id)
    assert (view.status, view.done, view.total, view.downloadable) == ("cancelled", 2, 10, True)
    assert len(view.jsonl_path.read_text().splitlines()) == 2
    assert len(view.csv_path.read_text().splitlines()) == 3
    with pytest.raises(AppError, match="begun by v1"):
        jobs.resume(job_id, Stream(), {"model": 2})

    rest = Stream()
    jobs.resume(job_id, rest, {"model": 1})
    jobs._threads[-1].join()
    view = jobs.view(job_id)
    assert (view.status, view.done, rest.answered) == ("completed", 10, 8)
    records = [json.loads(line) for line in view.jsonl_path.read_text().splitlines()]
    assert [record["labels"] for record in records] == [[f"x{number}"] for number in range(10)]


def test_a_job_that_ended_with_the_app_is_interrupted_and_can_be_resumed(begin, tmp_path):
    """Whether the app was closed in order or killed; its copy of the file is still there."""
    stream = Stream(hold=3)
    jobs, job_id = begin(stream)
    assert stream.entered.wait(10)
    threading.Timer(0.1, stream.go_on.set).start()
    jobs.close()
    assert jobs.view(job_id).status == "interrupted"
    record = tmp_path / "classified" / job_id / "job.json"
    content = json.loads(record.read_text())  # as a kill would leave it
    record.write_text(json.dumps({**content, "status": "running", "done": 0}))
    (tmp_path / "texts.csv").unlink()

    again = FileJobs(tmp_path / "classified", str)
    [found] = again.listed(1)
    assert (found.id, found.status, found.done, found.resumable) == (job_id, "interrupted", 3, True)
    again.resume(job_id, Stream(), {"model": 1})
    again._threads[-1].join()
    assert again.view(job_id).status == "completed"
    assert len(again.view(job_id).jsonl_path.read_text().splitlines()) == 10


@pytest.mark.parametrize(
    ("failure", "reason"), [(OSError("disk full"), "disk full"), (ValueError("torn"), "Unexpected error")]
)
def test_a_job_whose_spreadsheet_could_not_be_written_is_gone_on_with(begin, monkeypatch, failure, reason):
    """All documents are classified by then: it ends as failed, and only the spreadsheet is made again."""

    def fail(_source, _target):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr("app.services.file_jobs.write_csv", fail)
        jobs, job_id = begin(Stream())
        jobs._threads[0].join()
    assert jobs.view(job_id).status == "failed"
    assert reason in jobs.view(job_id).error

    rest = Stream()
    jobs.resume(job_id, rest, {"model": 1})
    jobs._threads[-1].join()
    view = jobs.view(job_id)
    assert (view.status, view.done, view.error, rest.answered) == ("completed", 10, None, 0)
    assert len(view.csv_path.read_text().splitlines()) == 11


def test_of_two_who_go_on_with_a_job_one_is_refused(begin, monkeypatch):
    """However close together they ask."""
    jobs, job_id = stopped(begin)
    start, rest, refused = jobs._run_in_thread, Stream(hold=0), []
    monkeypatch.setattr(jobs, "_run_in_thread", lambda *job: (time.sleep(0.2), start(*job)))

    def resume():
        try:
            jobs.resume(job_id, rest, {"model": 1})
        except AppError as error:
            refused.append(str(error))

    tabs = [threading.Thread(target=resume) for _ in range(2)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    rest.go_on.set()
    for thread in jobs._threads:
        thread.join()
    assert refused == ["The classification of texts.csv is running; there is nothing to go on with."]
    assert (jobs.view(job_id).status, jobs.view(job_id).done) == ("completed", 10)


def test_a_job_that_cannot_be_begun_leaves_nothing_behind(begin, tmp_path, monkeypatch):
    """Half a copy of the file would take the space that is missing."""

    def fill(_source, target):
        target.write_text("text")
        raise OSError("disk full")

    monkeypatch.setattr("shutil.copyfile", fill)
    with pytest.raises(AppError, match="disk full"):
        begin(Stream())
    assert list((tmp_path / "classified").iterdir()) == []


def test_jobs_of_another_database_in_the_same_folder_are_not_listed(begin, tmp_path):
    """Its first project has the same id, and another key."""
    jobs, job_id = begin(Stream())
    jobs.close()
    assert [job.id for job in FileJobs(tmp_path / "classified", str).listed(1)] == [job_id]
    assert FileJobs(tmp_path / "classified", "{} of the other".format).listed(1) == []


def test_a_damaged_job_record_hides_no_other_job(begin, tmp_path, caplog):
    """The log names it."""
    jobs, job_id = begin(Stream())
    jobs.close()
    (tmp_path / "classified" / "torn").mkdir()
    (tmp_path / "classified" / "torn" / "job.json").write_text("{")
    assert [job.id for job in FileJobs(tmp_path / "classified", str).listed(1)] == [job_id]
    assert "torn" in caplog.text


def test_the_last_job_is_listed_first(begin):
    """And no more of them than are asked for."""
    jobs, first = begin(Stream())
    path = jobs.view(first).input_path
    options = {"project_id": 1, "name": "again.csv", "model_name": "v1", "origin": {"model": 1}}
    second = jobs.start(path, ColumnMapping(text="text"), Stream(), **options)
    jobs.close()
    assert [job.id for job in jobs.listed(1)] == [second, first]
    assert [job.id for job in jobs.listed(1, limit=1)] == [second]


def test_of_many_refused_lines_the_first_are_named(tmp_path, monkeypatch):
    """All are counted."""
    monkeypatch.setattr("app.services.file_jobs.SHOWN_REFUSALS", 2)
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "good"}\n' + '{"text": ""}\n' * 5)
    jobs = FileJobs(tmp_path / "classified", str)
    options = {"project_id": 1, "name": "texts.jsonl", "model_name": "v1", "origin": {"model": 1}}
    job_id = jobs.start(path, ColumnMapping(text="text"), Stream(), **options)
    jobs._threads[0].join()
    view = jobs.view(job_id)
    assert (view.status, view.total, view.refused) == ("completed", 1, 5)
    assert [refusal.line for refusal in view.refusals] == [2, 3]


def test_results_of_another_line_are_not_gone_on_with(begin):
    """A line of results is the document's of that line and id; what follows would stand beside the wrong text."""
    jobs, job_id = stopped(begin)
    path = jobs.view(job_id).jsonl_path
    path.write_text(path.read_text().replace('"line": 2', '"line": 7'))
    jobs.resume(job_id, Stream(), {"model": 1})
    jobs._threads[-1].join()
    view = jobs.view(job_id)
    assert view.status == "failed"
    assert "Line 1 of classified.jsonl is of another document" in view.error
