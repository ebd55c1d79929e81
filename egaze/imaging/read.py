"""Reading radiographs from disk."""

from __future__ import annotations

import stat
from os import PathLike
from pathlib import Path

from egaze.errors import RadiographError
from egaze.imaging.array_file import read_npy
from egaze.imaging.dicom import read_dicom
from egaze.imaging.limits import max_radiograph_bytes
from egaze.imaging.png_jpeg import read_jpeg, read_png
from egaze.imaging.radiograph import PRESENTATIONS, Radiograph, StoredRadiograph


def read_radiograph(path: str | PathLike[str], *, presentation: str = "voi") -> Radiograph:
    """Read one radiograph: DICOM, PNG, JPEG or .npy, recognised by content, not by name.

    DICOM (PS3.3): one monochrome frame of 8 or 16 bits allocated, with the stored bits at any position in their words,
    signed or unsigned (C.7.6.3.1). The Modality LUT or Rescale is applied first (C.11.1); then, with "voi", the first
    VOI LUT, or else the first window with its VOI LUT Function (C.11.2.1), or the full range if the file has neither;
    MONOCHROME1 is inverted once, last (C.7.6.3.1.2), and Presentation LUT Shape only repeats that (C.8.11.3). Pixel
    Padding Value and its Range Limit (C.7.5.1.1.2) become black. Rescale, VOI LUT and window may be in functional
    groups (C.7.6.16). `Presentation.notes` says what was not followed. Transfer syntaxes (PS3.5 A.4): little endian
    explicit, implicit and deflated, big endian, RLE, JPEG baseline, extended and lossless, JPEG-LS, JPEG 2000.

    PNG and JPEG: grey, or colour converted to ITU-R 601 luma (16-bit colour and 16-bit grey with alpha at 8 bits).
    Palettes are resolved to colours; alpha, ICC profile and EXIF orientation are ignored; CMYK is refused. "voi"
    divides by the largest value of the type. .npy: (H, W) uint8 or uint16, treated in the same way, or float32 in [0,
    1].

    A radiograph has at most 2^26 pixels, a limit that the environment variable EGAZE_MAX_RADIOGRAPH_PIXELS changes, and
    its file at most four bytes per allowed pixel and 16 MiB more. Both are checked before memory of that size is used.

    Args:
        path: the file.
        presentation: "voi" follows the file; "raw-max" divides stored values by the largest one, without window or
            inversion; "equalize" scales to 8 bits between the extremes and equalises the histogram.

    Returns:
        The radiograph with (H, W) float32 pixels in [0, 1] in the MONOCHROME2 sense, except with "raw-max", which keeps
        the stored sense.

    Raises:
        RadiographError: the file is missing, is not a radiograph, is damaged or over the limits, has several frames or
            colours, or needs a decoder that is not installed. The message names the file and the value at fault, and
            quotes no text of the file.
        ValueError: an unknown presentation.
        EgazeError: EGAZE_MAX_RADIOGRAPH_PIXELS is not a number.

    Example:
        >>> from egaze import read_radiograph
        >>> radiograph = read_radiograph("radiograph.dcm")
        >>> radiograph.pixels.dtype, radiograph.pixels.ndim
        (dtype('float32'), 2)
        >>> radiograph.presentation.bits_stored, radiograph.presentation.voi
        (12, None)
    """
    return read_stored(path, presentation=presentation).present()


def read_stored(path: str | PathLike[str], *, presentation: str = "voi") -> StoredRadiograph:
    """Read one radiograph as `read_radiograph` does, but keep its stored values beside the table of grey values.

    Placing it on a canvas (`Canvas.place`) then needs no full-size array of floats. Arguments and errors are those of
    `read_radiograph`. The words of an uncompressed radiograph are a read-only view of the bytes of its file.

    Example:
        >>> from egaze.imaging import read_stored
        >>> radiograph = read_stored("radiograph.dcm")
        >>> radiograph.stored.dtype, radiograph.table.shape, radiograph.shape == radiograph.present().pixels.shape
        (dtype('uint16'), (65536,), True)
    """
    if presentation not in PRESENTATIONS:
        raise ValueError(f"presentation must be one of {', '.join(PRESENTATIONS)}, got {presentation!r}")
    path = Path(path)
    content = file_content(path)
    if content.startswith(b"\x93NUMPY"):
        return read_npy(path, content, presentation)
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return read_png(path, content, presentation)
    if content.startswith(b"\xff\xd8\xff"):
        return read_jpeg(path, content, presentation)
    if content[128:132] == b"DICM":
        return read_dicom(path, content, presentation)
    raise RadiographError(
        f"{path}: neither DICOM, PNG, JPEG nor .npy (begins with {content[:4].hex(' ') or 'nothing'})"
    )


def file_content(path: Path) -> bytes:
    """The bytes of the file, after checking that it is a regular file and not too large for a radiograph."""
    limit = max_radiograph_bytes()
    try:
        # Checked before it is opened: opening a pipe would wait for its writer.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RadiographError(f"{path}: is not a file")
        if status.st_size > limit:
            raise RadiographError(f"{path}: is larger than any radiograph ({status.st_size} of at most {limit} bytes)")
        with path.open("rb") as file:
            return file.read(status.st_size)
    except OSError as error:
        raise RadiographError(f"{path}: cannot open the radiograph: {error.strerror}") from error
    except ValueError as error:  # a NUL in the path
        raise RadiographError(f"{str(path)!r}: cannot open the radiograph: {error}") from error
