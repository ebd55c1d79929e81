"""Any film on disk to a Radiograph."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from egaze.errors import FilmError
from egaze.imaging.array_file import read_npy
from egaze.imaging.dicom import read_dicom
from egaze.imaging.picture import read_picture
from egaze.imaging.radiograph import PRESENTATIONS, Radiograph

_HEAD_BYTES = 132


def read_radiograph(path: str | PathLike[str], *, presentation: str = "voi") -> Radiograph:
    """Read one film: DICOM, PNG, JPEG or .npy, told apart by content, not by name.

    DICOM (one monochrome frame, PS3.3 C.7.6.3): Modality LUT or Rescale first (C.11.1), then with "voi" the first
    VOI LUT or else the first window with its VOI LUT Function (C.11.2.1), or the film's full range where it has
    neither; MONOCHROME1 is inverted once, last (C.7.6.3.1.2). Pixel Padding Value (C.7.5.1.1.2) becomes black.
    PNG and JPEG: grey, or colour as ITU-R 601 luma (16-bit colour at 8 bits); alpha is ignored; "voi" divides by
    the largest value of the type. .npy: (H, W) uint8 or uint16 likewise, or float32 in [0, 1].

    Args:
        path: the file.
        presentation: "voi"; "raw-max" divides stored values by the film's largest, without window or inversion;
            "equalize" scales to 8 bits between the extremes and equalises the histogram.

    Returns:
        The film with (H, W) float32 pixels in [0, 1], MONOCHROME2 sense (except "raw-max", which keeps the
        stored sense).

    Raises:
        FilmError: no such file, not a film, damaged, larger than 2^28 pixels, or several frames or colours.
        ValueError: an unknown presentation.
    """
    if presentation not in PRESENTATIONS:
        raise ValueError(f"presentation must be one of {', '.join(PRESENTATIONS)}, got {presentation!r}")
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise FilmError(f"{path}: cannot open the film: {error.strerror}") from error
    if head.startswith(b"\x93NUMPY"):
        return read_npy(path, presentation)
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        return read_picture(path, presentation)
    if head[128:132] == b"DICM":
        return read_dicom(path, presentation)
    raise FilmError(f"{path}: neither DICOM, PNG, JPEG nor .npy (begins with {head[:8]!r})")
