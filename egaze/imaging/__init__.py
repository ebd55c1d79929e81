"""Radiographs: reading, presenting and resizing them, and placing them on a canvas."""

from egaze.imaging.canvas import Canvas, to_input
from egaze.imaging.fit import FitGeometry
from egaze.imaging.radiograph import PRESENTATIONS, Presentation, Radiograph, StoredRadiograph
from egaze.imaging.read import read_radiograph, read_stored
from egaze.imaging.resize import resize

__all__ = [
    "PRESENTATIONS",
    "Canvas",
    "FitGeometry",
    "Presentation",
    "Radiograph",
    "StoredRadiograph",
    "read_radiograph",
    "read_stored",
    "resize",
    "to_input",
]
