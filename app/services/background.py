"""Background work of the services: at most one thread a project, which is asked to stop and never killed."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["ProjectThreads"]


class ProjectThreads:
    """The threads of one kind of work."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._threads: dict[int, threading.Thread] = {}
        self._cancelled: dict[int, threading.Event] = {}

    def start(self, project_id: int, work: Callable[[], None]) -> None:
        """Begin; the caller sees to it that the work before has ended."""
        self._cancelled[project_id] = threading.Event()
        self._threads[project_id] = threading.Thread(target=work, name=f"{self._kind}-{project_id}", daemon=True)
        self._threads[project_id].start()

    def cancel(self, project_id: int) -> None:
        """Ask a project's work to stop, where there is any."""
        if project_id in self._cancelled:
            self._cancelled[project_id].set()

    def cancelled(self, project_id: int) -> bool:
        """Whether the work that was last started has been asked to stop; the work itself asks this."""
        return self._cancelled[project_id].is_set()

    def close(self, seconds: float | None = None) -> None:
        """Ask everything to stop and wait for it, at most `seconds` for each thread."""
        for cancelled in self._cancelled.values():
            cancelled.set()
        for thread in self._threads.values():
            thread.join(seconds)
