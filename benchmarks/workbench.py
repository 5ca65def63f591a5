"""Start-up, memory, and the way from a fresh demo project to an active model, through the app itself.

    python benchmarks/workbench.py

Starts launch.py on an empty folder, asks for the first page, trains the demo project at its defaults through
the API, and classifies one text with the result. Ends with an error where the run or the answer fails. Memory is
resident memory. Writes docs/results/workbench.json.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from commandline import origin, print_table, write_results
from gradio_client import Client

ROOT = Path(__file__).parent.parent
DEMO = "City council (demo)"
STARTS = 3
TEXT = "The bins were missed again and the lamp outside number 4 is still out."


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        starts = []
        for number in range(STARTS):  # the first warms the disk and is not counted
            with served(Path(scratch) / f"start-{number}") as (_, _, seconds):
                starts.append(seconds)
        with served(Path(scratch) / "demo") as (address, process, seconds):
            starts.append(seconds)
            idle = megabytes(process)
            client = Client(address, verbose=False)
            began = time.monotonic()
            run = client.predict(DEMO, "benchmark", api_name="/start_training")
            status, peak = follow(client, run, process)
            trained = time.monotonic() - began
            answer = client.predict(DEMO, TEXT, api_name="/classify")
            if not answer["trained"]:
                raise SystemExit(f"The untrained encoder answered; the training run ended as {status}.")
    report = {
        **origin("torch", "gradio"),
        "first_page_seconds": round(statistics.median(starts[1:]), 1),
        "app_mb_without_a_model": round(idle),
        "demo_training_seconds": round(trained, 1),
        "demo_training_peak_mb": round(peak),
        "run": status["status"],
        "answered_by": answer["model"],
        "labels": answer["labels"],
    }
    write_results("workbench", report)
    shown = {
        "first page, seconds": report["first_page_seconds"],
        "app without a model, MB": report["app_mb_without_a_model"],
        "from Start training to the active model, seconds": report["demo_training_seconds"],
        "training process, most MB": report["demo_training_peak_mb"],
    }
    print_table(report, [{"measured": name, "value": value} for name, value in shown.items()])


@contextmanager
def served(data: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """Address, process and seconds to the first page of a new workbench with the demo project."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    began = time.monotonic()
    command = [sys.executable, "launch.py", "--demo", "--port", str(port), "--data-folder", str(data.absolute())]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not answers(address):
            if server.poll() is not None:
                raise SystemExit(f"launch.py ended with {server.returncode} before its first page.")
            time.sleep(0.05)
        yield address, psutil.Process(server.pid), time.monotonic() - began
    finally:
        server.terminate()
        server.wait()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as page:  # noqa: S310 (our own address)
            return bool(page.status == 200)
    except OSError:
        return False


def follow(client: Client, run: int, server: psutil.Process) -> tuple[dict[str, Any], float]:
    """Wait for the end of a run; its status and the peak memory of its process in MB."""
    peak = 0.0
    while True:
        status = client.predict(run, api_name="/run_status")
        for child in server.children(recursive=True):
            with suppress(psutil.Error, OSError):  # it may end while it is asked
                if "lagamc" in child.cmdline():
                    peak = max(peak, high_water(Path(f"/proc/{child.pid}/status")))
        if status["status"] not in {"queued", "running"}:
            return status, peak
        time.sleep(1)


def high_water(status: Path) -> float:
    line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) / 1024


def megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 1024 / 1024)


if __name__ == "__main__":
    main()
