"""Readings of a grey radiograph, for pictures of which every part is known."""

import numpy as np
import pytest

from egaze.gaze import Fixations
from egaze.imaging import FitGeometry
from egaze.pictures.case_gaze import CaseGaze, HeatmapOptions

GREY = 30000


@pytest.fixture
def case_gaze():
    """Makes a reading of a radiograph of 90 x 60 px on a canvas of 64 px; fixations are in pixels of the canvas."""

    def make(x_px, y_px, duration_s, onset_s=None, *, radiograph_shape=(90, 60), fit="stretch", label="chf", **options):
        case_id = options.pop("case_id", "case-1")
        synthetic = options.pop("synthetic", False)
        degrees = options.pop("pixels_per_degree", None)
        geometry = FitGeometry.of(radiograph_shape, (64, 64), fit)
        radiograph = np.full((geometry.height_px, geometry.width_px), GREY, np.uint16)
        unit = options.pop("duration_unit", "s")
        fixations = Fixations(x_px, y_px, duration_s, onset_s, degrees, duration_unit=unit)
        return CaseGaze(case_id, label, "2", synthetic, radiograph, geometry, fixations, HeatmapOptions(**options))

    return make


@pytest.fixture
def long_reading(case_gaze):
    """40 fixations with onsets, all on the radiograph."""
    rng = np.random.default_rng(5)
    duration_s = rng.uniform(0.05, 0.9, 40).astype(np.float32)
    onset_s = np.cumsum(duration_s + 0.04) - duration_s
    return case_gaze(rng.uniform(5, 58, 40), rng.uniform(5, 58, 40), duration_s, onset_s)
