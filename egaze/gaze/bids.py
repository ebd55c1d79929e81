"""Eye tracking in BIDS, the Brain Imaging Data Structure (BEP020): SUBJECT_recording-EYE_physio.tsv.gz.

The table has no header: its columns, their units and the coordinate system are in a JSON file. Fixations and messages
are in a second table, `..._physioevents.tsv.gz`, and the screen is in the JSON file of the task's events. Positions are
taken as they are: BIDS does not say whether integers are centres or edges of pixels. A unit that is not stated is never
guessed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.gaze.bids_files import Facts, inherited, number, pair, quoted, read_rows, unit
from egaze.gaze.exports.reading import mean_positions
from egaze.gaze.recording import Eye, GazeFormat, GazeRecording, GazeSamples, Message, RecordedFixations
from egaze.gaze.screen import Screen

if TYPE_CHECKING:
    import polars as pl

_SUFFIX = "_physio.tsv.gz"
_TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_LENGTH_UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_EYES: dict[object, Eye] = {"left": "left", "right": "right", "both": "both", "cyclopean": "both"}
#: A measured sampling rate that differs from the stated one by more than this share is noted.
_RATE_TOLERANCE = 0.05


def _matches(path: Path, head: bytes) -> bool:
    return path.name.endswith(_SUFFIX) and head.startswith(b"\x1f\x8b")


def _read(path: Path) -> GazeRecording:
    facts = inherited(path, "physio")
    if facts.get("PhysioType") != "eyetrack":
        raise TableError(f"{path}: PhysioType in its JSON file is {quoted(facts.get('PhysioType'))}, not 'eyetrack'")
    if (system := facts.get("SampleCoordinateSystem")) != "gaze-on-screen":
        raise TableError(f"{path}: SampleCoordinateSystem is {quoted(system)}; only 'gaze-on-screen' can be read")
    screen, origin = _screen(path)
    required = ("x_coordinate", "y_coordinate")
    table = read_rows(path, facts, required=required, numbers={"timestamp", *required})
    if not len(table):
        raise TableError(f"{path}: contains no sample")
    notes: list[str] = []
    rate = number(path, facts, "SamplingFrequency")
    samples = _samples(path, facts, table, screen, origin, rate, notes)
    events = path.with_name(path.name.replace(_SUFFIX, "_physioevents.tsv.gz"))
    fixations, messages = _events(events, facts, samples, notes) if events.is_file() else ((), ())
    return GazeRecording((samples,), fixations, messages, screen, rate, tuple(notes))


#: The BIDS format for `egaze.gaze.GAZE_FORMATS`.
BIDS = GazeFormat("BIDS eye tracking, *_physio.tsv.gz with its JSON file", _matches, _read)


def _samples(
    path: Path,
    facts: Facts,
    table: pl.DataFrame,
    screen: Screen,
    origin: tuple[str, str],
    rate: float | None,
    notes: list[str],
) -> GazeSamples:
    eye = _EYES.get(facts.get("RecordedEye"), "unknown")
    if eye == "unknown":
        notes.append(f"RecordedEye is {quoted(facts.get('RecordedEye'))}, so the eye is unknown")
    if "timestamp" in table.columns:
        time_s = _times(path, facts, table, "timestamp")
        intervals_s = np.diff(time_s)
        measured = 1 / float(np.median(intervals_s)) if len(intervals_s) and np.median(intervals_s) > 0 else None
        if rate is not None and measured is not None and abs(measured / rate - 1) > _RATE_TOLERANCE:
            notes.append(f"the timestamps are {measured:.4g} Hz apart, SamplingFrequency says {rate:.4g} Hz")
    elif rate is not None and (start_s := number(path, facts, "StartTime")) is not None:
        time_s = start_s + np.arange(len(table)) / rate
    else:
        raise TableError(f"{path}: has neither a column timestamp nor both SamplingFrequency and StartTime")
    x_px = _positions(path, facts, table, "x_coordinate", screen.width_px, screen.width_mm)
    y_px = _positions(path, facts, table, "y_coordinate", screen.height_px, screen.height_mm)
    vertical, horizontal = origin
    if vertical == "bottom":
        y_px = _require_side(path, screen.height_px, "height") - 1 - y_px
    if horizontal == "right":
        x_px = _require_side(path, screen.width_px, "width") - 1 - x_px
    lost = ~(np.isfinite(x_px) & np.isfinite(y_px))
    return GazeSamples(eye, time_s, np.where(lost, np.nan, x_px), np.where(lost, np.nan, y_px))


def _positions(
    path: Path, facts: Facts, table: pl.DataFrame, name: str, side_px: int | None, side_mm: float | None
) -> NDArray[np.float64]:
    values: NDArray[np.float64] = table[name].to_numpy()
    stated = unit(path, facts, name)
    if stated in ("pixel", "pixels", "px"):
        return values
    if stated in _LENGTH_UNITS:
        if side_px is None or side_mm is None:
            raise TableError(f"{path}: column {name!r} is in {stated}, but ScreenSize or ScreenResolution is missing")
        pixels: NDArray[np.float64] = values * _LENGTH_UNITS[stated] * (side_px / side_mm) - 0.5
        return pixels
    raise TableError(f"{path}: column {name!r} is in {quoted(stated)}, expected pixel, mm, cm or m")


def _events(
    path: Path, physio: Facts, samples: GazeSamples, notes: list[str]
) -> tuple[tuple[RecordedFixations, ...], tuple[Message, ...]]:
    """The fixations and messages of the table of events; a fixation lies at the mean of its samples."""
    facts = inherited(path, "physioevents")
    table = read_rows(path, facts, required=("onset", "duration", "trial_type"), numbers={"onset", "duration"})
    if facts.get("OnsetSource", "timestamp") != "timestamp":
        raise TableError(f"{path}: OnsetSource is {quoted(facts['OnsetSource'])}; only 'timestamp' can be read")
    if "timestamp" not in physio.get("Columns", ()):
        raise TableError(f"{path}: its onsets are timestamps, which the samples do not have")
    onset_s = _times(path, facts, table, "onset")
    is_fixation = (table["trial_type"] == "fixation").fill_null(False).to_numpy()
    messages: tuple[Message, ...] = ()
    if "message" in table.columns:
        texts = zip(onset_s.tolist(), table["message"].to_list(), strict=True)
        messages = tuple(Message(time_s, text) for time_s, text in texts if text is not None)
    if not is_fixation.any():
        return (), messages
    duration_s = table["duration"].to_numpy()[is_fixation] * _seconds(path, facts, "duration")
    if not (np.isfinite(duration_s) & (duration_s >= 0)).all():
        raise TableError(f"{path}: a fixation has no duration, or a negative one")
    onset_s = onset_s[is_fixation]
    x_px, y_px = mean_positions(samples, onset_s, onset_s + duration_s)
    notes.append("BIDS events have no positions: a fixation lies at the mean of the valid samples during it")
    return (RecordedFixations(samples.eye, onset_s, duration_s, x_px, y_px),), messages


def _times(path: Path, facts: Facts, table: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """A column of times in seconds, finite and not falling."""
    values = table[name]
    for record in values.is_null().arg_true()[:1]:
        raise TableError(f"{path}: record {record + 1}, column {name!r} holds n/a, expected a time")
    times: NDArray[np.float64] = values.to_numpy() * _seconds(path, facts, name)
    for record in np.flatnonzero(np.diff(times) < 0)[:1]:
        raise TableError(f"{path}: record {record + 2}, column {name!r} holds a time before that of the record above")
    return times


def _seconds(path: Path, facts: Facts, name: str) -> float:
    """How many seconds the unit of a column is."""
    if (stated := unit(path, facts, name)) not in _TIME_UNITS:
        raise TableError(f"{path}: column {name!r} is in {quoted(stated)}, expected {', '.join(_TIME_UNITS)}")
    return _TIME_UNITS[stated]


def _screen(path: Path) -> tuple[Screen, tuple[str, str]]:
    """The screen of the task's events, and its origin, (top or bottom, left or right)."""
    shown = inherited(path, "events", required=False).get("StimulusPresentation", {})
    if not isinstance(shown, dict):
        raise TableError(f"{path}: StimulusPresentation in the JSON file of the events is not an object")
    resolution, size = pair(path, shown, "ScreenResolution"), pair(path, shown, "ScreenSize")
    distance = number(path, shown, "ScreenDistance")
    origin = shown.get("ScreenOrigin", ["top", "left"])
    words = set(origin) if isinstance(origin, list) and all(isinstance(word, str) for word in origin) else set()
    if len(words) != 2 or not words & {"top", "bottom"} or not words & {"left", "right"}:
        raise TableError(f"{path}: ScreenOrigin is {quoted(origin)}, expected a corner such as ['top', 'left']")
    # Sizes and distances are metres by the specification.
    width_px, height_px = (None, None) if resolution is None else (int(resolution[0]), int(resolution[1]))
    width_mm, height_mm = (None, None) if size is None else (size[0] * 1000, size[1] * 1000)
    try:
        screen = Screen(width_px, height_px, width_mm, height_mm, None if distance is None else distance * 1000)
    except ValueError as error:
        raise TableError(f"{path}: StimulusPresentation: {error}") from error
    if screen.width_mm is not None and not 50 <= screen.width_mm <= 10_000:
        raise TableError(f"{path}: ScreenSize is {quoted(shown['ScreenSize'])}, expected metres")
    if screen.distance_mm is not None and not 50 <= screen.distance_mm <= 10_000:
        raise TableError(f"{path}: ScreenDistance is {quoted(shown['ScreenDistance'])}, expected metres")
    return screen, ("bottom" if "bottom" in words else "top", "right" if "right" in words else "left")


def _require_side(path: Path, side_px: int | None, name: str) -> int:
    if side_px is None:
        raise TableError(
            f"{path}: ScreenOrigin is not top left, and ScreenResolution, which gives the {name}, is missing"
        )
    return side_px
