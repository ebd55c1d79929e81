"""Losses and validation AUC by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from markupsafe import Markup

from egaze.report.figures.plot import Axis, Plot

# Title, and the log's key after the side.
_PANELS = (
    ("Classification loss", "classification"),
    ("Heatmap loss", "heatmap"),
    ("Alignment loss", "alignment"),
    ("Macro AUC", "macro_auc"),
)
_NAN = float("nan")


def training_curves(log: Sequence[dict[str, Any]], side: str = "validation") -> list[Markup]:
    """A chart for each quantity that the log holds: training dashed, the side that chose the epoch solid."""
    chosen = [number for number, line in enumerate(log, start=1) if line["best"]][-1:]
    starts = [number for number in range(2, len(log) + 1) if log[number - 1]["stage"] != log[number - 2]["stage"]]
    charts = []
    for title, key in _PANELS:
        train, validation = _series(log, f"train_{key}"), _series(log, f"{side}_{key}")
        if any(isfinite(value) for _, value in train + validation):
            charts.append(_chart(len(charts), title, train, validation, chosen, starts))
    return charts


def _chart(
    number: int,
    title: str,
    train: list[tuple[float, float]],
    validation: list[tuple[float, float]],
    chosen: list[int],
    starts: list[int],
) -> Markup:
    x = Axis.around([1, len(validation)], "epoch", whole=True)
    y = Axis.around([value for _, value in train + validation], "")
    plot = Plot(
        f"training-{number}",
        title,
        _described(title, validation, chosen),
        x,
        y,
        width=370,
        height=250,
        margins=(44, 30, 14, 42),
    )
    for epoch in starts:
        plot.line([(epoch - 0.5, y.low), (epoch - 0.5, y.high)], "stage")
    for epoch in chosen:
        plot.line([(epoch, y.low), (epoch, y.high)], "chosen")
    plot.line(train, "s0 dashed")
    plot.line(validation, "s1")
    for epoch in chosen:
        if isfinite(value := validation[epoch - 1][1]):
            plot.dot(epoch, value, "s1", said=f"chosen epoch {epoch}: {value:.3f}")
    return plot.svg()


def _described(title: str, validation: list[tuple[float, float]], chosen: list[int]) -> str:
    finite = [value for _, value in validation if isfinite(value)]
    if not finite:
        return f"{title} of {len(validation)} epochs."
    words = f"It goes from {finite[0]:.3f} to {finite[-1]:.3f} over {len(validation)} epochs."
    return f"{words} Epoch {chosen[0]} was chosen." if chosen else words


def _series(log: Sequence[dict[str, Any]], key: str) -> list[tuple[float, float]]:
    values = [line.get(key) for line in log]
    return [(epoch, _NAN if value is None else float(value)) for epoch, value in enumerate(values, start=1)]
