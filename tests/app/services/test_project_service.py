from __future__ import annotations

import json

import pytest

from app.errors import AppError
from app.services import import_rows, imports
from app.services.documents import DocumentService
from app.services.imports import ImportService
from app.services.labels import LabelService
from app.services.projects import DEMO_FOLDER, LabelCount, ProjectService
from lagamc.readers import ColumnMapping
from storage import runs
from storage.errors import NameTaken, NotFound, Retired, StaleWrite
from storage.models import RunStatus

MAPPING = ColumnMapping(text="text", labels="labels", split="split")


@pytest.fixture
def service(database):
    return ProjectService(database)


def test_a_new_project_is_empty(service):
    """Every split is counted, with nothing in it."""
    view = service.get(service.create("  Council   letters ", "Sort them."))
    assert (view.name, view.task, view.labels, view.annotated) == ("Council letters", "Sort them.", 0, 0)
    assert view.documents == {"train": 0, "dev": 0, "test": 0, "unassigned": 0}
    assert view.active_model is None


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING])
def test_a_project_with_a_run_that_is_not_over_is_not_retired(service, database, status):
    """Nobody could see or cancel it any more; one of another project, or one that is over, is no hindrance."""
    project_id, other = service.create("Letters"), service.create("Mails")
    with database.write() as session:
        run_id = runs.add(session, project_id=project_id, config={}, author="ann").id
        runs.get(session, run_id=run_id).status = status
    with pytest.raises(AppError, match=rf"Run {run_id} of this project is {status.value}\. Wait for its end"):
        service.retire(project_id)
    service.retire(other)
    with database.write() as session:
        runs.get(session, run_id=run_id).status = RunStatus.CANCELLED
    service.retire(project_id)
    assert service.list() == []


def test_retired_projects_are_out_of_sight_until_restored(service):
    """Retiring hides a project; its name stays taken, and the message says what to do."""
    project_id = service.create("Letters")
    service.retire(project_id)
    assert service.list() == []
    assert [view.retired for view in service.list(include_retired=True)] == [True]
    with pytest.raises(NameTaken, match=r"retired project called 'Letters'.*Restore it"):
        service.create("letters")
    for write in (
        lambda: service.change(project_id, "Mail", "", opened=("Letters", "")),
        lambda: service.set_outside_allowed(project_id, allowed=True),
    ):
        with pytest.raises(Retired, match="'Letters' was retired, so nothing more was written"):
            write()
    service.restore(project_id)
    assert [view.name for view in service.list()] == ["Letters"]


def test_names_are_unique_whatever_their_case(service):
    """A project can be renamed to its own name in another case, but not to another's; then nothing is written."""
    first, second = service.create("Letters"), service.create("Messages")
    service.change(first, "LETTERS", " Letters to a mayor.\n", opened=("Letters", ""))
    assert (service.get(first).name, service.get(first).task) == ("LETTERS", "Letters to a mayor.")
    with pytest.raises(NameTaken, match="called 'LETTERS'"):
        service.change(second, "letters", "Other letters.", opened=("Messages", ""))
    assert service.get(second).task == ""


def test_what_somebody_else_changed_meanwhile_stays(service):
    """Only what a person changed is written; where two changed the same, the second one learns what it is now."""
    project_id, opened = service.create("Letters", "Sort them."), ("Letters", "Sort them.")
    service.change(project_id, "Post", "Sort them.", opened=opened)
    service.change(project_id, "Letters", "Sort them well.", opened=opened)
    assert (service.get(project_id).name, service.get(project_id).task) == ("Post", "Sort them well.")
    service.change(project_id, "Post", "Sort them well.", opened=opened)
    for name, task, now in (
        ("Mail", "Sort them.", "name of this project since you opened it; it is now 'Post'"),
        ("Letters", "Sort.", "sentence of this project since you opened it; it is now 'Sort them well.'"),
    ):
        with pytest.raises(StaleWrite, match=now):
            service.change(project_id, name, task, opened=opened)
    assert (service.get(project_id).name, service.get(project_id).task) == ("Post", "Sort them well.")


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "The name of a project is blank"), (" \n ", "The name of a project is blank"), ("x" * 201, "201 characters")],
)
def test_bad_names_are_refused(service, name, message):
    """Blank and endless names end in a message."""
    with pytest.raises(AppError, match=message):
        service.create(name)


@pytest.mark.parametrize(("task", "message"), [("x" * 2_001, "at most 2,000"), ("a\ud800", "half of a surrogate")])
def test_a_sentence_that_cannot_be_kept_is_refused(service, task, message):
    with pytest.raises(AppError, match=message):
        service.create("messages", task)


def test_a_missing_project_is_named(service):
    """Every use case on an unknown id raises NotFound."""
    for use in (
        service.get,
        service.retire,
        service.restore,
        lambda key: service.change(key, "x", "", opened=("", "")),
    ):
        with pytest.raises(NotFound, match="no project 42"):
            use(42)


def test_documents_are_counted_by_split_and_label(service, database, project_id, label_ids, write_jsonl):
    """Labels without documents are counted as well; other projects do not mix in."""
    other = service.create("other")
    rows = [
        {"text": "a", "labels": ["noise"], "split": "train"},
        {"text": "b", "labels": ["noise", "bins"], "split": "dev"},
        {"text": "c", "labels": [], "split": None},
    ]
    ImportService(database).run(project_id, write_jsonl(*rows), MAPPING, "ann")
    assert service.label_counts(project_id) == [
        LabelCount("noise", train=1, dev=1, test=0, unassigned=0, total=2),
        LabelCount("bins", train=0, dev=1, test=0, unassigned=0, total=1),
        LabelCount("water", train=0, dev=0, test=0, unassigned=0, total=0),
    ]
    view = service.get(project_id)
    assert view.documents == {"train": 1, "dev": 1, "test": 0, "unassigned": 1}
    assert (view.annotated, view.labels) == (2, len(label_ids))
    assert sum(service.get(other).documents.values()) == 0
    assert service.list() == [view, service.get(other)]


@pytest.fixture
def small_demo(database, tmp_path):
    """The project service with a demo of two messages, the second one missing at first."""
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "labels.json").write_text(json.dumps({"noise": "It is loud.", "bins": "Bins are full."}))
    return ProjectService(database, demo_folder=folder), folder / "messages.jsonl"


def test_a_demo_broken_off_is_completed_by_the_next_attempt(small_demo, database):
    """Without its documents the demo ends in a message; once they are there, it loads without repeating labels."""
    service, messages = small_demo
    with pytest.raises(AppError, match="Get the whole repository again"):
        service.load_demo("ann")
    messages.write_text('{"id": "m1", "text": "so loud", "labels": ["noise"], "split": "train"}\n')
    project_id = service.load_demo("ann")
    view = service.get(project_id)
    assert (view.labels, view.documents["train"]) == (2, 1)
    labels = LabelService(database)
    labels.save(labels.list(project_id)[0].id, "din", "It is far too loud.", "ann")
    service.retire(project_id)
    assert service.load_demo("ann") == project_id
    assert not service.get(project_id).retired
    assert [label.name for label in labels.list(project_id)] == ["din", "bins"]


def test_a_demo_broken_off_among_its_documents_is_completed(small_demo, database, monkeypatch):
    """By the next start, also where a label has got its name in another case; a whole demo is not loaded again."""
    service, messages = small_demo
    lines = [{"id": f"m{n}", "text": f"so loud {n}", "labels": ["noise"], "split": "train"} for n in range(3)]
    messages.write_text("".join(json.dumps(line) + "\n" for line in lines))
    write = imports._write

    def stop_at_the_second(session, noted, *rest):
        if service.get(noted.project_id).documents["train"]:
            raise KeyboardInterrupt
        write(session, noted, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(import_rows, "CHUNK", 1)
        patch.setattr(imports, "_write", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            service.load_demo("ann")
    project_id = service.list()[0].id
    assert service.get(project_id).documents["train"] == 1
    labels = LabelService(database)
    labels.save(labels.list(project_id)[0].id, "Noise", "It is loud.", "ann")
    service.load_first_demo("ann")
    assert service.get(project_id).documents["train"] == 3
    assert [label.name for label in labels.list(project_id)] == ["Noise", "bins"]
    monkeypatch.setattr(service, "_fill_demo", None)
    assert service.load_demo("ann") == project_id


def test_a_start_with_the_demo_loads_it_once(small_demo):
    """A demo that was renamed or retired stays so, and no other one appears."""
    service, messages = small_demo
    messages.write_text('{"id": "m1", "text": "so loud", "labels": ["noise"], "split": "train"}\n')
    service.load_first_demo("ann")
    (view,) = service.list()
    assert view.documents["train"] == 1
    service.change(view.id, "Letters", view.task, opened=(view.name, view.task))
    service.load_first_demo("ann")
    assert [(one.id, one.name) for one in service.list()] == [(view.id, "Letters")]
    service.retire(view.id)
    service.load_first_demo("ann")
    assert [one.retired for one in service.list(include_retired=True)] == [True]


@pytest.mark.skipif(not (DEMO_FOLDER / "messages.jsonl").is_file(), reason="the demo is not in this checkout")
def test_the_demo_loads_whole(service, database):
    """No message of the demo is refused or repeated; every split and label has documents."""
    project_id = service.load_demo("ann")
    lines = (DEMO_FOLDER / "messages.jsonl").read_text().splitlines()
    view = service.get(project_id)
    assert sum(view.documents.values()) == len(lines)
    assert min(view.documents[split] for split in ("train", "dev", "test")) > 0
    assert all(count.train for count in service.label_counts(project_id))
    first = DocumentService(database).page(project_id, 1).rows[0]
    assert first.external_id == json.loads(lines[0])["id"]


def test_a_project_can_forbid_that_its_texts_go_outside(service):
    """The choice shows in the project's view."""
    project_id = service.create("messages")
    assert service.get(project_id).outside_allowed
    service.set_outside_allowed(project_id, allowed=False)
    assert not service.get(project_id).outside_allowed


def test_drafts_of_a_retired_project_stay_as_they_are(untrained):
    """A tab that has it open still reads them."""
    services, noise = untrained.services, untrained.label_ids["noise"]
    drafts = services.drafts
    kept, discarded = (drafts.add(noise, text, source="person", author="ann") for text in ("Loud.", "Very loud."))
    drafts.discard(discarded)
    services.projects.retire(untrained.project_id)
    for write in (
        lambda: drafts.add(noise, "A din.", source="person", author="ann"),
        lambda: drafts.discard(kept),
        lambda: drafts.bring_back(discarded),
    ):
        with pytest.raises(Retired, match="was retired, so nothing more was written"):
            write()
    assert [draft.id for draft in drafts.list(noise)] == [kept]
