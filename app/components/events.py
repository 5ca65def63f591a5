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

__all__ = ["INFERENCE", "IN_ORDER", "guarded", "on"]

INFERENCE = {"concurrency_id": "inference", "concurrency_limit": 1}  # one model answers at a time
IN_ORDER: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_limit": 1}  # of several clicks the last one stays
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
                "Unexpected error; nothing more was changed. See the log for details.", print_exception=False
            ) from error

    return call


def on(
    trigger: Callable[..., Dependency] | Sequence[Callable[..., Dependency]],
    handler: Callable[..., Any],
    inputs: Any = None,
    outputs: Any = None,
    **options: Any,
) -> Dependency:
    """Wire a guarded handler to an event of the page, or to several; API clients neither see nor reach it.

    What follows from a change is answered one after another, so the answer to the last one stays: left to itself gradio
    answers several of them at the same time, and an earlier answer may come after a later one. Of `input` only the last
    is answered of those that come while one before it is: by default gradio drops them. That is `always_last`, and no
    other event may have the same trigger then: what was put off is sent to all of them, each puts the others off in
    turn, and it never ends.

    With each message about an event the browser looks up every component that an event so far shows its progress on,
    hidden or not; an event whose progress is hidden therefore names none. `benchmarks/page.py` times it.
    """
    triggers = trigger if isinstance(trigger, Sequence) else [trigger]
    names = {getattr(one, "event_name", None) for one in triggers}
    if names == {"input"}:
        options.setdefault("trigger_mode", "always_last")
    elif "change" in names or len(triggers) > 1:
        options = IN_ORDER | options
    if options.get("show_progress") == "hidden":
        options["show_progress_on"] = []
    wire = functools.partial(gr.on, trigger) if isinstance(trigger, Sequence) else trigger
    return wire(guarded(handler), inputs, outputs, api_visibility="private", **options)
