"""The curves of several runs in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from egaze.atomic import write_file
from egaze.errors import EgazeError
from egaze.training.run_loggers import numbers_of

if TYPE_CHECKING:
    from egaze.training.epoch_log import EpochLog

#: The formats of pictures, by the ending of a file's name.
FORMATS = ("png", "svg", "pdf")
_TITLES = {
    "loss": "loss",
    "classification": "classification loss",
    "heatmap": "heatmap loss",
    "alignment": "alignment loss",
    "macro_auc": "macro AUC",
    "heatmap_cc": "CC with gaze",
    "heatmap_nss": "NSS",
    "heatmap_kl": "KL divergence",
    "learning_rate": "learning rate",
    "radiographs_per_s": "radiographs/s",
    "waiting_frac": "time waiting for the loader",
}
_COLUMNS, _SIDE_IN = 3, 3.6


def require_picture(path: Path) -> None:
    """Raise EgazeError if a file's name does not end in a known format."""
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        raise EgazeError(f"{path}: a picture's name ends in .{', .'.join(FORMATS)}")


def write_run_curves(logs: Mapping[str, Sequence[EpochLog]], path: Path) -> None:
    """Draw each quantity of the runs' logs over the epochs of all stages: dashed on training, solid otherwise.

    Args:
        logs: by the runs' names; a run without epochs has no lines.
        path: the picture, in the format that its name ends in.

    Raises:
        EgazeError: the format is unknown, or no run has an epoch.
    """
    require_picture(path)
    numbers = {name: [numbers_of(entry) for entry in log] for name, log in logs.items() if log}
    if not numbers:
        raise EgazeError("no run has finished an epoch, so there is nothing to draw")
    known = {key.rpartition("/")[2] for run in numbers.values() for epoch in run for key in epoch}
    panels = [name for name in _TITLES if name in known]
    rows = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * _SIDE_IN, rows * 0.75 * _SIDE_IN + 0.2 * len(numbers)), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    colours = [_colour(number, len(numbers)) for number in range(len(numbers))]
    for place in axes[len(panels) :]:
        place.set_axis_off()
    for place, panel in zip(axes, panels, strict=False):
        place.set_title(_TITLES[panel], fontsize="medium")
        place.set_xlabel("epoch")
        place.xaxis.set_major_locator(MaxNLocator(integer=True))
        for run, colour in zip(numbers.values(), colours, strict=True):
            _draw(place, panel, run, colour)
    lines = [Line2D([], [], color=colour) for colour in colours]
    figure.legend(lines, list(numbers), loc="outside lower left", fontsize="small")
    write_file(path, lambda partial: figure.savefig(partial, format=path.suffix.lower().removeprefix("."), dpi=120))


def _colour(number: int, of: int) -> tuple[float, float, float, float]:
    return colormaps["tab10"](number) if of <= 10 else colormaps["turbo"](number / (of - 1))


def _draw(
    place: Axes, panel: str, run: Sequence[Mapping[str, float]], colour: tuple[float, float, float, float]
) -> None:
    for key in dict.fromkeys(key for epoch in run for key in epoch if key.rpartition("/")[2] == panel):
        values = [epoch.get(key, float("nan")) for epoch in run]
        style = "--" if key.startswith("train/") else "-"
        marker = "." if len(run) == 1 else ""
        place.plot(range(1, len(run) + 1), values, style, marker=marker, color=colour, linewidth=1.2)
