"""Gaze data of the Tobii Pro SDK, saved as a table: the SDK's own dictionaries, or the columns of its Matlab binding.

The dictionaries' points are texts "(x, y)" in fractions of the display area, origin top left, and their validity is 1
or 0; device_time_stamp is in microseconds (Tobii Pro SDK reference, `GazeData`). The Matlab columns LGazePos2dx and so
on are the same fractions; their validity is 0 for certain, to 4 for lost (Tobii Analytics SDK Developer Guide,
"Validity codes"), and Time is in microseconds. system_time_stamp is not used: programs write it with too few digits.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.gaze.exports.reading import Column, floats, header_names, read_columns, require_clock, samples_of
from egaze.gaze.recording import Eye, GazeFormat, GazeRecording, GazeSamples

if TYPE_CHECKING:
    import polars as pl

_EYES: tuple[Eye, Eye] = ("left", "right")
_DICTIONARY = {
    "time_us": Column(("device_time_stamp",), is_required=True),
    **{f"{eye}_point": Column((f"{eye}_gaze_point_on_display_area",), "text", is_required=True) for eye in _EYES},
    **{f"{eye}_valid": Column((f"{eye}_gaze_point_validity",), is_required=True) for eye in _EYES},
}
_MATLAB = {
    "time_us": Column(("Time",), is_required=True),
    **{
        f"{eye}_{own}": Column((f"{letter}{name}",), is_required=True)
        for eye, letter in zip(_EYES, "LR", strict=True)
        for own, name in (("x", "GazePos2dx"), ("y", "GazePos2dy"), ("validity", "Validity"))
    },
}
_POINT = r"^\s*[(\[]\s*([^,\s]+)\s*,\s*([^,\s]+)\s*[)\]]\s*$"


def _matches(path: Path, head: bytes) -> bool:
    names = header_names(head)
    return {"left_gaze_point_on_display_area", "device_time_stamp"} <= names or {"LGazePos2dx", "RGazePos2dx"} <= names


def _read(path: Path) -> GazeRecording:
    with path.open("rb") as file:
        is_dictionary = "device_time_stamp" in header_names(file.read(1 << 16))
    notes: list[str] = []
    table = read_columns(path, _DICTIONARY if is_dictionary else _MATLAB, notes)
    time_s = floats(table, "time_us") / 1e6
    require_clock(path, np.arange(1, len(table) + 1), time_s)
    samples: list[GazeSamples] = []
    for eye in _EYES:
        if is_dictionary:
            x, y = _points(path, _DICTIONARY[f"{eye}_point"].names[0], table[f"{eye}_point"])
            valid = floats(table, f"{eye}_valid") == 1
        else:
            x, y = floats(table, f"{eye}_x"), floats(table, f"{eye}_y")
            valid = floats(table, f"{eye}_validity") <= 1
        samples.append(samples_of(eye, time_s, x, y, "frac", valid))
        if not valid.any() and len(table):
            notes.append(f"the {eye} eye is never there")
    return GazeRecording(tuple(samples) if len(table) else (), notes=tuple(notes))


#: The format for `egaze.gaze.GAZE_FORMATS`.
TOBII_SDK = GazeFormat("Tobii Pro SDK, gaze data as a table", _matches, _read)


def _points(path: Path, name: str, texts: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Texts "(x, y)" as numbers; an empty text and nan are lost."""
    import polars as pl

    parts = []
    for group in (1, 2):
        numbers = texts.str.extract(_POINT, group).cast(pl.Float64, strict=False)
        for place in (numbers.is_null() & texts.is_not_null()).arg_true()[:1]:
            raise TableError(f"{path}: record {place + 1}, column {name!r} holds {texts[place]!r}, expected (x, y)")
        parts.append(numbers.fill_null(float("nan")).to_numpy())
    return parts[0], parts[1]
