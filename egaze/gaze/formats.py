"""The registry of eye tracker exports that can be read."""

from __future__ import annotations

from pathlib import Path

from egaze.errors import TableError
from egaze.gaze.bids import BIDS
from egaze.gaze.exports.eyelink import EYELINK
from egaze.gaze.exports.gazepoint import GAZEPOINT
from egaze.gaze.exports.headset import HEADSET
from egaze.gaze.exports.pupil import PUPIL
from egaze.gaze.exports.smi import SMI
from egaze.gaze.exports.tobii_glasses import TOBII_GLASSES
from egaze.gaze.exports.tobii_pro_lab import TOBII_PRO_LAB
from egaze.gaze.exports.tobii_sdk import TOBII_SDK
from egaze.gaze.exports.tobii_studio import TOBII_STUDIO
from egaze.gaze.exports.tobii_studio3 import TOBII_STUDIO3
from egaze.gaze.recording import GazeFormat, GazeRecording
from egaze.registry import Registry

#: The number of bytes from the beginning of a file by which its format is recognised.
HEAD_BYTES = 1 << 16

#: Formats by name. Other packages add formats by entry points in the group `egaze.gaze_formats`.
GAZE_FORMATS: Registry[GazeFormat] = Registry(
    "egaze.gaze_formats",
    "tracker format",
    {
        "bids": BIDS,
        "eyelink-asc": EYELINK,
        "gazepoint": GAZEPOINT,
        "pupil-labs": PUPIL,
        "smi-begaze": SMI,
        "tobii-glasses": TOBII_GLASSES,
        "tobii-pro-lab": TOBII_PRO_LAB,
        "tobii-sdk": TOBII_SDK,
        "tobii-studio": TOBII_STUDIO,
        "tobii-studio3": TOBII_STUDIO3,
        "vr-headset": HEADSET,
    },
    fits=lambda item: isinstance(item, GazeFormat),
)


def read_recording(path: str | Path, *, format: str | None = None) -> GazeRecording:
    """Read the export of an eye tracker.

    Args:
        path: the file; docs/extending.md lists the formats.
        format: its name in `GAZE_FORMATS`; None recognises it by name and content.

    Returns:
        The samples, fixations and messages of the export, in pixels of the screen and seconds.

    Raises:
        TableError: no such file, no format or several that match, an unknown format, or a file that its format cannot
            read with certainty.
        EgazeError: the format of another package cannot be imported.

    Example:
        >>> import gzip, json
        >>> from pathlib import Path
        >>> from egaze.gaze import read_recording
        >>> facts = {"PhysioType": "eyetrack", "SampleCoordinateSystem": "gaze-on-screen", "SamplingFrequency": 500,
        ...          "Columns": ["timestamp", "x_coordinate", "y_coordinate"], "timestamp": {"Units": "ms"},
        ...          "x_coordinate": {"Units": "pixel"}, "y_coordinate": {"Units": "pixel"}}
        >>> _ = Path("sub-1_task-read_physio.json").write_text(json.dumps(facts))
        >>> rows = b"7196720\\t512.8\\t394.5\\n7196722\\tn/a\\tn/a\\n7196724\\t513.9\\t397.0\\n"
        >>> _ = Path("sub-1_task-read_physio.tsv.gz").write_bytes(gzip.compress(rows))
        >>> (samples,) = read_recording("sub-1_task-read_physio.tsv.gz").samples
        >>> samples.is_valid.tolist(), round(float(samples.time_s[-1] - samples.time_s[0]), 3)
        ([True, False, True], 0.004)
    """
    path = Path(path)
    if format is not None and format not in GAZE_FORMATS:
        raise TableError(f"{path}: unknown tracker format {format!r}; known are {', '.join(GAZE_FORMATS)}")
    name = recognised_format(path) if format is None else format
    try:
        return GAZE_FORMATS[name].read(path)
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # times that fall, or another value that no recording has
        raise TableError(f"{path}: {error}") from error


def recognised_format(path: str | Path) -> str:
    """The name of an export's format in `GAZE_FORMATS`, told from its first bytes.

    Raises:
        TableError: no such file, no format or several that match.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise TableError(f"{path}: no such file")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from error
    found = [name for name, item in GAZE_FORMATS.items() if item.matches(path, head)]
    if not found:
        raise TableError(
            f"{path}: is not an export that egaze knows: {', '.join(GAZE_FORMATS)}; a mapping file can describe any "
            "table (egaze gaze import --mapping)"
        )
    if len(found) > 1:
        raise TableError(f"{path}: matches the formats {' and '.join(found)}; name one of them")
    return found[0]
