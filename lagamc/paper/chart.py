"""A bar chart as SVG text: the paper's figures and ours, side by side."""

from __future__ import annotations

from html import escape

from lagamc.paper.outcome import Outcome

__all__ = ["bar_chart"]

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP = 860, 330, 70, 9, 8
_COLOURS = {"paper": "#b8bec9", "ours": "#2458a6"}


def bar_chart(outcome: Outcome) -> str:
    """One pair of bars a figure, longest value over the whole width; empty bars are left out."""
    bars = [
        (f"{row.data}, {row.system}, {name}", {"paper": cell.paper, "ours": cell.ours})
        for row in outcome.rows
        for name, cell in row.cells.items()
        if cell.paper is not None or cell.ours is not None
    ]
    largest = max((value for _, sides in bars for value in sides.values() if value is not None), default=1) or 1
    room = _WIDTH - _LEFT - _RIGHT
    step = 2 * _BAR + _GAP
    height = 64 + step * len(bars)
    frame = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="11" role="img">'
    )
    parts = [
        frame,
        f"<title>{escape(outcome.title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="18" font-size="14">{escape(outcome.title)}</text>',
    ]
    for place, (side, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + 90 * place
        parts.append(f'<rect x="{x}" y="30" width="12" height="{_BAR}" fill="{colour}"/>')
        parts.append(f'<text x="{x + 17}" y="39">{side}</text>')
    for position, (label, sides) in enumerate(bars):
        top = 52 + step * position
        parts.append(f'<text x="{_LEFT - 6}" y="{top + _BAR + 3}" text-anchor="end">{escape(label)}</text>')
        for line, (side, value) in enumerate(sides.items()):
            if value is None:
                continue
            y, length = top + line * _BAR, max(value, 0) / largest * room
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 1}" fill="{_COLOURS[side]}"/>'
            )
            parts.append(f'<text x="{_LEFT + length + 4:.1f}" y="{y + _BAR - 1}" font-size="9">{shown}</text>')
    return "\n".join([*parts, "</svg>", ""])
