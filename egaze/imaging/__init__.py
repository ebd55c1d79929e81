"""Radiographs: reading, presenting, resizing and placing them on a canvas."""

from egaze.imaging.canvas import Canvas, to_input
from egaze.imaging.fit import FitGeometry
from egaze.imaging.radiograph import PRESENTATIONS, Presentation, Radiograph, StoredFilm
from egaze.imaging.read import read_film, read_radiograph
from egaze.imaging.resize import resize

__all__ = [
    "PRESENTATIONS",
    "Canvas",
    "FitGeometry",
    "Presentation",
    "Radiograph",
    "StoredFilm",
    "read_film",
    "read_radiograph",
    "resize",
    "to_input",
]
