"""What running one table gives: the paper's figures beside ours, with the protocol of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lagamc.bootstrap import Interval

__all__ = ["PAPER_PROTOCOL", "Cell", "Outcome", "Row"]

PAPER_PROTOCOL = (
    "As printed in arXiv 2506.06806. The released code measures with the true target as the decoder's input "
    "(teacher forcing), so these figures and free-running ones answer different questions."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure on both sides; None where a side has none."""

    paper: float | None = None
    ours: float | None = None
    interval: Interval | None = None  # 95%, over test documents

    def text(self) -> str:
        """`paper / ours [low, high]`."""
        shown = f"{_number(self.paper)} / {_number(self.ours)}"
        if self.interval is not None:
            shown += f" [{_number(self.interval.low)}, {_number(self.interval.high)}]"
        return shown


@dataclass(frozen=True, slots=True)
class Row:
    """One system on one data set."""

    data: str
    system: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole table."""

    table: str
    title: str
    our_protocol: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    paper_protocol: str = PAPER_PROTOCOL

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """The table as text."""
        yield self.title
        yield f"paper: {self.paper_protocol}"
        yield f"ours:  {self.our_protocol}"
        yield from (f"note:  {note}" for note in self.notes)
        if not self.rows:
            return
        columns = list(dict.fromkeys(column for row in self.rows for column in row.cells))
        table = [["data", "system", *(f"{column} (paper / ours)" for column in columns)]]
        table += [
            [row.data, row.system, *(row.cells[name].text() if name in row.cells else "" for name in columns)]
            for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        yield ""
        for line in table:
            yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
