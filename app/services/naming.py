"""What a person typed into one line, made fit to be stored, or refused with a reason."""

from __future__ import annotations

from app.errors import AppError
from lagamc.labels import one_line

__all__ = ["MAX_NAME_CHARACTERS", "checked_line", "checked_text", "unstorable"]

MAX_NAME_CHARACTERS = 200


def unstorable(text: str) -> str | None:
    """Return why a database or a file cannot hold a text, or None when it can."""
    if "\x00" in text:
        return "it holds a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it holds half of a surrogate pair, which is no character"
    return None


def checked_text(text: str, *, what: str, limit: int) -> str:
    """Return a text without the white space around it; it may be empty.

    Raises:
        AppError: it is longer than `limit`, or cannot be stored; `what` names it, capitalised.
    """
    text = text.strip()
    if len(text) > limit:
        raise AppError(f"{what} has {len(text):,} characters; at most {limit:,} are taken. Shorten it.")
    if reason := unstorable(text):
        raise AppError(f"{what} cannot be stored: {reason}. Type it again.")
    return text


def checked_line(text: str, *, what: str, limit: int = MAX_NAME_CHARACTERS) -> str:
    """Return a text as the library has names and descriptions: white space collapsed, accents composed.

    Raises:
        AppError: it is blank, longer than `limit`, or cannot be stored; `what` names it, capitalised.
    """
    text = one_line(text)
    if not text:
        raise AppError(f"{what} is blank. Write it.")
    return checked_text(text, what=what, limit=limit)
