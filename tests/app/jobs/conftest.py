"""A migrated database, run folders, and a supervisor over fake children."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from app.jobs.launcher import LocalLauncher
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from storage import projects, runs
from storage.engine import Database
from storage.models import RunStatus

FAKE_CHILD = Path(__file__).with_name("fake_child.py")
PATIENCE_SECONDS = 120
PINNED = [
    {"label_id": 1, "name": "bins", "description_version_id": 1},
    {"label_id": 2, "name": "noise", "description_version_id": 2},
]


@pytest.fixture
def settings(tmp_path):
    """Settings over a fresh data folder."""
    return Settings(data_folder=tmp_path)


@pytest.fixture
def database(settings):
    """A migrated database with one project."""
    database = Database(settings.database_url)
    database.migrate()
    with database.write() as session:
        projects.add(session, name="messages")
    yield database
    database.dispose()


class Bench:
    """Queues fake runs and lets supervisors work on them, tick by tick."""

    def __init__(self, database, settings):
        self.database = database
        self.settings = settings
        self.launcher = LocalLauncher((sys.executable, str(FAKE_CHILD)))
        self.supervisor = self.another_supervisor()

    def another_supervisor(self, grace_seconds=30.0):
        """What a restarted app, or a second one on the same data folder, would have."""
        return Supervisor(self.database, self.settings, self.launcher, poll_seconds=0.02, grace_seconds=grace_seconds)

    def queue(self, behaviour):
        """Queue a run whose child behaves so, and return its id."""
        with self.database.write() as session:
            config = {"training": {"backbone": "fake"}, "labels": PINNED}
            run = runs.add(session, project_id=1, config=config, author="ann")
            run.folder = f"runs/{run.id}"
        self.folder(run.id).mkdir(parents=True)
        (self.folder(run.id) / "behaviour").write_text(behaviour)
        return run.id

    def folder(self, run_id):
        """The run folder."""
        return self.settings.runs_folder / str(run_id)

    def run(self, run_id):
        """The run as stored."""
        with self.database.read() as session:
            return runs.get(session, run_id=run_id)

    def types(self, run_id):
        """The types of its events, in order."""
        with self.database.read() as session:
            return [event.type for event in runs.events(session, run_id=run_id)]

    def tick_until(self, condition, supervisor=None):
        """Let a supervisor work until `condition()` holds."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end, "waited too long"
            (supervisor or self.supervisor).tick()
            time.sleep(0.02)

    def finish(self, run_id, supervisor=None):
        """Let a supervisor work until a run has ended, and return it."""
        self.tick_until(lambda: self.run(run_id).status in runs.FINAL, supervisor)
        return self.run(run_id)

    def close(self):
        """End what still runs."""
        self.supervisor.stop()
        with self.database.read() as session:
            left = runs.by_status(session, status=RunStatus.RUNNING)
        for run in left:
            if child := self.launcher.find(self.folder(run.id)):
                child.kill()


@pytest.fixture
def bench(database, settings):
    """Queues runs with fake children."""
    bench = Bench(database, settings)
    yield bench
    bench.close()
