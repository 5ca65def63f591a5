"""Errors of the workbench itself. Every message says what was found and what to do."""

from __future__ import annotations

__all__ = ["AppError"]


class AppError(Exception):
    """Something was asked for that cannot be done as it stands; its text is meant for the user."""
