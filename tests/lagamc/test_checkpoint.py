"""A folder is written whole, and what took its place before is there until it is."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors import SafetensorError

from lagamc.checkpoint import read_json, recovered, replaced_folder, verify_model_folder, write_run_folder
from lagamc.config import TrainingConfig
from lagamc.errors import CheckpointError


class Killed(BaseException):
    """Stands for a SIGKILL."""


def write(folder, text):
    with replaced_folder(folder) as draft:
        (draft / "text").write_text(text)


def test_a_folder_takes_the_place_of_the_one_before(tmp_path):
    write(tmp_path / "folder", "one")
    write(tmp_path / "folder", "two")
    assert (tmp_path / "folder" / "text").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("renames", [0, 1])
def test_a_kill_at_any_step_leaves_a_whole_folder(tmp_path, monkeypatch, renames):
    """Before the old folder is set aside it stands; after that, it is put back when it is asked for."""
    write(tmp_path / "folder", "one")
    done, rename = [], Path.rename

    def killed_rename(self, target):
        if len(done) == renames:
            raise Killed
        done.append(target)
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed_rename)
        with pytest.raises(Killed):
            write(tmp_path / "folder", "two")
    assert (recovered(tmp_path / "folder") / "text").read_text() == "one"
    write(tmp_path / "folder", "three")
    assert (recovered(tmp_path / "folder") / "text").read_text() == "three"


def test_nothing_is_recovered_where_nothing_was(tmp_path):
    assert not recovered(tmp_path / "folder").exists()


def test_what_fails_while_it_is_written_leaves_no_draft(tmp_path):
    """And the folder as it was: half a model would lie about, as large as a whole one."""
    write(tmp_path / "folder", "one")

    def fail():
        with replaced_folder(tmp_path / "folder") as draft:
            (draft / "text").write_text("two")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "text").read_text() == "one"


def test_a_folder_that_holds_something_is_not_written_over(tmp_path, label_set, corpora):
    """An empty one may have been made for the run."""
    parts = {"config": TrainingConfig(), "labels": label_set, **corpora}
    (tmp_path / "run").mkdir()
    write_run_folder(tmp_path / "run", **parts)
    (tmp_path / "run" / "events.jsonl").write_text("{}\n")
    with pytest.raises(CheckpointError, match="The folder run exists and is not empty"):
        write_run_folder(tmp_path / "run", **parts)
    assert (tmp_path / "run" / "events.jsonl").exists()


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [("format", 5, "has format 5; this version reads 6"), ("label_set_hash", "0", "was trained on another label set")],
)
def test_a_model_that_this_version_cannot_answer_for_is_refused(trained, tmp_path, field, value, found):
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    (folder / "manifest.json").write_text(json.dumps(read_json(folder / "manifest.json") | {field: value}))
    with pytest.raises(CheckpointError, match=found):
        verify_model_folder(folder)


def test_a_full_disk_is_an_error_of_the_system_whoever_meets_it(tmp_path):
    """Safetensors has an error of its own for it; what was there stays."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder cannot be written: No space left"), replaced_folder(tmp_path / "folder"):
        raise SafetensorError("No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
