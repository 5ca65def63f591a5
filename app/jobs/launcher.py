"""How a run's child process is started, and found again after the app was restarted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

__all__ = ["Child", "Launcher", "LocalChild", "LocalLauncher", "training_command"]

PROJECT_ROOT = Path(__file__).resolve().parents[2]
TRAIN = ("-m", "lagamc", "train")


class Child(Protocol):
    """A running, or just ended, training process."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and for a child whose end another process was told about."""
        ...

    def is_alive(self) -> bool:
        """Whether it still runs; one that ended and was not yet asked for is gone."""
        ...

    def terminate(self) -> None:
        """Ask the child to stop at its next step."""
        ...

    def kill(self) -> None:
        """End the child and all that it started, at once."""
        ...


class Launcher(Protocol):
    """Starts the training command on a run folder; a Ray launcher would submit the same command."""

    def start(self, folder: Path) -> Child:
        """Start a child on a run folder. Raises OSError when it cannot be started."""
        ...

    def find(self, folder: Path) -> Child | None:
        """The living child that works on `folder`, whoever started it."""
        ...


def training_command(gpus: int = 1) -> tuple[str, ...]:
    """What trains a run folder: one process, or through accelerate one for each of several GPUs."""
    together = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(gpus)) if gpus > 1 else ()
    return (sys.executable, *together, *TRAIN)


class LocalLauncher:
    """Runs a command on a run folder in a process session of its own, output to `log.txt`."""

    def __init__(self, command: Sequence[str] = training_command()) -> None:
        self._command = tuple(command)

    def start(self, folder: Path) -> Child:
        """Raises OSError when the log cannot be written or the process cannot be started."""
        with (folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  (the command is ours, the folder is one argument)
                [*self._command, str(folder.resolve())],
                cwd=PROJECT_ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = psutil.Process(process.pid)
        with suppress(psutil.Error):  # it may have ended already
            while process.poll() is None and not child.cmdline():  # for some ms nobody could find it by that
                time.sleep(0.001)
        return LocalChild(child, process)

    def find(self, folder: Path) -> Child | None:
        """Known by its command line, not by a stored process id, which another process may carry by now.

        The end of the line decides, for its beginning depends on the number of GPUs. The processes that the child
        starts, as accelerate does one a GPU, may match as well; the child is the one whose parent does not.
        """
        wanted = [*self._command[1:][-len(TRAIN) :], str(folder.resolve())]
        matching = {
            process.pid: process
            for process in psutil.process_iter(["cmdline", "ppid"])
            if (process.info["cmdline"] or [])[-len(wanted) :] == wanted
        }
        child = next((process for process in matching.values() if process.info["ppid"] not in matching), None)
        return None if child is None else LocalChild(child)


class LocalChild:
    """A process of this machine; `popen` is there only when this app is its parent."""

    def __init__(self, process: psutil.Process, popen: subprocess.Popen[bytes] | None = None) -> None:
        self._process = process
        self._popen = popen

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its session."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code once it has ended, the negative signal number where one ended it; None where unknown."""
        return None if self._popen is None else self._popen.poll()

    def is_alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        if self._popen is not None:
            return self._popen.poll() is None
        try:
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def terminate(self) -> None:
        """Send SIGTERM to the process itself."""
        if self.is_alive():
            with suppress(psutil.NoSuchProcess):
                self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL to the whole session, and to children that have one of their own, as those of accelerate do."""
        if self.is_alive():
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                started = self._process.children(recursive=True)
                os.killpg(self.pid, signal.SIGKILL)
                for process in started:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
