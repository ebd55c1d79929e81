"""The page of a picture: title, radiograph with its aspect ratio, colour bar and caption.

The layout is computed here rather than by matplotlib's layout engines, so that all pictures of a case are alike, text
never covers the radiograph, and the position of the radiograph is known to the pixel. All properties are set
explicitly, so that neither the user's matplotlibrc nor another thread changes a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from egaze.pictures.case_gaze import CaseGaze
from egaze.pictures.lettering import BOLD, FAMILY, REGULAR, fitted

INK = "#1a1a1a"
SOFT_INK = "#5c5c5c"
# Inches.
_LONG_SIDE = 6.0
_SHORTEST = 2.2
_NARROWEST = 4.2
_MARGIN = 0.2
_TITLE = 0.55
_CAPTION = 0.26
_BAR_GAP = 0.14
_BAR = 0.15
_BAR_TEXT = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A figure and its parts.

    Attributes:
        figure: with an Agg canvas.
        radiograph: axes in pixels of the heatmap's canvas that show only the radiograph, with its aspect ratio.
        bar: axes to the right of the radiograph, for a colour bar.
        strip: axes below the radiograph, in points (1/72 inch), or None.
    """

    figure: Figure
    radiograph: Axes
    bar: Axes
    strip: Axes | None


def new_sheet(case_gaze: CaseGaze, caption: str, *, strip_pt: float = 0.0, summary: str | None = None) -> Sheet:
    """Make a page for one case with its title and radiograph.

    Args:
        case_gaze: the case.
        caption: below the radiograph.
        strip_pt: the height of the strip below the radiograph, 0 for none.
        summary: below the title; None for that of the case's gaze.
    """
    width, height = radiograph_size_in(case_gaze)
    room_width, room_height = max(width, _NARROWEST), max(height, _SHORTEST)
    strip = strip_pt / 72
    total_width = _MARGIN + room_width + _BAR_GAP + _BAR + _BAR_TEXT
    total_height = _TITLE + room_height + strip + _CAPTION + _MARGIN / 2
    figure = Figure(figsize=(total_width, total_height), facecolor="white")
    FigureCanvasAgg(figure)

    def axes(left: float, bottom: float, wide: float, high: float) -> Axes:
        box = (left / total_width, bottom / total_height, wide / total_width, high / total_height)
        return figure.add_axes(box, facecolor="white")

    floor = _MARGIN / 2 + _CAPTION + strip
    left = _MARGIN + (room_width - width) / 2
    radiograph = axes(left, floor + (room_height - height) / 2, width, height)
    bar = axes(left + width + _BAR_GAP, floor, _BAR, room_height)
    below = None
    if strip:
        below = axes(_MARGIN, _MARGIN / 2 + _CAPTION, room_width, strip)
        below.set(xlim=(0, room_width * 72), ylim=(0, strip_pt))
        below.set_axis_off()
    write_titles(figure, case_gaze, case_gaze.summary() if summary is None else summary, caption)
    show_radiograph(radiograph, case_gaze)
    return Sheet(figure, radiograph, bar, below)


def radiograph_size_in(case_gaze: CaseGaze, long_side_in: float = _LONG_SIDE) -> tuple[float, float]:
    """The width and height of the radiograph on the page, in inches."""
    height, width = case_gaze.geometry.radiograph_shape
    scale = long_side_in / max(height, width)
    # Even a radiograph of one row must be visible.
    return max(width * scale, 0.05), max(height * scale, 0.05)


def radiograph_extent(case_gaze: CaseGaze) -> tuple[float, float, float, float]:
    """The left, right, bottom and top edges of the radiograph in pixels of the canvas, in the order of `imshow`."""
    left, top, right, bottom = case_gaze.geometry.edges_px
    return left, right, bottom, top


def draw_bar(
    sheet: Sheet, colours: Colormap, highest: float, label: str, *, lowest: float = 0.0, whole: bool = False
) -> None:
    """Draw the colour bar beside the radiograph, on mid grey; `whole` labels it with whole numbers only."""
    axes = sheet.bar
    axes.set_facecolor("#808080")
    extent = (0, 1, lowest, highest)
    axes.imshow(np.linspace(0, 1, 256)[:, None], cmap=colours, origin="lower", aspect="auto", extent=extent)
    axes.set_xticks([])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.tick_params(labelsize=8, labelcolor=INK, color=SOFT_INK, labelfontfamily=FAMILY, length=3, width=0.7)
    axes.set_ylabel(
        label, fontproperties=REGULAR, fontsize=8.5, color=INK, labelpad=6, linespacing=1.4, parse_math=False
    )
    for spine in axes.spines.values():
        spine.set(linewidth=0.5, edgecolor=SOFT_INK)


def show_radiograph(axes: Axes, case_gaze: CaseGaze) -> None:
    """Draw the radiograph, with its aspect ratio, on axes in pixels of the heatmap's canvas."""
    extent = radiograph_extent(case_gaze)
    axes.set_axis_off()
    axes.imshow(
        case_gaze.radiograph,
        cmap="gray",
        vmin=0,
        vmax=65535,
        extent=extent,
        aspect="auto",
        origin="upper",
        interpolation="bilinear",
        zorder=0,
    )
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.set_autoscale_on(False)


def write_titles(figure: Figure, case_gaze: CaseGaze, summary: str, caption: str) -> None:
    """Write the case id and the summary at the top of a page and the caption at the bottom."""
    width, height = figure.get_size_inches()
    room_pt = (width - 2 * _MARGIN) * 72
    tag = "synthetic" if case_gaze.synthetic else ""
    tag_pt = 66 if tag else 0

    def write(text: str, y: float, font: FontProperties, size: float, colour: str, room: float = room_pt) -> None:
        text = fitted(text, font, size, room)
        figure.text(
            _MARGIN / width, y / height, text, fontproperties=font, fontsize=size, color=colour, va="baseline",
            parse_math=False,
        )  # fmt: skip

    write(case_gaze.case_id, height - 0.24, BOLD, 10, INK, room_pt - tag_pt)
    write(summary, height - 0.43, REGULAR, 9, SOFT_INK)
    write(f"{caption} · egaze {version('egaze')}", _MARGIN / 2 + 0.04, REGULAR, 7.5, SOFT_INK)
    if tag:
        figure.text(
            1 - _MARGIN / width, (height - 0.24) / height, tag, fontproperties=BOLD, fontsize=9, color="white",
            ha="right", va="baseline", bbox={"boxstyle": "round,pad=0.3", "facecolor": "#9a3412", "linewidth": 0},
        )  # fmt: skip
