"""Wiring of handlers: expected errors reach the user as text, unexpected ones reach the log."""

from __future__ import annotations

import functools
import html
import logging
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from gradio.events import Dependency

from app.errors import AppError
from lagamc.errors import LagamcError
from storage.errors import StorageError

__all__ = ["INFERENCE", "MEASURING", "focus", "guarded", "on"]

INFERENCE = {"concurrency_id": "inference", "concurrency_limit": 1}  # one model answers at a time
MEASURING = {"concurrency_id": "measuring", "concurrency_limit": 1}  # many texts; who classifies or reviews goes first
ERROR_SECONDS = 30  # long enough to come back to
EXPECTED = (AppError, LagamcError, StorageError)

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)


def guarded(handler: Callable[P, R], *, escape: bool = True) -> Callable[P, R]:
    """Let `handler` raise nothing but gr.Error.

    The page renders the text of an error as HTML, and errors quote file contents and label names, so it is
    escaped; `escape=False` is for API endpoints, whose clients show plain text.
    """

    @functools.wraps(handler)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except EXPECTED as error:
            text = html.escape(str(error)) if escape else str(error)
            raise gr.Error(text, duration=ERROR_SECONDS, print_exception=False) from error
        except gr.Error:
            raise
        except Exception as error:
            log.exception("%s failed", handler.__qualname__)
            raise gr.Error(
                "Unexpected error; nothing more was changed. See the log for details.",
                duration=ERROR_SECONDS,
                print_exception=False,
            ) from error

    return call


def focus(selector: str) -> str:
    """The `js` of an event behind one that hides what had the focus: where a keyboard goes on."""
    return f"() => [...document.querySelectorAll('{selector}')].find((found) => found.checkVisibility())?.focus()"


def on(
    trigger: Callable[..., Dependency] | Sequence[Callable[..., Dependency]],
    handler: Callable[..., Any],
    inputs: Any = None,
    outputs: Any = None,
    **options: Any,
) -> Dependency:
    """Wire a guarded handler to an event of the page, or to several; API clients neither see nor reach it.

    Several that are wired together are answered one after another, so the answer to the last one stays. Wired one by
    one they are answered at the same time, and an earlier answer may come after a later one. No two
    events wired so may share a trigger unless one of them is `multiple`: what gradio's page puts off it sends, once it
    may, to all events of that trigger, and each would put the other off without end.

    With each message about an event the browser looks up every component that an event so far shows its progress on,
    hidden or not; an event whose progress is hidden therefore names none. `benchmarks/page.py` times it.

    What a person chose last is what counts: gradio drops an `input` that comes while one before it is answered.
    """
    several = isinstance(trigger, Sequence)
    if several or getattr(trigger, "event_name", None) == "input":
        options.setdefault("trigger_mode", "always_last")
    if options.get("show_progress") == "hidden":
        options["show_progress_on"] = []
    wire = functools.partial(gr.on, trigger) if several else trigger
    return wire(guarded(handler), inputs, outputs, api_visibility="private", **options)
