"""A fresh, migrated database for a test: SQLite, or PostgreSQL where TEST_POSTGRESQL names a server.

For instance TEST_POSTGRESQL=postgresql+psycopg://postgres@127.0.0.1:5432, and psycopg installed.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from uuid import uuid4

import sqlalchemy

from storage import runs
from storage.engine import Database

POSTGRESQL = os.environ.get("TEST_POSTGRESQL")


@contextmanager
def fresh_database(folder):
    """Yield a Database at the newest revision, gone afterwards."""
    if POSTGRESQL is None:
        yield from _migrated(f"sqlite:///{folder / 'workbench.db'}")
        return
    name = f"test_{uuid4().hex}"
    server = sqlalchemy.create_engine(f"{POSTGRESQL}/postgres", isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield from _migrated(f"{POSTGRESQL}/{name}")
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    server.dispose()


def _migrated(url):
    database = Database(url)
    database.migrate()
    yield database
    database.dispose()


def raise_step(url, run_id, times):
    """Read a number, add one, write it back: what loses updates where transactions begin too late."""
    database = Database(url)
    for _ in range(times):
        with database.write() as session:
            run = runs.get(session, run_id=run_id, lock=True)
            run.step = run.step + 1
    database.dispose()
