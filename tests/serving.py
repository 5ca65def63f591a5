"""The workbench as a user starts it: a child process on a data folder."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
START_SECONDS = 180  # a loaded machine took more than 60
STEP_MILLISECONDS = 90_000  # for one thing to appear; the first inference imports torch, 13 seconds of a slow core
# What gradio says where a page is left in the moment in which it opens its stream of events.
LEFT = re.compile(
    r"ERROR:    Exception in ASGI application\n(?:(?!RuntimeError: ).)*?in sse_stream\n(?:(?!RuntimeError: ).)*?"
    r"404: Not Found\n.*?RuntimeError: Caught handled exception, but response already started\.\n",
    re.DOTALL,
)
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}  # tiny models lose more than they win by threads


@contextmanager
def served(data_folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve on a free port with further arguments and variables, yield the address, and stop.

    An unexpected error in the log fails the test, and so does an end that is not in order.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "launch.py",
        "--port",
        str(port),
        "--data-folder",
        str(data_folder),
        "--device",
        "cpu",
        *arguments,
    ]
    log_path = data_folder.with_suffix(".log")
    with log_path.open("w") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env={**ENVIRONMENT, **(environment or {})}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait(server, f"http://127.0.0.1:{port}/", log_path)
            yield f"http://127.0.0.1:{port}/"
        finally:
            _stop(server)
    log = LEFT.sub("", log_path.read_text())
    assert "Traceback" not in log, log
    assert server.returncode == 0, log


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server, and any training that was meant to outlive it."""
    trainings = psutil.Process(server.pid).children(recursive=True)
    server.terminate()
    for process in trainings:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    try:
        server.wait(120)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], address: str, log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"The workbench did not start:\n{log_path.read_text()}")
