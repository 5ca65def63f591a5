"""What happens beside the training loop: events for who watches, cancelling, a progress bar."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Callback", "CancelRequest", "EventLog", "ProgressBar"]


class Callback(Protocol):
    """Told of everything that happens in a run, as (type, figures); see docs/runs.md for both."""

    def on_event(self, kind: str, figures: dict[str, Any]) -> None: ...


class EventLog:
    """Appends one JSON object a line to events.jsonl, flushed at once."""

    def __init__(self, path: str | Path) -> None:
        self._path = path = Path(path)
        if not path.exists() or not path.stat().st_size:
            return
        with path.open("rb+") as file:
            file.seek(-1, 2)
            if file.read(1) != b"\n":  # a killed run left a torn line: close it
                file.write(b"\n")

    def on_event(self, kind: str, figures: dict[str, Any]) -> None:
        line = json.dumps({"type": kind, "time": round(time.time(), 3), **figures})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class CancelRequest:
    """True once the process is asked to end, or a file appears: `cancel` in a run folder."""

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._signalled = threading.Event()

    def __call__(self) -> bool:
        return self._signalled.is_set() or (self._path is not None and self._path.exists())

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as requests to cancel, in the main thread."""
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> None:
        self._signalled.set()


class ProgressBar:
    """Shows steps, loss and dev micro-F1 on a terminal."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar: Any = tqdm(unit="step", dynamic_ncols=True)

    def on_event(self, kind: str, figures: dict[str, Any]) -> None:
        if kind == "started":
            self._bar.total = figures["total_steps"]
            self._bar.update(figures["resumed_step"])
        elif kind == "step":
            self._bar.set_postfix(loss=f"{figures['loss']:.3f}", refresh=False)
            self._bar.update(figures["step"] - self._bar.n)
        elif kind == "evaluation":
            self._bar.write(
                f"epoch {figures['epoch']}: dev micro-F1 {figures['micro_f1']:.4f}, "
                f"macro-F1 {figures['macro_f1']:.4f}{'  best' if figures['best'] else ''}"
            )
        elif kind in ("completed", "cancelled", "failed"):
            self._bar.close()
