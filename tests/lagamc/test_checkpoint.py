"""A folder is written whole, and what took its place before is there until it is."""

from pathlib import Path

import pytest

from lagamc.checkpoint import recovered, replaced_folder


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
