"""What storage can refuse. Every message says what was found and what to do."""

from __future__ import annotations

__all__ = ["NameTaken", "NotFound", "StaleWrite", "StorageError"]


class StorageError(Exception):
    """Base of all errors raised by storage; its text is meant for the user."""


class NotFound(StorageError):
    """A row was asked for that does not exist."""

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"There is no {what} {key}. It may belong to another data folder; reload the page.")


class NameTaken(StorageError):
    """A name must be unique and is in use, perhaps by something retired."""


class StaleWrite(StorageError):
    """The row has changed since it was read; nothing was written."""
