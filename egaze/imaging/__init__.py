"""Radiographs: reading, presenting, resizing and placing them on a canvas."""

from egaze.imaging.fit import FitGeometry
from egaze.imaging.radiograph import PRESENTATIONS, Presentation, Radiograph
from egaze.imaging.read import read_radiograph
from egaze.imaging.resize import resize

__all__ = ["PRESENTATIONS", "FitGeometry", "Presentation", "Radiograph", "read_radiograph", "resize"]
