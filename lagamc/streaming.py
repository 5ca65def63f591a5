"""Documents in, results out: in input order, in batches of like length, in bounded memory."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from lagamc.errors import Cancelled, ConfigError

__all__ = ["CHUNK", "Advance", "Progress", "answered"]

CHUNK = 1024  # documents that are sorted by length together

Advance = Callable[[int], None]  # told of documents done so far
Progress = Callable[[int, int], None]  # told of documents done, and of those in all
Result = TypeVar("Result")


def answered(
    texts: Iterable[str],
    answer: Callable[[Sequence[str]], Sequence[Result]],
    *,
    batch_size: int,
    chunk: int = CHUNK,
    progress: Advance | None = None,
    cancelled: Callable[[], bool] | None = None,
    turn: contextlib.AbstractContextManager[object] | None = None,
) -> Iterator[Result]:
    """Answer texts in batches, and yield the results in the order of the texts.

    Args:
        texts: read a chunk at a time, never further ahead.
        answer: the results of one batch, in its order.
        batch_size: texts answered at a time.
        chunk: texts, and results, held at a time.
        progress: told of the texts answered so far, after each batch.
        cancelled: asked before each batch.
        turn: held while a batch is answered and given up in between, a lock for example.

    Raises:
        ConfigError: no text would be answered, or held, at a time. Told at once.
        Cancelled: `cancelled` returned true; the results of the chunk in hand are dropped.
    """
    if batch_size < 1 or chunk < 1:
        raise ConfigError(f"batch_size and chunk must be at least 1, got {batch_size} and {chunk}.")
    return _answered(
        texts, answer, batch_size=batch_size, chunk=chunk, progress=progress, cancelled=cancelled,
        turn=contextlib.nullcontext() if turn is None else turn,
    )  # fmt: skip


def _answered(
    texts: Iterable[str],
    answer: Callable[[Sequence[str]], Sequence[Result]],
    *,
    batch_size: int,
    chunk: int,
    progress: Advance | None,
    cancelled: Callable[[], bool] | None,
    turn: contextlib.AbstractContextManager[object],
) -> Iterator[Result]:
    texts, done = iter(texts), 0
    while rows := list(itertools.islice(texts, chunk)):
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))  # memory that is freed fits what follows
        results: dict[int, Result] = {}
        for start in range(0, len(order), batch_size):
            if cancelled is not None and cancelled():
                raise Cancelled(f"Stopped after {done:,} documents.")
            batch = order[start : start + batch_size]
            with turn:
                results.update(zip(batch, answer([rows[row] for row in batch]), strict=True))
            if progress is not None:
                progress(done + len(results))
        done += len(rows)
        yield from (results.pop(row) for row in range(len(rows)))
