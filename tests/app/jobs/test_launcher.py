"""Child processes on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from app.jobs.launcher import LocalLauncher, training_command

SLEEPER = "import sys, time; print('hello', sys.argv[-1], flush=True); time.sleep(60)"


@pytest.fixture
def launcher():
    """Starts a child that sleeps."""
    return LocalLauncher((sys.executable, "-c", SLEEPER))


def wait_for(condition, seconds=60):
    """Wait until `condition()` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_a_child_runs_in_its_own_session_and_writes_the_log(tmp_path, launcher):
    """Ctrl-C in the app's terminal cannot reach it, and its output is kept."""
    child = launcher.start(tmp_path)
    try:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
        wait_for(lambda: "hello" in (tmp_path / "log.txt").read_text())
        assert child.is_alive()
        assert child.exit_code is None
    finally:
        child.kill()
    wait_for(lambda: not child.is_alive())
    assert child.exit_code == -9


def test_a_living_child_is_found_again_by_its_folder(tmp_path, launcher):
    """Only the child of that very folder is found, and not after its end, reaped or not."""
    started = launcher.start(tmp_path)
    found = launcher.find(tmp_path)
    assert found is not None
    assert found.pid == started.pid
    assert launcher.find(tmp_path.parent) is None
    found.kill()
    wait_for(lambda: not found.is_alive())
    assert launcher.find(tmp_path) is None
    wait_for(lambda: not started.is_alive())


def test_a_child_is_found_again_under_another_number_of_gpus(tmp_path, monkeypatch):
    """It is the one that this app started, not one that accelerate started, which leads a session as well."""
    run, package = tmp_path / "run", tmp_path / "accelerate" / "commands"
    run.mkdir()
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package.parent / "__init__.py").touch()  # or the installed accelerate would come first
    (tmp_path / "lagamc.py").write_text("import time; time.sleep(60)")
    (package / "launch.py").write_text(
        "import subprocess, sys, time\n"
        "command = [sys.executable, '-u', *sys.argv[sys.argv.index('-m'):]]\n"
        "print(subprocess.Popen(command, start_new_session=True).pid, flush=True); time.sleep(60)"
    )
    monkeypatch.setattr("app.jobs.launcher.PROJECT_ROOT", tmp_path)
    one, two = (LocalLauncher(training_command(gpus)) for gpus in (1, 2))
    for started_by, looked_for_by in ((one, two), (two, one)):
        child = started_by.start(run)
        try:
            if started_by is two:
                wait_for((run / "log.txt").read_text)
            assert {looked_for_by.find(run).pid, started_by.find(run).pid} == {child.pid}
        finally:
            child.kill()
        wait_for(lambda child=child: not child.is_alive() and one.find(run) is None)


def test_a_terminated_child_ends(tmp_path, launcher):
    """SIGTERM reaches the child, and ending a child twice is no error."""
    child = launcher.start(tmp_path)
    child.terminate()
    wait_for(lambda: not child.is_alive())
    child.terminate()
    child.kill()


def test_the_default_command_is_the_library_itself(tmp_path, monkeypatch):
    """The child is this interpreter, running `python -m lagamc train FOLDER`."""
    commands = []

    def refuse(command, **_):
        commands.append(command)
        raise OSError("stop here")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(OSError, match="stop here"):
        LocalLauncher().start(tmp_path)
    assert commands == [[sys.executable, "-m", "lagamc", "train", str(tmp_path.resolve())]]


def test_children_in_sessions_of_their_own_are_killed_too(tmp_path):
    """One a GPU is started by accelerate."""
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    child = LocalLauncher((sys.executable, "-c", parent)).start(tmp_path)
    wait_for(lambda: (tmp_path / "log.txt").read_text().strip())
    grandchild = psutil.Process(int((tmp_path / "log.txt").read_text()))
    child.kill()
    wait_for(lambda: not child.is_alive())
    wait_for(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_several_gpus_are_asked_for_through_accelerate():
    assert training_command()[1:] == ("-m", "lagamc", "train")
    assert training_command(4)[-6:] == ("--multi_gpu", "--num_processes", "4", "-m", "lagamc", "train")
