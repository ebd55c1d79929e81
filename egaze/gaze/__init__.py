"""Fixations and heatmaps of them."""

from egaze.gaze.fixations import Fixations
from egaze.gaze.heatmap import rasterize_batch, rasterize_fixations, rasterize_frames

__all__ = ["Fixations", "rasterize_batch", "rasterize_fixations", "rasterize_frames"]
