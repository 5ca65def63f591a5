from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from databases import raise_step
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from storage import engine as engine_module
from storage import projects, runs
from storage.engine import Database
from storage.errors import NotFound, StorageError
from storage.models import Project, Run

WRITERS = 4
WRITES = 25


@pytest.fixture
def run_id(database, project_id):
    with database.write() as session:
        return runs.add(session, project_id=project_id, config={}, author="ann").id


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_concurrent_read_modify_writes_lose_nothing(database, run_id, pool):
    """Every one of the increments by several threads, or processes, arrives."""
    options = {} if pool is ThreadPoolExecutor else {"mp_context": multiprocessing.get_context("spawn")}
    with pool(WRITERS, **options) as executor:
        for done in [executor.submit(raise_step, database.url, run_id, WRITES) for _ in range(WRITERS)]:
            done.result()
    with database.read() as session:
        assert runs.get(session, run_id=run_id).step == WRITERS * WRITES


def test_readers_do_not_wait_for_a_writer(database, project_id):
    """While a transaction is open, a reader sees the state before it."""
    with database.write() as writing:
        projects.rename(writing, project_id=project_id, name="renamed")
        writing.flush()
        with database.read() as session:
            assert projects.get(session, project_id=project_id).name == "messages"
    with database.read() as session:
        assert projects.get(session, project_id=project_id).name == "renamed"


def test_a_failed_transaction_leaves_nothing(database):
    """What was written before an error is not there after it."""
    with pytest.raises(NotFound), database.write() as session:
        projects.rename(session, project_id=projects.add(session, name="half").id + 1, name="other")
    with database.read() as session:
        assert projects.listed(session) == []


def test_read_sessions_cannot_write(database):
    """A reading session refuses a flush."""
    with database.read() as session, pytest.raises(DBAPIError, match=r"readonly|read-only"):
        projects.add(session, name="smuggled")


def test_foreign_keys_are_enforced(database):
    """A run of no project cannot be stored."""
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(Run(project_id=99, author="ann"))


def test_times_come_back_aware_and_in_utc(database):
    """A time of any zone is stored as the same moment in UTC."""
    moment = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    with database.write() as session:
        session.add(project := Project(name="a", name_key="a", created_at=moment))
    with database.read() as session:
        stored = projects.get(session, project_id=project.id).created_at
    assert stored == moment
    assert stored.tzinfo is UTC


def test_naive_times_are_refused(database):
    """A time without a zone is a mistake, not a guess."""
    with pytest.raises(StatementError, match="timezone"), database.write() as session:
        session.add(Project(name="a", name_key="a", created_at=datetime(2026, 5, 1)))  # noqa: DTZ001


def test_a_missing_row_says_what_is_missing(database):
    """NotFound names the kind and the key."""
    with database.read() as session, pytest.raises(NotFound, match="no project 7"):
        projects.get(session, project_id=7)


def test_a_locked_database_ends_in_advice(tmp_path, monkeypatch):
    """A writer that another program keeps waiting gives up with a message, having written nothing."""
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_MS", 50)
    database = Database(f"sqlite:///{tmp_path / 'workbench.db'}")
    database.migrate()
    other = sqlite3.connect(tmp_path / "workbench.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match=r"locked.*nothing of it was saved"), database.write() as session:
        projects.add(session, name="late")
    other.rollback()
    with database.write() as session:
        projects.add(session, name="late")
    other.close()
    database.dispose()


@pytest.mark.parametrize("url", ["nonsense", "nosuchdatabase://host/name", ""])
def test_an_address_that_cannot_be_used_ends_in_advice(url):
    """The message shows how an address is written."""
    with pytest.raises(StorageError, match="sqlite:////folder"):
        Database(url)
