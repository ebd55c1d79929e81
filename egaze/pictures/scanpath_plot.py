"""Pictures of scanpaths: fixations on the radiograph as numbered circles, joined by lines in time order."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from egaze.gaze.fixations import PLAYED_S
from egaze.pictures.case_gaze import CaseGaze
from egaze.pictures.fixation_numbers import numbered, place_numbers
from egaze.pictures.lettering import REGULAR, width_of
from egaze.pictures.sheet import INK, SOFT_INK, Sheet, draw_bar, new_sheet, radiograph_size_in

#: The area of a circle per second in square points, unless the radiograph is crowded or a fixation is very long.
AREA_PT2_PER_S = 500.0
# The largest shares of the radiograph that all circles together, and the largest one, may cover.
_MOST_COVERED = 0.25
_LARGEST_COVERED = 0.03
AreaT = TypeVar("AreaT", float, NDArray[np.floating])
_STROKE = [withStroke(linewidth=1.8, foreground="white")]


def draw_scanpath(case_gaze: CaseGaze) -> Figure:
    """Draw fixations as circles with an area proportional to duration, numbered and coloured in time order.

    Fixations outside the radiograph are not drawn, but lines lead to them and the numbers count them. Without onsets
    the order is that of the study, and the colour shows the number.
    """
    onset_s, is_relative = case_gaze.fixations.onset_s, case_gaze.fixations.is_relative
    order = np.arange(len(case_gaze.fixations)) if onset_s is None else np.argsort(onset_s, kind="stable")
    on_radiograph = case_gaze.on_radiograph[order]
    duration = case_gaze.fixations.duration_s[order].astype(np.float64)
    area_pt2 = area_per_duration(case_gaze, duration[on_radiograph])
    if onset_s is None:
        time, span = np.arange(1, len(order) + 1), (1.0, max(2.0, float(len(order))))
    else:
        time = onset_s[order].astype(np.float64)
        # An onset may be so large that adding a duration does not change it.
        last_s = time if is_relative else time + duration
        end_s = max(float(last_s.max()), np.nextafter(np.float32(time[0]), np.float32(np.inf)))
        span = (float(time[0]), float(end_s))
    legend = legend_durations(duration[on_radiograph])
    tallest_pt = 2 * np.sqrt(area_pt2 * max(legend, default=0) / np.pi)
    sheet = new_sheet(case_gaze, _caption(len(order), is_relative), strip_pt=max(30.0, tallest_pt + 8))

    points = np.stack([case_gaze.fixations.x_px[order], case_gaze.fixations.y_px[order]], axis=1).astype(np.float64)
    colours = _time_colours()
    shade = colours((time - span[0]) / (span[1] - span[0]))
    _draw_lines(sheet.radiograph, _near(points, case_gaze), shade)
    # Long fixations first, so that a short one inside a long one remains visible.
    longest_first = np.flatnonzero(on_radiograph)[np.argsort(-duration[on_radiograph], kind="stable")]
    sheet.radiograph.scatter(
        points[longest_first, 0],
        points[longest_first, 1],
        s=marker_size(area_pt2 * duration[longest_first]),
        c=shade[longest_first],
        edgecolors=INK,
        linewidths=0.6,
        alpha=0.8,
        zorder=3,
    )
    _draw_numbers(sheet, case_gaze, points, on_radiograph)
    _draw_legend(sheet, legend, area_pt2, is_relative)
    label = "fixation" if onset_s is None else "onset in s"
    draw_bar(sheet, colours, span[1], label, lowest=span[0], whole=onset_s is None)
    return sheet.figure


def area_per_duration(case_gaze: CaseGaze, duration: NDArray[np.floating]) -> float:
    """The area of a circle per unit of duration, in square points.

    It is AREA_PT2_PER_S, or less if circles would cover too much of the radiograph. Relative durations are scaled so
    that their mean is drawn as `PLAYED_S` would be.
    """
    if not len(duration):
        return AREA_PT2_PER_S
    width_in, height_in = radiograph_size_in(case_gaze)
    radiograph_pt2 = width_in * height_in * 72**2
    usual = AREA_PT2_PER_S * (PLAYED_S / float(duration.mean()) if case_gaze.fixations.is_relative else 1.0)
    covered = _MOST_COVERED * radiograph_pt2 / float(duration.sum())
    largest = _LARGEST_COVERED * radiograph_pt2 / float(duration.max())
    return min(usual, covered, largest)


def marker_size(area_pt2: AreaT) -> AreaT:
    """matplotlib's size of a round marker with the given area: its diameter squared."""
    return area_pt2 * (4 / np.pi)


def legend_durations(duration: NDArray[np.floating]) -> list[float]:
    """At most three rising durations for the legend, as round as possible within the range of the durations."""
    if not len(duration):
        return []
    # Durations are float32, in which 0.2 is slightly more than 0.2.
    shortest, longest = float(duration.min()) * (1 - 1e-6), float(duration.max()) * (1 + 1e-6)
    decades = range(math.floor(math.log10(shortest)), math.floor(math.log10(longest)) + 1)
    steps = [step for decade in decades for m in (1, 2, 5) if shortest <= (step := float(f"{m}e{decade}")) <= longest]
    if not steps:
        middle = float(np.median(duration))
        rounded = (float(f"{middle:.{digits}g}") for digits in range(1, 8))
        steps = [next((value for value in rounded if shortest <= value <= longest), middle)]
    # Two steps apart, so that each circle has four or five times the area of the previous one.
    chosen = np.linspace(max(0, len(steps) - 5), len(steps) - 1, 3).round().astype(int)
    return [steps[index] for index in np.unique(chosen)]


def _time_colours() -> ListedColormap:
    """From blue-green to yellow: perceptually uniform, and light enough for dark numbers."""
    return ListedColormap(colormaps["viridis"](np.linspace(0.4, 1, 256)), name="time")


def _caption(count: int, is_relative: bool) -> str:
    names = len(numbered(count))
    skipped = f", {names} of {count} numbered" if names < count else ""
    return f"area by {'relative ' if is_relative else ''}duration, colour by time{skipped}"


def _near(points: NDArray[np.float64], case_gaze: CaseGaze) -> NDArray[np.float64]:
    """Points clipped to ten sides of the canvas, because the coordinates of the renderer are limited."""
    reach = 10.0 * case_gaze.size_px
    return points.clip(-reach, reach)


def _draw_lines(axes: Axes, points: NDArray[np.float64], shade: NDArray[np.floating]) -> None:
    segments = np.stack([points[:-1], points[1:]], axis=1)
    axes.add_collection(LineCollection(list(segments), colors="black", linewidths=1.8, alpha=0.35, zorder=1))
    axes.add_collection(LineCollection(list(segments), colors=shade[1:], linewidths=0.9, alpha=0.9, zorder=2))


def _draw_numbers(
    sheet: Sheet, case_gaze: CaseGaze, points: NDArray[np.float64], on_radiograph: NDArray[np.bool_]
) -> None:
    chosen = np.array([index for index in numbered(len(points)) if on_radiograph[index]], dtype=np.int64)
    size_pt = 7.0 if len(chosen) <= 40 else 6.0 if len(chosen) <= 100 else 5.0
    width_in, height_in = radiograph_size_in(case_gaze)
    room = (72 * width_in, 72 * height_in)
    place = case_gaze.geometry
    corner = np.array(place.edges_px[:2])
    scale = np.array([room[0] / place.width_px, room[1] / place.height_px])
    at_pt = (points[chosen] - corner) * scale
    digit_pt = width_of("0", REGULAR, size_pt)
    sizes = np.array([(digit_pt * len(str(index + 1)) + 1.2, size_pt) for index in chosen]).reshape(-1, 2)
    placed_pt = place_numbers(at_pt, sizes, room)
    moved = np.hypot(*(placed_pt - at_pt).T) > 1.5 * size_pt
    placed = placed_pt / scale + corner
    leaders = np.stack([points[chosen][moved], placed[moved]], axis=1)
    sheet.radiograph.add_collection(LineCollection(list(leaders), colors="white", linewidths=0.5, alpha=0.7, zorder=4))
    for index, (x, y) in zip(chosen.tolist(), placed, strict=True):
        sheet.radiograph.text(
            x, y, str(index + 1), fontproperties=REGULAR, fontsize=size_pt, color=INK, ha="center",
            va="center_baseline", path_effects=_STROKE, zorder=5, parse_math=False,
        )  # fmt: skip


def _draw_legend(sheet: Sheet, legend: list[float], area_pt2: float, is_relative: bool) -> None:
    assert sheet.strip is not None
    middle = sheet.strip.get_ylim()[1] / 2
    x = 0.0
    for duration in legend:
        radius = np.sqrt(area_pt2 * duration / np.pi)
        x += radius + 1
        sheet.strip.scatter(
            x, middle, s=marker_size(area_pt2 * duration), color="#b8d8be", edgecolors=INK, linewidths=0.6, alpha=0.8
        )
        text = f"{duration:g}" if is_relative else f"{duration * 1000:g} ms"
        sheet.strip.text(
            x + radius + 4, middle, text, fontproperties=REGULAR, fontsize=8, color=SOFT_INK, va="center_baseline"
        )
        x += radius + 4 + width_of(text, REGULAR, 8) + 16
