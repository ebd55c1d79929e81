"""What objects show of a prediction, in the pixels of the radiograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egaze import _core
from egaze.deploy import Prediction
from egaze.imaging import StoredRadiograph, resize
from egaze.pictures.colours import PEAK_OPACITY, heatmap_table


def marked_overlay(radiograph: StoredRadiograph, prediction: Prediction) -> NDArray[np.uint8]:
    """Draw the heatmap on the radiograph, brightest at its peak, with a colour bar and the mark beside the radiograph.

    Returns:
        (H, W, 3) RGB, a little larger than the radiograph, whose pixels keep their rows and columns.
    """
    cut = prediction.geometry.cut_out(prediction.heatmap)
    peak = float(cut.max())
    grey = resize(radiograph.stored, radiograph.shape, out_dtype=np.uint8, scale=255.0, table=radiograph.table)
    brightness = float(np.float32(255) / np.float32(peak)) if peak > 0 else 0.0
    levels = resize(cut, radiograph.shape, filter="bilinear", out_dtype=np.uint8, scale=brightness)
    return _core.marked_overlay(grey, levels, heatmap_table(PEAK_OPACITY), peak)


def above(heatmap: NDArray[np.float32], threshold_frac: float) -> NDArray[np.bool_]:
    """Where a heatmap is at least a share of its peak; nowhere if the peak is 0."""
    inside: NDArray[np.bool_] = (heatmap >= np.float32(threshold_frac) * heatmap.max()) & (heatmap > 0)
    return inside


def stored_map(heatmap: NDArray[np.float32]) -> NDArray[np.uint16]:
    """A heatmap in [0, 1] as 16 bits, of which 65535 stands for 1."""
    stored: NDArray[np.uint16] = np.rint(np.clip(heatmap, 0.0, 1.0) * np.float32(65535.0)).astype(np.uint16)
    return stored
