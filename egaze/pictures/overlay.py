"""Pictures of a heatmap, alone and on the radiograph, with a colour bar in its unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from egaze.pictures.case_gaze import CaseGaze
from egaze.pictures.colours import COLOUR_MAP, overlay_colours
from egaze.pictures.sheet import Sheet, draw_bar, new_sheet, radiograph_extent


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of a heatmap's colour bar.

    Attributes:
        factor: from the values of the heatmap to the unit shown.
        highest: the largest value shown, in that unit.
        label: the quantity and the unit.
    """

    factor: float
    highest: float
    label: str


def scale_for(case_gaze: CaseGaze, peak: float) -> Scale:
    """Choose a unit in which the peak of a heatmap per pixel is between 0.5 and 500."""
    side = f"{case_gaze.size_px} × {case_gaze.size_px}"
    if case_gaze.options.weight == "count" or case_gaze.fixations.is_relative:
        what = "fixations" if case_gaze.options.weight == "count" else "relative duration"
        units = [(1.0, "pixel"), (1e3, "1000 pixels"), (1e6, "million pixels")]
        units = [(factor, f"{what}\nper {area} of {side}") for factor, area in units]
    else:
        units = [(1.0, "s"), (1e3, "ms"), (1e6, "µs")]
        units = [(factor, f"dwell time\n{unit} per pixel of {side}") for factor, unit in units]
    factor, label = next((unit for unit in units if peak * unit[0] >= 0.5), units[-1] if peak > 0 else units[0])
    # A heatmap of zeros is dark everywhere, not bright.
    return Scale(factor, peak * factor if peak > 0 else 1.0, label)


def draw_heatmap(case_gaze: CaseGaze, heatmap: NDArray[np.float32]) -> Figure:
    """Draw the heatmap with the aspect ratio of the radiograph.

    Args:
        case_gaze: the case.
        heatmap: (size, size) float32, unnormalised, the result of `case_gaze.heatmap()`.
    """
    return _figure(case_gaze, heatmap, colormaps[COLOUR_MAP])


def draw_overlay(case_gaze: CaseGaze, heatmap: NDArray[np.float32]) -> Figure:
    """Draw the heatmap over the radiograph, which remains visible; arguments as for `draw_heatmap`."""
    return _figure(case_gaze, heatmap, overlay_colours())


def _figure(case_gaze: CaseGaze, heatmap: NDArray[np.float32], colours: Colormap) -> Figure:
    sheet = new_sheet(case_gaze, case_gaze.options.describe(case_gaze.size_px))
    scale = scale_for(case_gaze, float(case_gaze.geometry.cut_out(heatmap).max()))
    lay_on(sheet, case_gaze, heatmap, scale, colours)
    return sheet.figure


def lay_on(sheet: Sheet, case_gaze: CaseGaze, values: NDArray[np.float32], scale: Scale, colours: Colormap) -> None:
    """Draw the part of (size, size) values that covers the radiograph on it, and a colour bar beside it."""
    sheet.radiograph.imshow(
        case_gaze.geometry.cut_out(values) * np.float32(scale.factor),
        cmap=colours,
        vmin=0,
        vmax=scale.highest,
        extent=radiograph_extent(case_gaze),
        aspect="auto",
        origin="upper",
        interpolation="bilinear",
    )
    draw_bar(sheet, colours, scale.highest, scale.label)
