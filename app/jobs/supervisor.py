"""The one thread that starts training runs, copies their events into the database, and settles their end."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from pathlib import Path

from sqlmodel import Session

from app.jobs.events import TERMINAL_TYPES, Event, EventError, parse_event, read_lines
from app.jobs.launcher import Child, Launcher
from app.jobs.outcome import Outcome, judge, model_version
from app.settings import Settings
from lagamc.errors import LagamcError
from storage import model_versions, runs
from storage.engine import Database
from storage.errors import StaleWrite
from storage.models import ModelVersion, Run, RunStatus, SplitName, utc_now

__all__ = ["Supervisor"]

logger = logging.getLogger(__name__)

LAUNCHED = "launched"
CLAIM_SECONDS = 30.0
RETRY_SECONDS = 5.0


class Supervisor:
    """Runs queued training jobs one at a time, oldest first.

    All it needs to know lies in the database and the run folders, so it can be stopped, killed and started again
    at any moment, and a second one on the same data does no harm. Children outlive it and are followed again.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        launcher: Launcher,
        *,
        poll_seconds: float = 0.5,
        grace_seconds: float = 30.0,
    ) -> None:
        """`grace_seconds` lie between the cancel file and SIGTERM, and between SIGTERM and SIGKILL."""
        self._database = database
        self._settings = settings
        self._launcher = launcher
        self._poll_seconds = poll_seconds
        self._grace_seconds = grace_seconds
        self._children: dict[int, Child] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to supervise in a thread of its own."""
        self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a child that runs goes on, and is followed again after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def poke(self) -> None:
        """Look now for what changed, instead of at the next poll."""
        self._wake.set()

    def cancel(self, folder: Path) -> None:
        """Ask the child that works on a run folder to stop: by a file, or where none can be written, by SIGTERM."""
        try:
            (folder / "cancel").open("x").close()
        except FileExistsError:
            pass
        except OSError as error:
            logger.warning("No cancel file in %s (%s); terminating the process instead.", folder, error)
            if child := self._launcher.find(folder):
                child.terminate()

    def recover(self) -> None:
        """After a start: follow the children still alive, and mark as interrupted the runs whose child is gone."""
        for run in self._running():
            try:
                self._follow(run)
            except OSError:  # a folder that cannot be read must not keep the app from starting
                logger.exception("Run %d cannot be followed; trying again in the next round.", run.id)

    def tick(self) -> None:
        """One round: follow what runs, then start what waits."""
        self.recover()
        self._launch_next()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self.tick()
            except Exception:  # a full disk or a locked database must not end supervision
                logger.exception("Supervision failed; trying again in %g s.", RETRY_SECONDS)
                self._stopping.wait(RETRY_SECONDS)
            self._wake.wait(self._poll_seconds)
            self._wake.clear()

    def _running(self) -> list[Run]:
        with self._database.read() as session:
            return list(runs.by_status(session, status=RunStatus.RUNNING))

    def _folder(self, run: Run) -> Path:
        return self._settings.data_folder / run.folder

    def _follow(self, run: Run) -> None:
        folder = self._folder(run)
        child = self._children.get(run.id) or self._launcher.find(folder)
        alive = child is not None and child.is_alive()  # asked before copying, so that its last words are copied
        while self._copy_events(run.id, folder / "events.jsonl"):
            pass
        if child is not None and alive:
            self._children[run.id] = child
            self._press_cancel(child, folder)
        elif child is not None or not _just_claimed(run):
            self._settle(run, folder, child)
            self._children.pop(run.id, None)

    def _press_cancel(self, child: Child, folder: Path) -> None:
        try:
            asked = time.time() - (folder / "cancel").stat().st_mtime
        except FileNotFoundError:
            return
        if asked > 2 * self._grace_seconds:
            child.kill()
        elif asked > self._grace_seconds:
            child.terminate()

    def _copy_events(self, run_id: int, path: Path) -> bool:
        """Copy one block of events; the offset moves in the same transaction. False when there was nothing new."""
        with self._database.read() as session:
            start = runs.get(session, run_id=run_id).events_offset
        lines, end = read_lines(path, start)
        if end == start:
            return False
        events: list[Event] = []
        for line in lines:
            try:
                events.append(parse_event(line))
            except EventError as error:
                logger.warning("Skipped a line of %s before byte %d: %s", path, end, error)
        try:
            with self._database.write() as session:
                records = [
                    {**event.payload, "type": event.type, "time": event.time}
                    for event in events
                    if event.type != "step"  # its figures are kept as metrics
                ]
                run = runs.append_events(session, run_id=run_id, lines=records, start=start, end=end)
                for event in events:
                    _apply(session, run, event)
        except StaleWrite:
            logger.info("Another supervisor copied the events of run %d first.", run_id)
        return True

    def _launch_next(self) -> None:
        try:
            run = self._claim()
        except StaleWrite:
            logger.info("Another supervisor started the next run first.")
            return
        if run is None:
            return
        folder = self._folder(run)
        try:
            child = self._launcher.start(folder)
        except OSError as error:
            self._finish(run, Outcome(RunStatus.FAILED, f"Training could not be started: {error}. {folder}"))
            return
        self._children[run.id] = child
        with self._database.write() as session:
            runs.get(session, run_id=run.id, lock=True).pid = child.pid

    def _claim(self) -> Run | None:
        """Mark the oldest waiting run as running, unless one runs already; of two supervisors one succeeds."""
        with self._database.read() as session:
            if not runs.by_status(session, status=RunStatus.QUEUED, limit=1):
                return None
        with self._database.write() as session:
            waiting = runs.by_status(session, status=RunStatus.QUEUED, limit=1)
            if not waiting or runs.by_status(session, status=RunStatus.RUNNING, limit=1):
                return None
            run = runs.move(session, run_id=waiting[0].id, to=RunStatus.RUNNING, expected=[RunStatus.QUEUED])
            mark = {"type": LAUNCHED, "time": time.time()}
            offset = run.events_offset
            runs.append_events(session, run_id=run.id, lines=[mark], start=offset, end=offset)
        return run

    def _settle(self, run: Run, folder: Path, child: Child | None) -> None:
        with self._database.read() as session:
            last = runs.last_event(session, run_id=run.id, types={*TERMINAL_TYPES, LAUNCHED})
        code = None if child is None else child.exit_code
        outcome = judge(folder, last, watched=child is not None, exit_code=code)
        version = None
        if outcome.status is RunStatus.COMPLETED:
            try:
                version = model_version(run, folder)
            except (LagamcError, OSError) as error:
                outcome = Outcome(RunStatus.FAILED, f"Training ended, but its model cannot be used: {error}")
        self._finish(run, outcome, version)

    def _finish(self, run: Run, outcome: Outcome, version: ModelVersion | None = None) -> None:
        """Give the run its final status and, in the same transaction, its model version."""
        try:
            with self._database.write() as session:
                runs.move(
                    session,
                    run_id=run.id,
                    to=outcome.status,
                    expected=[RunStatus.RUNNING],
                    error=outcome.error,
                )
                if version is not None:
                    made = model_versions.add(session, version=version)
                    model_versions.activate(session, model_id=made.id)
        except StaleWrite:
            logger.info("Another supervisor settled run %d first.", run.id)
            return
        if version is not None:  # nothing goes on from it any more, and it takes more space than the model
            shutil.rmtree(self._folder(run) / "checkpoint", ignore_errors=True)
        logger.info("Run %d is %s. %s", run.id, outcome.status, outcome.error or "")


def _apply(session: Session, run: Run, event: Event) -> None:
    """Bring the run's progress and curves up to one event."""
    if event.type == "started":
        run.step, run.total_steps = event.payload["resumed_step"], event.payload["total_steps"]
        runs.discard_metrics(session, run_id=run.id, after_step=run.step)
    elif event.type in ("step", "evaluation"):
        run.step = event.payload["step"]
        run.remaining_seconds = event.remaining
        split = SplitName.TRAIN if event.type == "step" else SplitName.DEV
        runs.add_metrics(session, run_id=run.id, step=run.step, split=split, values=event.metrics)


def _just_claimed(run: Run) -> bool:
    """Whether another supervisor may be about to start the run's child."""
    age = utc_now() - (run.started_at or run.created_at)
    return run.pid is None and age.total_seconds() < CLAIM_SECONDS
