"""Drafts for many labels made one after the other in the background: seeded, assembled, or refined within a cap."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.errors import AppError
from app.services.background import ProjectThreads
from app.services.drafts import DraftService
from app.services.labels import LabelService
from lagamc.descriptions.chat import ChatSettings
from lagamc.descriptions.refine import Budget
from lagamc.errors import LagamcError
from storage.errors import StorageError

__all__ = ["BatchEstimate", "BatchRow", "BatchRunning", "BatchView", "DraftJobs"]

EXAMPLES_SHOWN = 2
CLOSING_SECONDS = 5
GONE = "It was retired or merged after the batch began."
Kind = Literal["refine", "seed", "scaffold"]
Work = Callable[[int, str, Budget], tuple[int, str | None]]
"""Id and name of a label, and what may be spent, in; the number of drafts, and what went wrong, out."""

logger = logging.getLogger(__name__)


class BatchRunning(AppError):
    """A batch of the project is under way, perhaps somebody else's; `DraftJobs.view` shows it."""

    def __init__(self) -> None:
        super().__init__("A batch is running for this project. Wait for its end, or cancel it.")


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What became of one label."""

    label_id: int
    label: str
    drafts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class BatchView:
    """How far a batch over the `wanted` labels is, and what it spent.

    `cost` is 0 where the prices are not known; `estimated` where the server left calls uncounted.
    """

    kind: Kind
    status: Literal["running", "completed", "cancelled", "stopped"]
    wanted: tuple[int, ...]
    rows: tuple[BatchRow, ...] = ()
    tokens: int = 0
    cost: float = 0.0
    estimated: bool = False

    @property
    def left(self) -> tuple[int, ...]:
        """Wanted labels without a draft, failed or never reached."""
        drafted = {row.label_id for row in self.rows if row.drafts}
        return tuple(label_id for label_id in self.wanted if label_id not in drafted)


@dataclass(frozen=True, slots=True)
class BatchEstimate:
    """What refining labels may take at most, and the first prompt; `cost` is None where the prices are not known."""

    labels: int
    tokens: int
    cost: float | None
    prompt: str


class DraftJobs:
    """One batch a project at a time; drafts are kept as they come, so a cancel loses none."""

    def __init__(self, draft_service: DraftService, label_service: LabelService) -> None:
        self._drafts = draft_service
        self._labels = label_service
        self._views: dict[int, BatchView] = {}
        self._threads = ProjectThreads("drafts")
        self._starting = threading.Lock()

    def refine(
        self,
        project_id: int,
        author: str,
        *,
        settings: ChatSettings,
        drafts_wanted: int,
        unit: str,
        budget: Budget,
        only: Sequence[int] = (),
    ) -> BatchView:
        """Begin to ask a chat model about all labels in use, or about `only` some; the settings go with the batch.

        Raises:
            BatchRunning: one batch at a time.
            AppError: there is no label.
        """

        def work(label_id: int, _name: str, left: Budget) -> tuple[int, str | None]:
            prompt = self._prompt(label_id, unit)
            outcome = self._drafts.refine(
                label_id, prompt, author, settings=settings, drafts_wanted=drafts_wanted, budget=left
            )
            return len(outcome.drafts), outcome.error

        return self._start(project_id, "refine", work, budget, only)

    def estimate(
        self, project_id: int, *, settings: ChatSettings, drafts_wanted: int, unit: str, only: Sequence[int] = ()
    ) -> BatchEstimate:
        """What `refine` may take, from the lengths of descriptions and documents; nothing is sent.

        Raises:
            AppError: there is no label.
        """
        ids = [label_id for label_id, _ in self._wanted(project_id, only)]
        calls = [settings.worst(self._drafts.longest_prompt(label_id, unit=unit)) for label_id in ids]
        return BatchEstimate(
            labels=len(ids),
            tokens=drafts_wanted * sum(call.tokens for call in calls),
            cost=drafts_wanted * sum(call.cost or 0.0 for call in calls) if settings.priced else None,
            prompt=self._prompt(ids[0], unit),
        )

    def seed(self, project_id: int, author: str, *, contact: str, language: str, only: Sequence[int] = ()) -> BatchView:
        """Begin to look labels up in Wikipedia as `refine` does; one that means several things is left to a person.

        Raises:
            BatchRunning: one batch at a time.
            AppError: there is no label.
        """

        def work(label_id: int, name: str, _left: Budget) -> tuple[int, str | None]:
            best = self._drafts.search(project_id, name, contact=contact, language=language)[0]
            if best.ambiguous:
                return 0, f"{best.title!r} means several things. Open the label and choose one."
            self._drafts.seed(label_id, best.title, author, contact=contact, language=language)
            return 1, None

        return self._start(project_id, "seed", work, Budget(), only)

    def scaffold(self, project_id: int, author: str, *, only: Sequence[int] = ()) -> BatchView:
        """Begin to assemble a scaffold for labels as `refine` does. Raises what `seed` does."""

        def work(label_id: int, _name: str, _left: Budget) -> tuple[int, str | None]:
            self._drafts.scaffold(label_id, author)
            return 1, None

        return self._start(project_id, "scaffold", work, Budget(), only)

    def left(self, project_id: int) -> tuple[Kind, tuple[int, ...]]:
        """What the last batch did, and the labels that it made no draft for. Raises AppError when there are none."""
        view = self._views.get(project_id)
        if view is None or not view.left:
            raise AppError("The last batch left no label without a draft.")
        return view.kind, view.left

    def view(self, project_id: int) -> BatchView | None:
        """The last batch of a project, or None."""
        return self._views.get(project_id)

    def cancel(self, project_id: int) -> None:
        """Stop after the label in hand."""
        self._threads.cancel(project_id)

    def close(self) -> None:
        """Stop everything; an answer that is still awaited after five seconds is given up."""
        self._threads.close(CLOSING_SECONDS)

    def _start(self, project_id: int, kind: Kind, work: Work, budget: Budget, only: Sequence[int]) -> BatchView:
        with self._starting:
            if (view := self._views.get(project_id)) is not None and view.status == "running":
                raise BatchRunning
            wanted = self._wanted(project_id, only)
            self._views[project_id] = BatchView(kind, "running", tuple(label_id for label_id, _ in wanted))
            self._threads.start(project_id, lambda: self._run(project_id, wanted, work, budget))
            return self._views[project_id]

    def _wanted(self, project_id: int, only: Sequence[int]) -> list[tuple[int, str]]:
        wanted = [(label.id, label.name) for label in self._labels.list(project_id) if not only or label.id in only]
        if not wanted:
            raise AppError("There is no label to draft for. Add one first.")
        return wanted

    def _prompt(self, label_id: int, unit: str) -> str:
        return self._drafts.prompt(label_id, examples=self._drafts.examples(label_id)[:EXAMPLES_SHOWN], unit=unit)

    def _run(self, project_id: int, wanted: Sequence[tuple[int, str]], work: Work, budget: Budget) -> None:
        rows: list[BatchRow] = []
        status: Literal["completed", "cancelled", "stopped"] = "completed"
        for label_id, name in wanted:
            if self._threads.cancelled(project_id):
                status = "cancelled"
                break
            try:
                now = self._labels.get(label_id)
                found, error = (0, GONE) if now.retired else work(label_id, now.name, budget)
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
            self._views[project_id],
            rows=tuple(rows),
            tokens=budget.tokens,
            cost=budget.cost,
            estimated=budget.estimated,
        )
