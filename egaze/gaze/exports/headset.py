"""Headsets of virtual reality: their gaze is a direction in three dimensions, on no screen. Files are refused."""

from __future__ import annotations

from pathlib import Path

from egaze.errors import TableError
from egaze.gaze.exports.reading import header_names
from egaze.gaze.recording import GazeFormat, GazeRecording

#: Columns of HTC Vive Pro Eye (SRanipal) and of Pico Neo.
_SIGNS = ({"gaze_direct_L.x", "gaze_direct_R.x"}, {"Combine Eye Gaze Vector. x", "Head Rotation. x"})


def _matches(path: Path, head: bytes) -> bool:
    names = header_names(head)
    return any(sign <= names for sign in _SIGNS)


def _read(path: Path) -> GazeRecording:
    raise TableError(
        f"{path}: is of a virtual reality headset: its gaze is a direction in three dimensions, which lies on no "
        "screen and on no radiograph, so it cannot be imported"
    )


#: The format for `egaze.gaze.GAZE_FORMATS`.
HEADSET = GazeFormat("virtual reality headset, which is refused", _matches, _read)
