"""Plots of losses and macro AUC by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from markupsafe import Markup

from egaze.report.plots.plot import Axis, Plot, Point

if TYPE_CHECKING:
    from egaze.training.epoch_log import EpochLog

# Title, and the log's name of the quantity.
_PANELS = (
    ("Classification loss", "classification"),
    ("Heatmap loss", "heatmap"),
    ("Alignment loss", "alignment"),
    ("Macro AUC", "macro_auc"),
    ("CC with gaze", "agreement_cc"),
    ("NSS of the heatmap", "agreement_nss"),
    ("KL divergence of the heatmap", "agreement_kl"),
)
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class _Curve:
    """One quantity of one run: on training, on the split that chose the epoch, that epoch, and where stages begin."""

    train: list[Point]
    chooser: list[Point]
    chosen: list[int]
    starts: list[int]

    @classmethod
    def of(cls, log: Sequence[EpochLog], key: str) -> _Curve:
        chosen = [number for number, entry in enumerate(log, start=1) if entry.best][-1:]
        starts = [number for number in range(2, len(log) + 1) if log[number - 1].stage != log[number - 2].stage]
        chooser = [_measured(entry, key) for entry in log]
        return cls(_points([entry.train_losses.get(key) for entry in log]), _points(chooser), chosen, starts)


def training_curves(logs: Sequence[Sequence[EpochLog]]) -> list[Markup]:
    """Draw one plot for each quantity in the runs' logs: dashed on training, solid on the split that chose the epoch.

    Each of several runs has its own lines, with a dot at its chosen epoch.
    """
    plots: list[Markup] = []
    for title, key in _PANELS:
        curves = [_Curve.of(log, key) for log in logs]
        if any(isfinite(value) for curve in curves for _, value in curve.train + curve.chooser):
            plots.append(_plot(len(plots), title, curves))
    return plots


def _plot(number: int, title: str, curves: Sequence[_Curve]) -> Markup:
    x = Axis.around([1, max(len(curve.chooser) for curve in curves)], "epoch", whole=True)
    y = Axis.around([value for curve in curves for _, value in curve.train + curve.chooser], "")
    plot = Plot(
        f"training-{number}",
        title,
        _described(title, curves),
        x,
        y,
        width=370,
        height=250,
        margins=(44, 30, 14, 42),
    )
    if len(curves) == 1:
        for epoch in curves[0].starts:
            plot.line([(epoch - 0.5, y.low), (epoch - 0.5, y.high)], "stage")
        for epoch in curves[0].chosen:
            plot.line([(epoch, y.low), (epoch, y.high)], "chosen")
    for curve in curves:
        plot.line(curve.train, "s0 dashed")
        plot.line(curve.chooser, "s1")
    for curve in curves:
        for epoch in curve.chosen:
            if isfinite(value := curve.chooser[epoch - 1][1]):
                plot.dot(epoch, value, "s1", said=f"chosen epoch {epoch}: {value:.3f}")
    return plot.svg()


def _described(title: str, curves: Sequence[_Curve]) -> str:
    known = [[value for _, value in curve.chooser if isfinite(value)] for curve in curves]
    ends = [(values[0], values[-1]) for values in known if values]
    epochs = max(len(curve.chooser) for curve in curves)
    if not ends:
        return f"{title} of {epochs} epochs."
    if len(curves) > 1:
        last = [end for _, end in ends]
        return f"{len(curves)} runs of {epochs} epochs at most; they end between {min(last):.3f} and {max(last):.3f}."
    words = f"It goes from {ends[0][0]:.3f} to {ends[0][1]:.3f} over {epochs} epochs."
    chosen = curves[0].chosen
    return f"{words} Epoch {chosen[0]} was chosen." if chosen else words


def _measured(entry: EpochLog, key: str) -> float | None:
    """A quantity on the split that the epoch was measured on."""
    if key == "macro_auc":
        return entry.macro_auc
    if key.startswith("agreement_"):
        return entry.agreement.get(key.replace("agreement", "heatmap"))
    return entry.losses.get(key)


def _points(values: Sequence[float | None]) -> list[Point]:
    return [(epoch, _NAN if value is None else float(value)) for epoch, value in enumerate(values, start=1)]
