"""Engines and sessions: one writer at a time, readers that never wait, short transactions."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlmodel import Session

from storage.errors import StorageError

__all__ = ["Database", "create_engine"]

BUSY_TIMEOUT_MS = 30_000
MIGRATIONS = Path(__file__).parent / "migrations"


def create_engine(url: str, *, read_only: bool = False, foreign_keys: bool = True) -> Engine:
    """Return an engine whose transactions all write, or, if `read_only`, that cannot write at all.

    On SQLite a writing transaction takes the write lock when it begins (BEGIN IMMEDIATE): one that read
    first and locked later could fail half-way, or overwrite what it never saw. Migrations go without
    `foreign_keys`, because SQLite alters a table by building it anew.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed, read_only=read_only, foreign_keys=foreign_keys)
        # A read-modify-write must see what the last one committed: rows are locked with FOR UPDATE.
        options = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"} if read_only else {}
        return sqlalchemy.create_engine(parsed, pool_pre_ping=True, execution_options=options)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise StorageError(
            f"The database address cannot be used ({error}). Write it like sqlite:////folder/workbench.db "
            "or postgresql+psycopg://user@host/name, and install the driver it names."
        ) from error


def _sqlite_engine(url: URL, *, read_only: bool, foreign_keys: bool) -> Engine:
    engine = sqlalchemy.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows no letter but a to z
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute(f"PRAGMA foreign_keys = {int(foreign_keys)}")
        cursor.execute(f"PRAGMA query_only = {int(read_only)}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _lower(value: Any) -> Any:
    """Text as searches compare it, accents as one character each."""
    return unicodedata.normalize("NFC", value).casefold() if isinstance(value, str) else value


class Database:
    """The one way to the tables: `write()` for one transaction, `read()` for queries and polls."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._writer = create_engine(url)
        self._reader = create_engine(url, read_only=True)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session for one short transaction; commits at the end, rolls back on any error.

        Raises:
            StorageError: the database is locked or cannot grow; nothing was written.
        """
        try:
            with Session(self._writer, expire_on_commit=False) as session, session.begin():
                yield session
        except OperationalError as error:
            raise StorageError(
                f"The database did not take this step ({error.orig}), so nothing of it was saved. "
                "Make sure that the disk has room and no other program holds the database, then try again."
            ) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that sees one consistent state and cannot write."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    def migrate(self) -> None:
        """Bring the database to the newest revision, creating it where it is missing.

        Raises:
            StorageError: it cannot be opened, is no database, or comes from a newer version.
        """
        url = make_url(self.url)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        engine = create_engine(self.url, foreign_keys=False)
        try:
            if url.get_backend_name() == "sqlite" and url.database:
                Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            with engine.begin() as connection:  # one transaction: what fails half-way leaves nothing behind
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except (CommandError, DatabaseError, OSError) as error:
            raise StorageError(
                f"The database {url.render_as_string()} cannot be opened or brought up to date ({error}). "
                "Check the address and its rights; a database of a newer version needs that version."
            ) from error
        finally:
            engine.dispose()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._writer.dispose()
        self._reader.dispose()
