"""The event file of a run: one JSON object a line, appended by the child, read here from a byte offset."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["TERMINAL_TYPES", "Event", "EventError", "parse_event", "read_lines"]

READ_BYTES = 1 << 18
MAX_STEP = 2**31 - 1
MAX_TIME = 253_402_300_799.0  # the end of the year 9999
TERMINAL_TYPES = frozenset({"completed", "cancelled", "failed"})

_INTEGERS: dict[str, tuple[str, ...]] = {
    "started": ("resumed_step", "total_steps"),
    "step": ("step",),
    "evaluation": ("step",),
    "checkpoint": ("step",),
    "completed": (),
    "cancelled": (),
    "failed": (),
}
_NUMBERS: dict[str, tuple[str, ...]] = {
    "step": ("loss", "cross_entropy", "cosine", "description", "lambda"),
    "evaluation": ("micro_f1", "macro_f1"),
}


class EventError(ValueError):
    """A line of an event file that is no event."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type, its time in unix seconds, and every other field of its line."""

    type: str
    time: float
    payload: dict[str, Any] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """The figures to plot: loss and its terms of a step, F1 of an evaluation."""
        return {name: float(self.payload[name]) for name in _NUMBERS.get(self.type, ())}

    @property
    def remaining(self) -> float | None:
        """Estimated seconds to the end, where the event says so."""
        seconds = self.payload.get("remaining")
        return None if seconds is None else float(seconds)


def read_lines(path: Path, offset: int, limit: int = READ_BYTES) -> tuple[list[bytes], int]:
    """The complete lines that begin at `offset`, and the offset behind them.

    At most `limit` bytes are read. A last line without its line feed is left for a later call, unless it alone
    fills `limit`: then its piece is returned, so that a runaway line cannot hold up what follows it.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            block = file.read(limit)
    except FileNotFoundError:
        return [], offset
    end = block.rfind(b"\n") + 1
    if end == 0 and len(block) == limit:
        end = limit
    return block[:end].splitlines(), offset + end


def parse_event(line: bytes) -> Event:
    """Read one line. Raises EventError for broken JSON, an unknown type, or a missing or non-finite number."""
    try:
        payload = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise EventError(f"not a line of JSON: {error}") from error
    if not isinstance(payload, dict):
        raise EventError(f"expected a JSON object, found {type(payload).__name__}")
    kind = payload.pop("type", None)
    if not isinstance(kind, str) or kind not in _INTEGERS:
        raise EventError(f"unknown event type {kind!r:.80}")
    time = _number(payload.pop("time", None), "time")
    if not 0 <= time < MAX_TIME:
        raise EventError(f"time must be in unix seconds, found {time}")
    for name in _INTEGERS[kind]:
        value = payload.get(name)
        if type(value) is not int or not 0 <= value <= MAX_STEP:
            raise EventError(f"{kind}.{name} must be a whole number of steps, found {value!r:.80}")
    for name in _NUMBERS.get(kind, ()):
        _number(payload.get(name), f"{kind}.{name}")
    if payload.get("remaining") is not None:
        _number(payload["remaining"], f"{kind}.remaining")
    return Event(type=kind, time=time, payload=payload)


def _number(value: object, name: str) -> float:
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise EventError(f"{name} must be a finite number, found {value!r:.80}")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
