"""A run folder belongs to one process at a time, which can be killed or asked to stop."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from lagamc.cli import main
from lagamc.errors import ConfigError, DatasetError
from lagamc.run import train_run


def as_far_as_this(*_):
    raise ConfigError("as far as this")


def test_a_run_is_trained_by_one_process_at_a_time(make_run, monkeypatch, capsys):
    """A second one loads nothing and writes no event, but other workers of the first do their share."""
    folder, codes = make_run(), []

    def build(*_):
        codes.append(main(["train", str(folder)]))
        monkeypatch.setattr("lagamc.run.build_backbone", as_far_as_this)
        monkeypatch.setenv("RANK", "1")
        train_run(folder)

    monkeypatch.setattr("lagamc.run.build_backbone", build)
    with pytest.raises(ConfigError, match="as far as this"):
        train_run(folder)
    assert codes == [1]
    assert "Another process is training run. Wait for it" in capsys.readouterr().err
    assert not (folder / "events.jsonl").exists()
    monkeypatch.delenv("RANK")
    with pytest.raises(ConfigError, match="as far as this"):
        train_run(folder)


@pytest.mark.parametrize("part", ["train", "dev"])
def test_documents_without_any_label_are_refused(make_run, part):
    """The key may be called otherwise: all would count as unlabelled, and the model that came of it give nothing."""
    folder = make_run()
    path = folder / f"{part}.jsonl"
    path.write_text(path.read_text().replace('"labels"', '"label"'))
    with pytest.raises(DatasetError, match=rf"No document of {part}\.jsonl carries a label\. Write them as a list"):
        train_run(folder)


def test_a_file_system_without_locks_does_not_keep_a_run_from_training(make_run, monkeypatch):
    def unknown(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", unknown)
    monkeypatch.setattr("lagamc.run.build_backbone", as_far_as_this)
    with pytest.raises(ConfigError, match="as far as this"):
        train_run(make_run())


def test_a_killed_child_leaves_a_checkpoint_to_resume_from(make_run, events):
    """Kill -9 in a real child process; the same command goes on and completes."""
    folder = make_run(epochs=8, checkpoint_seconds=0.0)
    command = [sys.executable, "-m", "lagamc", "train", str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait(lambda: (folder / "events.jsonl").exists() and len(events_safely(folder)) > 20)
    child.send_signal(signal.SIGKILL)
    child.wait()
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"type": "st')  # a torn last line
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    rows = events_safely(folder)
    assert [row["resumed_step"] > 0 for row in rows if row["type"] == "started"] == [False, True]
    assert rows[-1]["type"] == "completed"


def events_safely(folder):
    rows = []
    for line in (folder / "events.jsonl").read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def _wait(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["file", "signal"])
def test_a_child_stops_when_asked(make_run, how):
    folder = make_run(epochs=200)
    child = subprocess.Popen([sys.executable, "-m", "lagamc", "train", str(folder)], stderr=subprocess.DEVNULL)
    _wait(lambda: (folder / "events.jsonl").exists() and len(events_safely(folder)) > 3)
    if how == "file":
        (folder / "cancel").touch()
    else:
        os.kill(child.pid, signal.SIGTERM)
    assert child.wait(timeout=60) == 3
    assert events_safely(folder)[-1]["type"] == "cancelled"
