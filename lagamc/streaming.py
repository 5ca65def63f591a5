"""Documents in, results out: in input order, in batches of like length, in bounded memory."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from lagamc.errors import Cancelled

__all__ = ["CHUNK", "Advance", "Progress", "answered", "paced"]

CHUNK = 1024  # documents that are sorted by length together, at most
QUICK, SLOW = 2.0, 4.0  # seconds: after a quick chunk a larger one is taken, after a slow one a smaller one

Advance = Callable[[int], None]  # told of documents done so far
Progress = Callable[[int, int], None]  # told of documents done, and of those in all
Result = TypeVar("Result")


def paced(texts: Iterable[str], chunk: int, *, clock: Callable[[], float] = time.monotonic) -> Iterator[list[str]]:
    """Texts in chunks of at most `chunk` that take a few seconds each, however slow the model or the source is.

    What a chunk takes passes between its reading and the next one's, so that work on results counts too.
    """
    texts, size, began = iter(texts), 1, clock()
    while rows := list(itertools.islice(texts, size)):
        yield rows
        ended = clock()
        if ended - began < QUICK:
            size = min(2 * size, chunk)
        elif ended - began > SLOW:
            size = max(size // 2, 1)
        began = ended


def answered(
    chunks: Iterable[Sequence[str]],
    answer: Callable[[Sequence[str]], Sequence[Result]],
    *,
    batch_size: int,
    progress: Advance | None = None,
    cancelled: Callable[[], bool] | None = None,
    turn: contextlib.AbstractContextManager[object] | None = None,
) -> Iterator[Result]:
    """Answer texts in batches, and yield the results in the order of the texts.

    Args:
        chunks: texts that are held, and sorted by length, together; never read further ahead.
        answer: the results of one batch, in its order.
        batch_size: texts answered at a time.
        progress: told of the texts answered so far, after each batch.
        cancelled: asked before each batch.
        turn: held while a batch is answered and given up in between, a lock for example.

    Raises:
        Cancelled: `cancelled` returned true; the results of the chunk in hand are dropped.
    """
    turn = contextlib.nullcontext() if turn is None else turn
    done = 0
    for rows in chunks:
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
