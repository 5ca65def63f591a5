"""Descriptions of many labels refined one after the other in the background, within a cap on spending."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.errors import AppError
from app.services.drafts import DraftService
from app.services.labels import LabelService
from lagamc.descriptions.chat import ChatSettings
from lagamc.descriptions.refine import Budget
from lagamc.errors import LagamcError
from storage.errors import StorageError

__all__ = ["BatchRow", "BatchView", "RefineJobs"]

EXAMPLES_SHOWN = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What became of one label."""

    label_id: int
    label: str
    drafts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class BatchView:
    """How far a batch is, and what it spent; `cost` is 0 where the prices are not known."""

    status: Literal["running", "completed", "cancelled", "stopped"]
    done: int
    total: int
    tokens: int
    cost: float
    rows: tuple[BatchRow, ...]

    @property
    def failed(self) -> tuple[int, ...]:
        """Labels to be tried again."""
        return tuple(row.label_id for row in self.rows if row.error)


class RefineJobs:
    """One batch a project at a time; drafts are kept as they come, so a cancel loses none."""

    def __init__(self, draft_service: DraftService, label_service: LabelService) -> None:
        self._drafts = draft_service
        self._labels = label_service
        self._views: dict[int, BatchView] = {}
        self._threads: dict[int, threading.Thread] = {}
        self._cancelled: dict[int, threading.Event] = {}

    def start(
        self, project_id: int, author: str, *, settings: ChatSettings, drafts_wanted: int, unit: str, budget: Budget,
        only: Sequence[int] = (),
    ) -> BatchView:  # fmt: skip
        """Begin with all labels in use, or some of them.

        Raises:
            AppError: a batch is running, or there is no label.
        """
        if (view := self._views.get(project_id)) is not None and view.status == "running":
            raise AppError("A batch is running for this project. Wait for its end, or cancel it.")
        wanted = [(label.id, label.name) for label in self._labels.list(project_id) if not only or label.id in only]
        if not wanted:
            raise AppError("There is no label to refine. Add one first.")
        self._views[project_id] = BatchView("running", 0, len(wanted), 0, 0.0, ())
        cancelled = self._cancelled[project_id] = threading.Event()

        def refine(label_id: int) -> tuple[int, str | None]:
            prompt = self._drafts.prompt(label_id, examples=self._drafts.examples(label_id)[:EXAMPLES_SHOWN], unit=unit)
            outcome = self._drafts.refine(
                label_id, prompt, author, settings=settings, drafts_wanted=drafts_wanted, budget=budget
            )
            return len(outcome.drafts), outcome.error

        thread = threading.Thread(
            target=self._run,
            args=(project_id, wanted, refine, budget, cancelled),
            name=f"refine-{project_id}",
            daemon=True,
        )
        self._threads[project_id] = thread
        thread.start()
        return self._views[project_id]

    def view(self, project_id: int) -> BatchView | None:
        """The last batch of a project, or None."""
        return self._views.get(project_id)

    def cancel(self, project_id: int) -> None:
        """Stop after the label in hand."""
        if project_id in self._cancelled:
            self._cancelled[project_id].set()

    def close(self) -> None:
        """Stop everything and wait for its end."""
        for cancelled in self._cancelled.values():
            cancelled.set()
        for thread in self._threads.values():
            thread.join()

    def _run(
        self, project_id: int, wanted: Sequence[tuple[int, str]], refine: Callable[[int], tuple[int, str | None]],
        budget: Budget, cancelled: threading.Event,
    ) -> None:  # fmt: skip
        rows: list[BatchRow] = []
        status: Literal["completed", "cancelled", "stopped"] = "completed"
        for label_id, name in wanted:
            if cancelled.is_set():
                status = "cancelled"
                break
            try:
                found, error = refine(label_id)
            except (AppError, LagamcError, StorageError) as failure:
                found, error = 0, str(failure)
            except Exception:
                logger.exception("The batch of project %s failed at label %s.", project_id, label_id)
                found, error = 0, "Unexpected error; the app's log has the details."
            rows.append(BatchRow(label_id, name, found, error))
            self._update(project_id, budget, rows)
            if budget.exhausted:
                status = "stopped"
                break
        self._views[project_id] = replace(self._views[project_id], status=status)

    def _update(self, project_id: int, budget: Budget, rows: Sequence[BatchRow]) -> None:
        self._views[project_id] = replace(
            self._views[project_id], done=len(rows), tokens=budget.tokens, cost=budget.cost, rows=tuple(rows)
        )
