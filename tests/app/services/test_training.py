"""Training as the screens use it; the last tests train tiny models in real child processes."""

from __future__ import annotations

import json
import os
import signal

import pytest
from small_collection import DESCRIPTIONS, Collection, review
from sqlalchemy import event
from tiny_models import build_tiny_embedded

from app.errors import AppError
from app.services import training
from lagamc.checkpoint import write_run_folder
from lagamc.corpus import Corpus
from lagamc.errors import ConfigError
from storage import annotations, projects, runs
from storage.errors import StaleWrite, StorageError
from storage.models import RunStatus


@pytest.fixture
def collection(tmp_path):
    """A project with labels and no documents."""
    collection = Collection(tmp_path)
    yield collection
    collection.close()


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """A tiny pretrained model."""
    return str(build_tiny_embedded(tmp_path_factory.mktemp("tiny") / "encoder", DESCRIPTIONS.values()))


def test_without_documents_every_problem_is_named_and_nothing_starts(collection):
    """The preview says what is missing, and start refuses with the same words."""
    preview = collection.training.preview(collection.project_id)
    assert preview.documents_by_split == {"train": 0, "dev": 0, "test": 0}
    assert len(preview.problems) == 3
    with pytest.raises(AppError, match=r"at least 2 labels.*no labelled training documents.*dev split"):
        collection.training.start(collection.project_id, {}, "ann")


def test_one_label_is_too_few(collection):
    """Labels that no training document carries do not count."""
    collection.add_documents(train=1)
    with pytest.raises(AppError, match="found 1"):
        collection.training.start(collection.project_id, {}, "ann")


def test_labels_that_no_train_or_dev_document_carries_are_named(collection):
    """The most frequent ones come first; a retired one is not missed."""
    collection.add_documents(dev=1)
    missing = collection.training.preview(collection.project_id).labels_missing
    assert (missing["train"], missing["dev"]) == ([], ["bins", "water"])
    review(collection, "train-1", ["water"])
    assert collection.training.preview(collection.project_id).labels_missing["dev"] == ["water", "bins"]
    collection.lifecycle.retire(collection.label_ids["water"], "ann")
    assert collection.training.preview(collection.project_id).labels_missing["dev"] == ["bins"]


def test_a_wrong_setting_queues_nothing(collection):
    """A ConfigError names it, and neither run nor folder is left."""
    collection.add_documents()
    for config in ({"epochs": 0}, {"speed": 3}):
        with pytest.raises(ConfigError):
            collection.training.start(collection.project_id, config, "ann")
    assert collection.training.list(collection.project_id) == []
    assert list(collection.settings.runs_folder.iterdir()) == []


def test_a_refused_start_divides_nothing(collection):
    collection.add_documents(train=0, dev=0, test=0, unassigned=12)
    for number in range(12):
        review(collection, f"unassigned-{number}", [list(DESCRIPTIONS)[number % 3]])
    with pytest.raises(ConfigError):
        collection.training.start(collection.project_id, {"epochs": 0}, "ann")
    assert collection.training.preview(collection.project_id).to_split == 12


def test_a_review_saved_while_a_start_gathers_is_new_to_the_next_run(collection, monkeypatch):
    collection.add_documents()

    def meanwhile(*arguments, **values):
        review(collection, "train-0", ["water"])
        write_run_folder(*arguments, **values)

    monkeypatch.setattr(training, "write_run_folder", meanwhile)
    run_id = collection.training.start(collection.project_id, {}, "ann")
    with collection.database.read() as session:
        since = runs.get(session, run_id=run_id).created_at
        assert annotations.reviewed_since(session, project_id=collection.project_id, since=since) == 1


@pytest.mark.parametrize("step", ["add", "commit"])
def test_a_run_that_cannot_be_stored_leaves_no_folder(collection, monkeypatch, step):
    """Before its folder has its place, and after."""
    collection.add_documents()
    add = runs.add

    def fail(session, **values):
        if step == "add":
            raise StorageError("locked")
        run = add(session, **values)

        @event.listens_for(session, "before_commit")
        def refuse(_session):
            raise StorageError("locked")

        return run

    monkeypatch.setattr(runs, "add", fail)
    with pytest.raises(StorageError, match="locked"):
        collection.training.start(collection.project_id, {}, "ann")
    assert collection.training.list(collection.project_id) == []
    assert list(collection.settings.runs_folder.iterdir()) == []


def test_a_backbone_that_follows_instructions_reads_the_project_s_task(collection):
    """T5 is told what is classified; the sentence encoder, which reads no instructions, is not."""
    collection.add_documents()
    tasks = []
    for backbone in ("minilm", "flan-t5-small"):
        run_id = collection.training.start(collection.project_id, {"backbone": backbone}, "ann")
        config = json.loads((collection.settings.runs_folder / str(run_id) / "config.json").read_text())
        tasks.append(config["task_description"])
    assert tasks == [None, "Messages to a council."]


def test_a_document_reviewed_as_carrying_no_label_trains_too(collection):
    """It teaches the model to write nothing; imported documents without a label do not train."""
    collection.add_documents(unassigned=2)
    before = collection.training.preview(collection.project_id).documents_by_split["train"]
    review(collection, "unassigned-0", [])
    preview = collection.training.preview(collection.project_id)
    run_id = collection.training.start(collection.project_id, {}, "ann")
    train = Corpus.read_jsonl(collection.settings.runs_folder / str(run_id) / "train.jsonl")
    assert len(train) == preview.documents_by_split["train"] == before + 1
    assert {example.id: example.labels for example in train}["unassigned-0"] == ()


def test_the_run_folder_holds_what_the_labels_say_now(collection):
    """Reviewed unassigned documents train too; retired labels and what only they labelled do not."""
    collection.add_documents(unassigned=3)
    review(collection, "unassigned-0", ["bins", "noise"])
    review(collection, "train-0", ["bins"])
    collection.lifecycle.retire(collection.label_ids["water"], "ann")
    preview = collection.training.preview(collection.project_id)
    run_id = collection.training.start(collection.project_id, {"epochs": 2}, "ann")

    folder = collection.settings.runs_folder / str(run_id)
    train = {example.id: example.labels for example in Corpus.read_jsonl(folder / "train.jsonl")}
    assert len(train) == 9 == preview.documents_by_split["train"]
    assert train["unassigned-0"] == ("noise", "bins")
    assert train["train-0"] == ("bins",)
    assert "train-2" not in train
    assert list(json.loads((folder / "labels.json").read_text())) == ["noise", "bins"]
    config = json.loads((folder / "config.json").read_text())
    assert (config["device"], config["task_description"], config["epochs"]) == ("cpu", None, 2)
    with collection.database.read() as session:
        run = runs.get(session, run_id=run_id)
    assert (run.documents, run.corrections, run.folder) == (9, 2, f"runs/{run_id}")
    assert [entry["label_id"] for entry in run.config["labels"]] == [1, 2]


def test_a_full_disk_at_the_start_queues_nothing(collection, monkeypatch):
    """The message says so; a second try works."""
    collection.add_documents()

    def fill(folder, **content):
        write_run_folder(folder, **content)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("app.services.training.write_run_folder", fill)
        with pytest.raises(AppError, match="No space left on device"):
            collection.training.start(collection.project_id, {}, "ann")
    assert list(collection.settings.runs_folder.iterdir()) == []
    assert collection.status(collection.training.start(collection.project_id, {}, "ann")) == "queued"


def test_the_folder_of_another_database_is_left_alone(collection):
    """A run whose natural folder is taken gets one beside it."""
    collection.add_documents()
    (collection.settings.runs_folder / "1" / "model").mkdir(parents=True)
    run_id = collection.training.start(collection.project_id, {}, "ann")
    with collection.database.read() as session:
        folder = runs.get(session, run_id=run_id).folder
    assert folder.startswith("runs/1-")
    assert (collection.settings.data_folder / folder / "train.jsonl").exists()


def test_a_waiting_run_is_cancelled_at_once_and_can_be_queued_again(collection):
    """What has ended cannot be cancelled; what completed cannot be resumed."""
    collection.add_documents()
    run_id = collection.training.start(collection.project_id, {}, "ann")
    collection.training.cancel(run_id)
    assert collection.status(run_id) == "cancelled"
    with pytest.raises(AppError, match="cancelled already"):
        collection.training.cancel(run_id)
    collection.training.resume(run_id)
    assert collection.status(run_id) == "queued"
    collection.end_as(run_id, RunStatus.COMPLETED)
    with pytest.raises(StaleWrite):
        collection.training.resume(run_id)


def test_a_retired_project_is_not_trained(collection):
    """Another page may have it open still; nobody could see or cancel the run."""
    collection.add_documents()
    run_id = collection.training.start(collection.project_id, {}, "ann")
    collection.training.cancel(run_id)
    with collection.database.write() as session:
        projects.set_retired(session, project_id=collection.project_id, retired=True)
    with pytest.raises(AppError, match="This project is retired"):
        collection.training.start(collection.project_id, {}, "ann")
    with pytest.raises(AppError, match="This project is retired"):
        collection.training.resume(run_id)
    assert collection.status(run_id) == "cancelled"


def test_resuming_withdraws_the_cancel_file_and_needs_the_folder(collection):
    """Or else the child would stop at once, or fail."""
    collection.add_documents()
    run_id = collection.training.start(collection.project_id, {}, "ann")
    folder = collection.settings.runs_folder / str(run_id)
    collection.end_as(run_id, RunStatus.CANCELLED)
    (folder / "cancel").touch()
    collection.training.resume(run_id)
    assert not (folder / "cancel").exists()
    collection.end_as(run_id, RunStatus.INTERRUPTED)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(AppError, match="is gone"):
        collection.training.resume(run_id)
    assert collection.status(run_id) == "interrupted"


def test_the_status_is_json(collection):
    """The API can hand it out as it is."""
    collection.add_documents()
    run_id = collection.training.start(collection.project_id, {}, "ann")
    status = json.loads(json.dumps(collection.training.status(run_id)))
    assert (status["id"], status["status"], status["progress"], status["author"]) == (run_id, "queued", None, "ann")
    assert collection.training.log(run_id) == ""


def test_a_real_run_cancels(collection, backbone):
    """The child stops at its next step, and says so."""
    collection.add_documents()
    config = {"backbone": backbone, "epochs": 1000, "batch_size": 4}
    run_id = collection.training.start(collection.project_id, config, "ann")
    collection.wait_for(run_id, lambda: collection.training.metrics(run_id))
    assert collection.training.get(run_id).progress is not None
    collection.training.cancel(run_id)
    run = collection.finish(run_id)
    assert (run.status, run.error) == ("cancelled", None)


def test_a_real_run_killed_goes_on_to_a_model(collection, backbone):
    """After kill -9 it fails, is resumed from its checkpoint, and makes version 1, which is active."""
    collection.add_documents()
    config = {"backbone": backbone, "epochs": 20, "batch_size": 4, "checkpoint_seconds": 0.0}
    run_id = collection.training.start(collection.project_id, config, "ann")
    collection.wait_for(run_id, lambda: last_event(collection, run_id, {"checkpoint"}))
    with collection.database.read() as session:
        os.kill(runs.get(session, run_id=run_id).pid, signal.SIGKILL)
    failed = collection.finish(run_id)
    assert failed.status == "failed"
    assert "last checkpoint" in failed.error

    collection.training.resume(run_id)
    done = collection.finish(run_id)
    assert (done.status, done.error, done.model_number) == ("completed", None, 1), collection.training.log(run_id)
    assert last_event(collection, run_id, {"started"}).payload["resumed_step"] > 0
    said, expected = collection.training.started(run_id), collection.training.countable({"backbone": backbone})
    assert 0 < said.parameters.trained < said.parameters.total
    assert said.parameters.trained == pytest.approx(expected.trained, rel=0.05)  # the label set adds a few
    assert (said.cut_targets, said.full_documents, said.max_document_tokens) == (0, 0, 512)
    steps = [step for step, _ in collection.training.metrics(run_id)["loss"]]
    assert steps == sorted(set(steps))
    active = collection.models.active(collection.project_id)
    assert (active.name, active.run_id, active.documents, active.stale) == ("v1", run_id, 12, [])
    assert active.test_micro_f1 is not None
    assert collection.training.preview(collection.project_id).corrections_since_last == 0


def last_event(collection, run_id, types):
    """The newest event of some types."""
    with collection.database.read() as session:
        return runs.last_event(session, run_id=run_id, types=types)
