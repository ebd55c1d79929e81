"""Drawing an explanation: each map on the radiograph, and all of them side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from egaze.explain.cases import ExplainOptions, Explanation
from egaze.pictures.colours import overlay_colours
from egaze.pictures.lettering import BOLD, REGULAR, fitted
from egaze.pictures.overlay import Scale, lay_on, scale_for
from egaze.pictures.sheet import INK, Sheet, new_sheet, radiograph_size_in, show_radiograph, write_titles

# Okabe and Ito's sky blue, the colour of theirs that stands out best on grey and on the colour map.
_OUTLINE = "#56b4e9"
# All in inches.
_LONG_SIDE = 3.7
_NARROWEST = 1.9
_SHORTEST = 2.0
_MARGIN = 0.2
_TITLE = 0.55
_HEADING = 0.26
_CAPTION = 0.26
_BAR_GAP = 0.1
_BAR = 0.12
_BAR_TEXT = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A map that is drawn on the radiograph.

    Attributes:
        name: its file's name, without the ending.
        heading: its title.
        values: (size, size), not negative.
        scale: how the values are shown.
    """

    name: str
    heading: str
    values: NDArray[np.float32]
    scale: Scale


def layers_of(explained: Explanation, options: ExplainOptions, class_names: tuple[str, ...]) -> list[Layer]:
    """Return the maps that the case has: the reader's heatmap, the predicted heatmap and the class map."""
    case_gaze, shown_class = explained.case_gaze, class_names[explained.class_index]
    layers = []
    if explained.gaze is not None:
        peak = float(case_gaze.geometry.cut_out(explained.gaze).max())
        layers.append(Layer("gaze", "reader's gaze", explained.gaze, scale_for(case_gaze, peak)))
    if "predicted" in explained.maps:
        # A map of zeros is drawn dark, not bright.
        scale = Scale(1.0, _peak(explained, "predicted") or 1.0, "predicted heatmap\n1 is a reader's peak")
        layers.append(Layer("predicted", "predicted gaze", explained.maps["predicted"], scale))
    peak = _peak(explained, "grad_cam")
    if options.method == "grad-cam":
        name, factor, unit = "Grad-CAM", *_in_logits(peak)
    else:
        # Grad-CAM++ is defined only up to a factor that differs between radiographs.
        name, factor, unit = "Grad-CAM++", 1 / peak if peak > 0 else 1.0, "1 is the peak"
    evidence = fitted(f"evidence for {shown_class}", REGULAR, 8.5, 72 * _SHORTEST)
    scale = Scale(factor, peak * factor or 1.0, f"{evidence}\n{unit}, stride {options.stride}")
    layers.append(Layer("grad_cam", f"{name}: {shown_class}", explained.maps["grad_cam"], scale))
    return layers


def draw_layer(explained: Explanation, layer: Layer, class_names: tuple[str, ...]) -> Figure:
    """Draw one map on the radiograph, with the finding's outline and a colour bar."""
    case_gaze = explained.case_gaze
    how = f": {case_gaze.options.describe(case_gaze.size_px)}" if layer.name == "gaze" else ""
    caption = f"{layer.heading}{how}{_outlined(explained)}"
    sheet = new_sheet(case_gaze, caption, summary=summary(explained, class_names))
    lay_on(sheet, case_gaze, layer.values, layer.scale, overlay_colours())
    _outline(sheet.radiograph, explained.finding)
    return sheet.figure


def draw_panels(explained: Explanation, layers: list[Layer], class_names: tuple[str, ...]) -> Figure:
    """Draw the radiograph and each map on it, side by side in the radiograph's aspect ratio."""
    case_gaze = explained.case_gaze
    width, height = radiograph_size_in(case_gaze, _LONG_SIDE)
    room_width, room_height = max(width, _NARROWEST), max(height, _SHORTEST)
    beside = _BAR_GAP + _BAR + _BAR_TEXT
    total_width = 2 * _MARGIN + room_width + len(layers) * (_MARGIN + room_width + beside)
    total_height = _TITLE + _HEADING + room_height + _CAPTION + _MARGIN / 2
    figure = Figure(figsize=(total_width, total_height), facecolor="white")
    FigureCanvasAgg(figure)
    floor = _MARGIN / 2 + _CAPTION

    def axes(left: float, bottom: float, wide: float, high: float) -> Axes:
        box = (left / total_width, bottom / total_height, wide / total_width, high / total_height)
        return figure.add_axes(box, facecolor="white")

    def panel(left: float, heading: str) -> Axes:
        radiograph = axes(left + (room_width - width) / 2, floor + (room_height - height) / 2, width, height)
        show_radiograph(radiograph, case_gaze)
        _outline(radiograph, explained.finding)
        figure.text(
            (left + room_width / 2) / total_width,
            (floor + room_height + 0.08) / total_height,
            fitted(heading, BOLD, 9, 72 * room_width),
            fontproperties=BOLD, fontsize=9, color=INK, ha="center", va="baseline", parse_math=False,
        )  # fmt: skip
        return radiograph

    panel(_MARGIN, "radiograph")
    for number, layer in enumerate(layers):
        left = 2 * _MARGIN + room_width + number * (_MARGIN + room_width + beside)
        radiograph = panel(left, layer.heading)
        bar = axes(left + (room_width + width) / 2 + _BAR_GAP, floor, _BAR, room_height)
        lay_on(Sheet(figure, radiograph, bar, None), case_gaze, layer.values, layer.scale, overlay_colours())
    missing = "" if explained.gaze is not None else "; no gaze on the radiograph"
    caption = f"gaze: {case_gaze.options.describe(case_gaze.size_px)}{missing}{_outlined(explained)}"
    write_titles(figure, case_gaze, summary(explained, class_names), caption)
    return figure


def summary(explained: Explanation, class_names: tuple[str, ...]) -> str:
    """Summarise the reading and the model's prediction in one line."""
    predicted = int(explained.class_probs.argmax())
    label = "" if explained.case_gaze.label else "no label · "
    prediction = f"predicted {class_names[predicted]} {explained.class_probs[predicted]:.2f}"
    return f"{label}{explained.case_gaze.summary()} · {prediction}"


def _peak(explained: Explanation, name: str) -> float:
    """Return a map's largest value on the radiograph."""
    return float(explained.case_gaze.geometry.cut_out(explained.maps[name]).max())


def _in_logits(peak: float) -> tuple[float, str]:
    """Return a factor that brings a peak between 0.1 and 1000, and the unit that it then has."""
    if peak <= 0 or 0.1 <= peak < 1000:
        return 1.0, "logits"
    thousands = math.floor(math.log10(peak) / 3)
    digits = str(3 * thousands).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return 10.0 ** (-3 * thousands), f"10{digits} logits"


def _outline(axes: Axes, finding: NDArray[np.bool_] | None) -> None:
    if finding is None:
        return
    # Padded with zeros, so that the outline of a finding at the edge is closed.
    values = np.pad(finding.astype(np.float32), 1)
    places = np.arange(-1, len(finding) + 1)
    for colour, width in (("black", 2.4), (_OUTLINE, 1.2)):
        axes.contour(places, places, values, levels=[0.5], colors=[colour], linewidths=width, zorder=3)


def _outlined(explained: Explanation) -> str:
    return "; no known finding" if explained.finding is None else "; blue outline: the finding"
