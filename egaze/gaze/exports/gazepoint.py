"""Gazepoint Analysis: NAME_all_gaze.csv and NAME_fixations.csv.

Positions are fractions of the screen, origin top left; BPOG is the gaze point and FPOG the fixation's, each with a
flag in a column that ends in V (Gazepoint API, "Best point of gaze", "Fixation point of gaze"). A lost sample repeats
the last position, so only the flag tells. FPOGS is the fixation's onset in seconds, and FPOGD its duration, which
grows from row to row: the last valid row of a fixation has its whole duration. The name of the column TIME holds the
recording's date.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egaze.errors import TableError
from egaze.gaze.exports.reading import (
    Column,
    floats,
    header_names,
    pictures_of,
    read_columns,
    require_clock,
    runs,
    samples_of,
)
from egaze.gaze.recording import GazeFormat, GazeRecording, RecordedFixations


def _matches(path: Path, head: bytes) -> bool:
    return {"FPOGX", "FPOGY", "FPOGID"} <= header_names(head) and _time_name(head) is not None


def _time_name(head: bytes) -> str | None:
    """The column of seconds: "TIME(2025/04/04 11:57:50.638)", or "TIME" in files from the API."""
    return next((name for name in sorted(header_names(head)) if name == "TIME" or name.startswith("TIME(")), None)


def _read(path: Path) -> GazeRecording:
    with path.open("rb") as file:
        time_name = _time_name(file.read(1 << 16))
    if time_name is None:
        raise TableError(f"{path}: has no column 'TIME(...)'; is it an export of another version?")
    columns = {
        "time_s": Column((time_name,), is_required=True),
        "media_id": Column(("MEDIA_ID",)),
        "media": Column(("MEDIA_NAME",), "text"),
        "x": Column(("BPOGX",)),
        "y": Column(("BPOGY",)),
        "valid": Column(("BPOGV",)),
        "fixation_x": Column(("FPOGX",), is_required=True),
        "fixation_y": Column(("FPOGY",), is_required=True),
        "fixation_s": Column(("FPOGS",), is_required=True),
        "duration_s": Column(("FPOGD",), is_required=True),
        "fixation": Column(("FPOGID",), is_required=True),
        "is_fixation": Column(("FPOGV",), is_required=True),
    }
    notes: list[str] = []
    table = read_columns(path, columns, notes)
    time_s = floats(table, "time_s")
    require_clock(path, np.arange(1, len(table) + 1), time_s)
    during = floats(table, "is_fixation") == 1
    key = floats(table, "media_id") * 1e9 if not table["media_id"].is_null().all() else np.zeros(len(table))
    begins, ends = runs((key + floats(table, "fixation"))[during])
    onset_s, duration_s, x, y = (
        floats(table, name)[during][ends - 1] for name in ("fixation_s", "duration_s", "fixation_x", "fixation_y")
    )
    order = np.argsort(onset_s, kind="stable")
    fixations = RecordedFixations("both", onset_s[order], duration_s[order], x[order], y[order], "frac")
    is_list = len(table) > 1 and bool((ends - begins == 1).all()) and not (~during).any()
    if is_list:
        notes.append("it has one row for each fixation, and no samples; NAME_all_gaze.csv has those")
    elif table["valid"].is_null().all():
        raise TableError(f"{path}: has no column 'BPOGV', which tells lost samples; export all_gaze with all columns")
    samples = samples_of("both", time_s, floats(table, "x"), floats(table, "y"), "frac", floats(table, "valid") == 1)
    return GazeRecording(
        () if is_list or not len(table) else (samples,),
        (fixations,),
        notes=tuple(notes),
        pictures=() if is_list else pictures_of(table["media"], time_s),
    )


#: The format for `egaze.gaze.GAZE_FORMATS`.
GAZEPOINT = GazeFormat("Gazepoint Analysis, all_gaze and fixations", _matches, _read)
