"""Fixations and the heatmaps they make."""

from egaze.gaze.fixations import Fixations
from egaze.gaze.heatmap import rasterize_fixations

__all__ = ["Fixations", "rasterize_fixations"]
