"""Plots of one recording: gaze in time and on the screen, where it was lost, and its error at targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from egaze.gaze import GazeSamples, Screen, ShownPicture, TrackerValidation
from egaze.report.plots.plot import Axis, Plot

#: Traces are drawn by their lowest and highest position in each of so many parts of the time.
_PARTS = 400
#: Samples on the screen are thinned out to at most so many.
_DOTS = 1200
#: Offsets at targets are drawn this many times as long as they are.
_LONGER = 5.0


def gaze_traces(name: str, samples: GazeSamples) -> Markup:
    """Plot x and y in time; times without a position are shaded."""
    begin_s, end_s = float(samples.time_s[0]), float(samples.time_s[-1])
    part = ((samples.time_s - begin_s) / max(end_s - begin_s, 1e-9) * (_PARTS - 1)).astype(np.int64)
    width_s = (end_s - begin_s) / _PARTS
    valid = samples.is_valid
    inside = [np.percentile(values[valid], [0.5, 99.5]) if valid.any() else (0, 1) for values in (samples.x, samples.y)]
    low, high = min(pair[0] for pair in inside), max(pair[1] for pair in inside)
    y = Axis.around((float(low), float(high)), f"position, {samples.unit}")
    plot = Plot(
        f"{name}-traces",
        "Position in time: x blue, y orange, lost shaded",
        f"{int(valid.sum())} of {len(samples)} samples have a position.",
        Axis.around((0.0, end_s - begin_s), "time, s"),
        y,
        width=760,
        height=230,
        margins=(56, 30, 14, 44),
    )
    count = np.bincount(part, minlength=_PARTS)
    seen = np.bincount(part[valid], minlength=_PARTS)
    for begin, end in _runs((seen == 0) | (2 * seen < count)):
        plot.box(begin * width_s, y.low, end * width_s, y.high, "lost")
    for look, values in (("s0", samples.x), ("s1", samples.y)):
        lowest, highest = _extremes(part[valid], np.clip(values[valid], y.low, y.high))
        points = [
            (place * width_s, float(value)) for place in range(_PARTS) for value in (lowest[place], highest[place])
        ]
        plot.line(points, f"thin {look}")
    return plot.svg()


def gaze_on_screen(name: str, samples: GazeSamples, screen: Screen, pictures: Sequence[ShownPicture]) -> Markup | None:
    """Plot samples on the screen with the places of the pictures; None for positions that are not in pixels."""
    valid = np.flatnonzero(samples.is_valid)
    if samples.unit != "px" or not len(valid):
        return None
    chosen = valid[:: max(1, len(valid) // _DOTS)]
    right = float(screen.width_px or np.percentile(samples.x[valid], 99.5))
    bottom = float(screen.height_px or np.percentile(samples.y[valid], 99.5))
    plot = Plot(
        f"{name}-screen",
        "Gaze on the screen",
        f"{len(chosen)} of {len(valid)} samples with a position, and where pictures lay.",
        Axis.around((0.0, right), "x, px"),
        _downwards(bottom),
        width=400,
        height=max(170, min(420, round(330 * bottom / right) + 74)),
        margins=(56, 30, 14, 44),
    )
    for place in {_corners(picture) for picture in pictures if picture.has_place}:
        left, top, width, height = place
        plot.line(
            [
                (left, top),
                (left + width, top),
                (left + width, top + height),
                (left, top + height),
                (left, top),
            ],
            "chosen",
        )
    for place in chosen:
        x, y = float(samples.x[place]), float(samples.y[place])
        if 0 <= x <= right and 0 <= y <= bottom:
            plot.dot(x, y, "s0 faint", 1.6)
    return plot.svg()


def target_offsets(name: str, validations: Sequence[TrackerValidation], screen: Screen) -> Markup | None:
    """Plot targets with lines to where the gaze was; None without targets."""
    looks = {"left": "s0", "right": "s1", "both": "s2"}
    targets = [(item, target) for item in validations for target in item.targets]
    if not targets:
        return None
    right = float(screen.width_px or max(target.x_px for _, target in targets))
    bottom = float(screen.height_px or max(target.y_px for _, target in targets))
    plot = Plot(
        f"{name}-targets",
        f"Error at targets, {_LONGER:g} times as long",
        f"{len(targets)} targets; left eye blue, right eye orange.",
        Axis.around((0.0, right), "x, px"),
        _downwards(bottom),
        width=400,
        height=max(170, min(420, round(330 * bottom / max(right, 1)) + 74)),
        margins=(56, 30, 14, 44),
    )
    for item, target in targets:
        to = (target.x_px + _LONGER * target.offset_x_px, target.y_px + _LONGER * target.offset_y_px)
        plot.line([(target.x_px, target.y_px), to], f"thin {looks[item.eye]}")
        offset_px = np.hypot(target.offset_x_px, target.offset_y_px)
        plot.dot(target.x_px, target.y_px, looks[item.eye], 2.5, said=f"{item.kind}, {item.eye}: {offset_px:.1f} px")
    return plot.svg()


def _downwards(bottom: float) -> Axis:
    """An axis that grows downwards, as the screen's y does."""
    around = Axis.around((0.0, bottom), "y, px")
    return replace(around, low=bottom, high=0.0)


def _corners(picture: ShownPicture) -> tuple[float, float, float, float]:
    corners = (picture.left_px, picture.top_px, picture.width_px, picture.height_px)
    return tuple(0.0 if value is None else value for value in corners)  # type: ignore[return-value]  # four of them


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where true values that follow each other begin and end."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _extremes(part: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and highest value of each part, NaN without any."""
    lowest, highest = np.full(_PARTS, np.inf), np.full(_PARTS, -np.inf)
    np.minimum.at(lowest, part, values)
    np.maximum.at(highest, part, values)
    return np.where(np.isfinite(lowest), lowest, np.nan), np.where(np.isfinite(highest), highest, np.nan)
