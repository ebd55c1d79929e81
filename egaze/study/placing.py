"""One radiograph read, presented and placed on the study's canvas."""

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
    """What is kept of a radiograph besides its pixels.

    Attributes:
        stamp: the file's size in bytes and its time of change in ns, so that a changed radiograph is read again.
        height_px, width_px: of the radiograph.
        bits_stored, inverted: see `Presentation`.
        voi: its `voi` and its notes, with semicolons between.
    """

    stamp: Stamp
    height_px: int
    width_px: int
    bits_stored: int
    voi: str | None
    inverted: bool

    def as_dict(self) -> dict[str, object]:
        """What `RadiographFacts(**...)` takes. Of a hundred thousand radiographs, so by hand: `asdict` copies
        deeply."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def shape(self) -> tuple[int, int]:
        return self.height_px, self.width_px


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A radiograph on its canvas: (S, S) uint16, 0 is black and 65535 white."""

    pixels: NDArray[np.uint16]
    facts: RadiographFacts


@dataclass(frozen=True, slots=True)
class Failed:
    """A radiograph that cannot be read, and why: with its path, so for the user's own eyes only."""

    message: str


def stamp(path: Path) -> Stamp:
    """Raises OSError when there is no such file."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def place_radiograph(path: Path, canvas: Canvas) -> Placed | Failed:
    """Read one radiograph. Whatever is wrong with it is an answer, not an error; only MemoryError is raised."""
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
    """The notes in what `RadiographFacts.voi` says."""
    said = voi.split("; ") if voi else []
    return said[1:] if said and (said[0] == "VOI LUT" or said[0].startswith("window ")) else said


def reason_without_identity(message: str, path: Path, patient_id: str) -> str:
    """Why a radiograph was left out, fit for study.json.

    Folders and file names of a dataset hold patients' numbers, so the path is cut off, values that a message quotes
    from the file are left out, and a reason that repeats a part of the path, or the patient's id, is replaced whole.
    """
    reason = re.sub(r"""b?(['"]).*?\1""", "...", message.removeprefix(f"{path}: "))
    words = {*path.parts, path.stem, str(path), patient_id} - {"", "/"}
    if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", reason) for word in words):
        return "cannot be read"
    return reason
