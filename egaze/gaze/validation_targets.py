"""Accuracy at targets of one's own: where a reader was asked to look, and where the gaze was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.gaze.exports.reading import Column, read_columns
from egaze.gaze.recording import GazeRecording, GazeSamples
from egaze.gaze.screen import Screen
from egaze.gaze.shown_picture import ShownPicture, picture_at
from egaze.gaze.validation import TargetOffset, TrackerValidation

_NUMBERS = ("begin_s", "end_s", "x_px", "y_px")
_COLUMNS = {
    **{name: Column((name,), is_required=True) for name in _NUMBERS},
    "case_id": Column(("case_id",), "text"),
    "file": Column(("file",), "text"),
}
#: A target is measured if at least this share of the samples of its interval have a position.
_LEAST_VALID_FRAC = 0.5


@dataclass(frozen=True, slots=True)
class ValidationTarget:
    """A target that a reader looked at during an interval.

    Attributes:
        begin_s, end_s: the interval, on the tracker's clock; the end does not belong to it.
        x_px, y_px: the target's place, in pixels of the screen or, with a `case_id`, of that picture.
        case_id: the picture on which the target lies, "" for the screen.

    Raises:
        ValueError: an interval that does not last, or a number that is not finite.

    Example:
        >>> from egaze.gaze import ValidationTarget
        >>> ValidationTarget(2.0, 3.5, 960, 540).x_px
        960
    """

    begin_s: float
    end_s: float
    x_px: float
    y_px: float
    case_id: str = ""

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            if not np.isfinite(getattr(self, name)):
                raise ValueError(f"{name} of a target must be finite, got {getattr(self, name)}")
        if not self.begin_s < self.end_s:
            raise ValueError(f"a target must be looked at for some time, got {self.begin_s:g} to {self.end_s:g} s")


def read_targets(path: str | Path) -> dict[str | None, list[ValidationTarget]]:
    """Read a table of targets, one row each: begin_s, end_s, x_px, y_px and, where they differ, case_id and file.

    A row with a `case_id` has its place on that picture, in the same pixels as fixations.csv; others have it on the
    screen. `file` is the name of the export to which a row belongs; without it the rows belong to every export.

    Returns:
        The targets by the name of the export, None for every export.

    Raises:
        TableError: not such a table, an empty one, or a row that cannot be; the message names the record.
    """
    path = Path(path)
    targets: dict[str | None, list[ValidationTarget]] = {}
    table = read_columns(path, _COLUMNS, [])
    for record, row in enumerate(table.iter_rows(named=True), start=1):
        for name in _NUMBERS:
            if row[name] is None:
                raise TableError(f"{path}: record {record}, column {name!r} is empty")
        try:
            numbers = {name: row[name] for name in _NUMBERS}
            target = ValidationTarget(**numbers, case_id=(row["case_id"] or "").strip())
        except ValueError as error:
            raise TableError(f"{path}: record {record}: {error}") from error
        targets.setdefault(row["file"] or None, []).append(target)
    if not targets:
        raise TableError(f"{path}: holds no target")
    return targets


def measure_at_targets(
    recording: GazeRecording, targets: Sequence[ValidationTarget], pictures: Sequence[ShownPicture], screen: Screen
) -> tuple[tuple[TrackerValidation, ...], list[str]]:
    """The error of each eye's gaze at targets: a validation, as a tracker's software makes one.

    The gaze at a target is the median position of the samples of its interval, so that a saccade to it and a blink do
    not count (accuracy as in Holmqvist, Nystrom and Mulvey, ETRA 2012). A target at which less than half of the samples
    have a position is left out.

    Args:
        recording: in pixels of the screen.
        targets: at least one, on the recording's clock.
        pictures: apart and in time order, for targets on them.
        screen: whose scale turns pixels into degrees.

    Returns:
        A validation of each eye that has targets, and what is to be said of those left out.

    Raises:
        ValueError: no samples in pixels, a screen of unknown scale, two targets at once, a target off the screen or on
            a picture that is not shown then or not placed, or no sample in any interval.
    """
    across, down = screen.pixels_per_degree, screen.pixels_per_degree_down
    if across is None or down is None:
        raise ValueError("accuracy at targets is in degrees: give the screen's size and distance (--screen)")
    if not recording.samples or any(item.unit != "px" for item in recording.samples):
        raise ValueError("accuracy at targets needs samples in pixels of the screen, and the export has none")
    ordered = sorted(targets, key=lambda target: target.begin_s)
    for one, following in pairwise(ordered):
        if following.begin_s < one.end_s:
            raise ValueError(
                f"two targets at once: one from {one.begin_s:g} to {one.end_s:g} s, "
                f"another from {following.begin_s:g} s"
            )
    places = [_on_screen(target, pictures, screen) for target in ordered]
    time_s = recording.samples[0].time_s
    if not any(_within(item.time_s, target).any() for item in recording.samples for target in ordered):
        clock = f"{time_s[0]:g} to {time_s[-1]:g} s" if len(time_s) else "no time at all"
        raise ValueError(
            f"no sample lies in an interval of the {len(ordered)} targets, the first from {ordered[0].begin_s:g} s; "
            f"times are on the tracker's clock, which runs from {clock}"
        )
    validations, notes = [], []
    for samples in recording.samples:
        offsets = [
            TargetOffset(x_px, y_px, gaze[0] - x_px, gaze[1] - y_px, _degrees(gaze, (x_px, y_px), (across, down)))
            for target, (x_px, y_px) in zip(ordered, places, strict=True)
            if (gaze := _gaze_at(samples, target)) is not None
        ]
        if left_out := len(ordered) - len(offsets):
            notes.append(
                f"{left_out} of {len(ordered)} targets are left out, because less than half of the samples of "
                f"{_whose(samples)} have a position there"
            )
        if offsets:
            errors_deg = [offset.offset_deg for offset in offsets if offset.offset_deg is not None]
            eye: Literal["left", "right", "both"] = "both" if samples.eye == "unknown" else samples.eye
            mean_deg, max_deg = float(np.mean(errors_deg)), max(errors_deg)
            begin_s = ordered[0].begin_s
            validations.append(TrackerValidation(begin_s, eye, "validation", mean_deg, max_deg, tuple(offsets)))
    return tuple(validations), notes


def _on_screen(target: ValidationTarget, pictures: Sequence[ShownPicture], screen: Screen) -> tuple[float, float]:
    when = f"the target from {target.begin_s:g} to {target.end_s:g} s"
    x_px, y_px = target.x_px, target.y_px
    if target.case_id:
        index = int(picture_at(pictures, np.array([target.begin_s]))[0])
        picture = pictures[index] if index >= 0 else None
        if picture is None or picture.case_id != target.case_id or picture.end_s < target.end_s:
            raise ValueError(f"{when} lies on picture {target.case_id!r}, which is not shown all that time")
        if not picture.has_place:
            raise ValueError(f"{when}: where picture {target.case_id!r} lay on the screen is unknown (--picture)")
        across, down = picture.on_screen(np.array([x_px]), np.array([y_px]))
        x_px, y_px = float(across[0]), float(down[0])
    for name, value, size_px in (("x_px", x_px, screen.width_px), ("y_px", y_px, screen.height_px)):
        if size_px is not None and not -0.5 <= value <= size_px - 0.5:
            raise ValueError(f"{when} lies off the screen: {name} is {value:g} of {size_px}")
    return x_px, y_px


def _within(time_s: NDArray[np.float64], target: ValidationTarget) -> NDArray[np.bool_]:
    within: NDArray[np.bool_] = (time_s >= target.begin_s) & (time_s < target.end_s)
    return within


def _gaze_at(samples: GazeSamples, target: ValidationTarget) -> tuple[float, float] | None:
    within = _within(samples.time_s, target)
    valid = within & samples.is_valid
    if not valid.any() or valid.sum() < _LEAST_VALID_FRAC * within.sum():
        return None
    return float(np.median(samples.x[valid])), float(np.median(samples.y[valid]))


def _degrees(gaze_px: tuple[float, float], target_px: tuple[float, float], scale: tuple[float, float]) -> float:
    return float(np.hypot((gaze_px[0] - target_px[0]) / scale[0], (gaze_px[1] - target_px[1]) / scale[1]))


def _whose(samples: GazeSamples) -> str:
    return f"the {samples.eye} eye" if samples.eye in ("left", "right") else "both eyes"
