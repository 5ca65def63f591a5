"""What storage can refuse. Every message says what was found and what to do."""

from __future__ import annotations

__all__ = ["NameTaken", "NotFound", "Retired", "StaleWrite", "StorageError"]


class StorageError(Exception):
    """Base of all errors raised by storage; its text is meant for the user."""


class NotFound(StorageError):
    """A row was asked for that does not exist."""

    def __init__(self, what: str, key: object, *, why: str = "") -> None:
        super().__init__(f"There is no {what} {key}. It may {why}belong to another data folder; reload the page.")


class NameTaken(StorageError):
    """A name must be unique and is in use, perhaps by something retired."""


class Retired(StorageError):
    """Something was to be written into a project that is put away."""

    def __init__(self, project: str) -> None:
        super().__init__(
            f"The project {project!r} was retired, so nothing more was written to it. Restore it under "
            "'Change, retire, restore' on the Projects tab, then try again."
        )


class StaleWrite(StorageError):
    """The row has changed since it was read; nothing was written."""
