"""Curves of a run over its steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

__all__ = ["CURVES", "Curve", "plot", "plotted"]

Metrics = Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True, slots=True)
class Curve:
    """One plot: metrics by name, each with the name it has on screen."""

    title: str
    names: Mapping[str, str]
    limits: tuple[float | None, float | None] = (None, None)
    points: bool = False  # few and far between: a line of one point would not be seen


CURVES = (
    Curve("Loss", {"loss": "total", "cross_entropy": "cross-entropy"}),
    Curve("Cosine term: 1 - cosine", {"cosine": "cosine"}),
    Curve("F1 on dev", {"micro_f1": "micro-F1", "macro_f1": "macro-F1"}, (0, 1), points=True),
    Curve("Lambda: share of the cross-entropy", {"lambda": "lambda"}, (0, 1)),
)


def plot(curve: Curve) -> gr.LinePlot | gr.ScatterPlot:
    """Lay out an empty plot."""
    return _kind(curve)(
        x="step",
        y="value",
        color="name" if len(curve.names) > 1 else None,
        title=curve.title,
        x_title="step",
        y_title=" ",
        color_title=" ",
        y_lim=list(curve.limits),
        height=190,
        min_width=260,
        show_label=False,
        buttons=[],
    )


def plotted(curve: Curve, metrics: Metrics) -> Any:
    """Return the update that draws the metrics; a curve without points keeps its axes."""
    import pandas as pd

    rows = [(step, value, shown) for name, shown in curve.names.items() for step, value in metrics.get(name, ())]
    # Gradio settles types and colours at the first drawing, and fails at a resize where there is no value any more.
    blank = [(0, float("nan"), shown) for shown in curve.names.values()]
    last = max((step for step, _, _ in rows), default=0)
    # of one point alone the axis has no sense, and on its end the last point would be cut in half
    limits = {"x_lim": [0, math.ceil(last * 1.02)]} if curve.points and last else {}
    return _kind(curve)(pd.DataFrame(rows or blank, columns=["step", "value", "name"]), **limits)


def _kind(curve: Curve) -> type[gr.LinePlot | gr.ScatterPlot]:
    return gr.ScatterPlot if curve.points else gr.LinePlot
