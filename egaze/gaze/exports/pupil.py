"""Pupil Labs: Pupil Core's export, and that of Invisible and Neon from Pupil Cloud.

Pupil Cloud's gaze.csv and fixations.csv are in pixels of the scene camera's video, origin top left, with timestamps in
nanoseconds (docs.pupil-labs.com, "Pupil Cloud, Export formats"). Pupil Core's gaze_positions.csv and fixations.csv are
in fractions of that video, and gaze_positions_on_surface_NAME.csv and fixations_on_surface_NAME.csv in fractions of a
marked surface, both with the origin at the bottom left; times are in seconds and durations in milliseconds
(docs.pupil-labs.com, "Core, Pupil Player, Raw data exporter and Surface tracker").
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.gaze.exports.reading import (
    Column,
    floats,
    header_names,
    mean_positions,
    read_columns,
    require_clock,
    require_one,
    runs,
    samples_of,
)
from egaze.gaze.recording import GazeFormat, GazeRecording, GazeSamples, Plane, RecordedFixations
from egaze.gaze.screen import PositionUnit

if TYPE_CHECKING:
    import polars as pl

_CLOUD_GAZE = {"timestamp [ns]", "gaze x [px]", "gaze y [px]"}
_CLOUD_FIXATIONS = {"start timestamp [ns]", "fixation x [px]", "fixation y [px]"}
_CLOUD_OTHER = ({"recording id", "timestamp [ns]"}, {"recording id", "start timestamp [ns]", "blink id"})
_CORE_GAZE = {"gaze_timestamp", "confidence", "norm_pos_x", "norm_pos_y"}
_CORE_FIXATIONS = {"start_timestamp", "duration", "dispersion", "norm_pos_x", "norm_pos_y"}
_SURFACE_GAZE = {"gaze_timestamp", "x_norm", "y_norm", "on_surf"}
_SCENE = "positions are in the video of the scene camera, which is no screen"
_CLOCK = "times are seconds since midnight (UTC) of the first one's day"
#: Below this confidence Pupil Player, too, leaves gaze out by default.
_CONFIDENT = 0.6


def _matches(path: Path, head: bytes) -> bool:
    names = header_names(head)
    kinds = (_CLOUD_GAZE, _CLOUD_FIXATIONS, *_CLOUD_OTHER, _CORE_GAZE, _CORE_FIXATIONS, _SURFACE_GAZE)
    return any(kind <= names for kind in kinds)


def _read(path: Path) -> GazeRecording:
    with path.open("rb") as file:
        names = header_names(file.read(1 << 16))
    if names >= _CLOUD_GAZE:
        return _cloud_gaze(path)
    if names >= _CLOUD_FIXATIONS:
        notes = [_SCENE, _CLOCK]
        return GazeRecording((), (_cloud_fixations(path, notes),), notes=tuple(notes), plane="scene camera")
    if names >= _SURFACE_GAZE:
        return _core_gaze(path, "x_norm", "y_norm", "surface", "fixations_on_surface")
    if names >= _CORE_GAZE and "dispersion" not in names:
        return _core_gaze(path, "norm_pos_x", "norm_pos_y", "scene camera", "fixations")
    if names >= _CORE_FIXATIONS:
        plane: Plane = "surface" if "on_surf" in names else "scene camera"
        notes = [_SURFACE.format(_surface(path)) if plane == "surface" else _SCENE]
        return GazeRecording((), (_core_fixations(path, notes),), notes=tuple(notes), plane=plane)
    raise TableError(f"{path}: a file of Pupil Cloud that holds no gaze; take gaze.csv, with fixations.csv beside it")


#: The format for `egaze.gaze.GAZE_FORMATS`.
PUPIL = GazeFormat("Pupil Labs Core, Invisible and Neon", _matches, _read)

_SURFACE = "positions are fractions of the surface {!r}: give --screen only if that surface is the screen"


def _surface(path: Path) -> str:
    return path.stem.partition("_surface_")[2] or path.stem


def _cloud_gaze(path: Path) -> GazeRecording:
    columns = {
        "recording": Column(("recording id",), "text"),
        "time_ns": Column(("timestamp [ns]",), "count", is_required=True),
        "x": Column(("gaze x [px]",), is_required=True),
        "y": Column(("gaze y [px]",), is_required=True),
        "worn": Column(("worn",)),
        "fixation": Column(("fixation id",)),
    }
    notes = [_SCENE, _CLOCK]
    table = read_columns(path, columns, notes)
    require_one(path, table, ("recording",))
    time_s = _nanoseconds(path, table["time_ns"])
    worn = floats(table, "worn")
    samples = samples_of("both", time_s, floats(table, "x"), floats(table, "y"), "px", ~(worn == 0))
    if (beside := path.with_name(path.name.replace("gaze", "fixations"))) != path and beside.is_file():
        fixations = _cloud_fixations(beside, notes)
        notes.append(f"fixations are those of {beside.name}")
    else:
        fixations = _of_samples(samples, floats(table, "fixation"))
        notes.append("no fixations.csv beside it: a fixation lies at the mean of its samples")
    return GazeRecording((samples,) if len(table) else (), (fixations,), notes=tuple(notes), plane="scene camera")


def _of_samples(samples: GazeSamples, identity: NDArray[np.float64]) -> RecordedFixations:
    """Fixations by the number that each sample's row has of the one that it is part of."""
    time_s = samples.time_s[np.isfinite(identity)]
    begins, ends = runs(identity[np.isfinite(identity)])
    onset_s, last_s = time_s[begins], time_s[ends - 1]
    return RecordedFixations("both", onset_s, last_s - onset_s, *mean_positions(samples, onset_s, last_s))


def _cloud_fixations(path: Path, notes: list[str]) -> RecordedFixations:
    columns = {
        "recording": Column(("recording id",), "text"),
        "begin_ns": Column(("start timestamp [ns]",), "count", is_required=True),
        "duration_ms": Column(("duration [ms]",), is_required=True),
        "x": Column(("fixation x [px]",), is_required=True),
        "y": Column(("fixation y [px]",), is_required=True),
    }
    table = read_columns(path, columns, notes)
    require_one(path, table, ("recording",))
    onset_s = _nanoseconds(path, table["begin_ns"])
    return RecordedFixations(
        "both", onset_s, floats(table, "duration_ms") / 1e3, floats(table, "x"), floats(table, "y")
    )


def _core_gaze(path: Path, x_name: str, y_name: str, plane: Plane, beside_name: str) -> GazeRecording:
    columns = {
        "time_s": Column(("gaze_timestamp",), is_required=True),
        "x": Column((x_name,), is_required=True),
        "y": Column((y_name,), is_required=True),
        "confidence": Column(("confidence",), is_required=True),
    }
    notes = [_SURFACE.format(_surface(path)) if plane == "surface" else _SCENE]
    # A sample is on a row for each frame of the video in which its surface was found.
    table = read_columns(path, columns, notes).unique(maintain_order=True, subset=["time_s", "x", "y"])
    time_s = floats(table, "time_s")
    require_clock(path, np.arange(1, len(table) + 1), time_s)
    valid = floats(table, "confidence") >= _CONFIDENT
    if lost := int((~valid).sum()):
        notes.append(f"{lost} samples have a confidence below {_CONFIDENT} and count as lost")
    samples = samples_of("both", time_s, floats(table, "x"), 1 - floats(table, "y"), "frac", valid)
    beside = path.with_name(
        path.name.replace("gaze_positions_on_surface", beside_name).replace("gaze_positions", beside_name)
    )
    fixations: tuple[RecordedFixations, ...] = ()
    if beside != path and beside.is_file():
        fixations = (_core_fixations(beside, notes),)
        notes.append(f"fixations are those of {beside.name}")
    return GazeRecording((samples,) if len(table) else (), fixations, notes=tuple(notes), plane=plane)


def _core_fixations(path: Path, notes: list[str]) -> RecordedFixations:
    columns = {
        "fixation": Column(("fixation_id", "id"), is_required=True),
        "onset_s": Column(("start_timestamp",), is_required=True),
        "duration_ms": Column(("duration",), is_required=True),
        "x": Column(("norm_pos_x",), is_required=True),
        "y": Column(("norm_pos_y",), is_required=True),
    }
    # On a surface, a fixation is on a row for each frame of the video that shows it.
    table = read_columns(path, columns, notes).unique(subset="fixation", keep="first", maintain_order=True)
    table = table.sort("onset_s", maintain_order=True)
    unit: PositionUnit = "frac"
    onset_s = floats(table, "onset_s")
    require_clock(path, np.arange(1, len(table) + 1), onset_s)
    duration_s = floats(table, "duration_ms") / 1e3
    return RecordedFixations("both", onset_s, duration_s, floats(table, "x"), 1 - floats(table, "y"), unit)


def _nanoseconds(path: Path, column: pl.Series) -> NDArray[np.float64]:
    """Times in seconds since midnight (UTC) of the first one's day; float64 holds too few digits for the epoch's."""
    for place in column.is_null().arg_true()[:1]:
        raise TableError(f"{path}: record {place + 1} has no time")
    day_ns = 86_400_000_000_000
    first = int(column[0]) // day_ns * day_ns if len(column) else 0
    time_s: NDArray[np.float64] = (column - first).to_numpy() / 1e9
    require_clock(path, np.arange(1, len(time_s) + 1), time_s)
    return time_s
