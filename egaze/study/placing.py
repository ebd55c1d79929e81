"""Reading one radiograph and placing it on the canvas of a study."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egaze.errors import EgazeError
from egaze.imaging import Canvas, read_stored

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RadiographFacts:
    """The facts about a radiograph that are kept besides its pixels; without a file, its size alone.

    Attributes:
        stamp: the size of the file in bytes and its modification time in ns, to detect a changed file.
        height_px, width_px: of the radiograph.
        bits_stored, inverted: see `Presentation`.
        voi: `Presentation.voi` and `Presentation.notes`, joined by semicolons.
    """

    stamp: Stamp | None
    height_px: int
    width_px: int
    bits_stored: int | None = None
    voi: str | None = None
    inverted: bool | None = None

    def as_dict(self) -> dict[str, object]:
        """The fields by name. `dataclasses.asdict` copies deeply, which is slow for a hundred thousand radiographs."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def shape(self) -> tuple[int, int]:
        return self.height_px, self.width_px


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A radiograph on the canvas: (S, S) uint16 pixels, 0 is black and 65535 white, and its facts."""

    pixels: NDArray[np.uint16]
    facts: RadiographFacts


@dataclass(frozen=True, slots=True)
class Failed:
    """A radiograph that cannot be read. The message contains its path and must not be stored or shared."""

    message: str


def stamp(path: Path) -> Stamp:
    """The stamp of a file. Raises OSError if it does not exist."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def place_radiograph(path: Path, canvas: Canvas) -> Placed | Failed:
    """Read and place one radiograph. Every error becomes a `Failed`, except MemoryError, which is raised."""
    try:
        taken = stamp(path)
        with warnings.catch_warnings():
            # pydicom's warnings quote header fields.
            warnings.simplefilter("ignore")
            return _place(path, canvas, taken)
    except EgazeError as error:
        return Failed(str(error))
    except OSError as error:
        return Failed(f"{path}: cannot open the radiograph: {error.strerror}")
    except MemoryError:
        raise
    except Exception as error:
        return Failed(f"{path}: cannot read the radiograph ({type(error).__name__})")


def _place(path: Path, canvas: Canvas, taken: Stamp) -> Placed:
    radiograph = read_stored(path, presentation=canvas.presentation)
    height_px, width_px = radiograph.shape
    pixels = canvas.place(radiograph)
    shown = radiograph.presentation
    described = "; ".join(filter(None, (shown.voi, *shown.notes))) or None
    return Placed(pixels, RadiographFacts(taken, height_px, width_px, shown.bits_stored, described, shown.inverted))


def notes_in(voi: str | None) -> list[str]:
    """The notes in `RadiographFacts.voi`."""
    said = voi.split("; ") if voi else []
    return said[1:] if said and (said[0] == "VOI LUT" or said[0].startswith("window ")) else said


def reason_without_identity(message: str, path: Path, patient_id: str) -> str:
    """The reason for leaving out a radiograph, without anything that identifies the patient, for study.json.

    Folders and file names of a data set contain patients' numbers. The path is removed from the message, as are values
    quoted from the file, and a reason that still repeats a part of the path or the patient's id is replaced as a whole.
    """
    reason = re.sub(r"""b?(['"]).*?\1""", "...", message.removeprefix(f"{path}: "))
    words = {*path.parts, path.stem, str(path), patient_id} - {"", "/"}
    if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", reason) for word in words):
        return "cannot be read"
    return reason
