"""The tables that `lagamc paper` measured, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["origin", "paper_table", "short"]


def paper_table(content: Mapping[str, Any]) -> str:
    """One table, the paper's figures beside ours."""
    columns = list(dict.fromkeys(name for row in content["rows"] for name in row["cells"]))
    heads = [f"{name.replace('_f1', '-F1')}, {side}" for name in columns for side in ("paper", "ours")]
    made = origin(content)
    lines = [
        f"**{content['title']}**; {made}. Ours: {content['our_protocol']}\n",
        f"| data | system | {' | '.join(heads)} |",
        f"|---|---|{'---|' * len(heads)}",
    ]
    for row in content["rows"]:
        cells = [row["cells"].get(name, {}) for name in columns]
        figures = [text for cell in cells for text in (bare(cell.get("paper")), with_interval(cell))]
        lines.append(f"| {row['data']} | {row['system']} | {' | '.join(figures)} |")
    return "\n".join([*lines, *(f"\n{note}" for note in content["notes"])]) + "\n"


def bare(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


def with_interval(cell: Mapping[str, Any]) -> str:
    found = cell.get("interval")
    return bare(cell.get("ours")) + (f" [{found['low']:.3f}, {found['high']:.3f}]" if found else "")


def origin(content: Mapping[str, Any]) -> str:
    """Command and machine, and the revision where the file says it."""
    measured = f", at {short(content['revision'])}" if "revision" in content else ""
    return f"`{content['command']}` on {content['machine']}{measured}"


def short(revision: str) -> str:
    """A git revision with its hash cut to 7 digits."""
    return re.sub(r"\b([0-9a-f]{7})[0-9a-f]{33}\b", r"\1", revision)
