import numpy as np
import pytest

from egaze.metrics import region_gaze
from egaze.metrics.localisation import region_mask
from egaze.metrics.scanpath import coverage_frac, nearest_fixation_px

X, Y = [2.0, 10.4, 10.6, -3.0, 4.0], [3.0, 3.0, 3.0, 3.0, 9.0]
DURATION_S, ONSET_S = [0.2, 0.3, 0.4, 0.1, 0.5], [0.0, 0.3, 0.7, 1.2, 1.4]
SHAPE = (16, 20)


def test_measures_are_counted_by_hand():
    region = region_mask(SHAPE, [9, 2, 10, 5], [False])
    found = region_gaze(region, X, Y, DURATION_S, ONSET_S, radius_px=1.0)
    # The third fixation is nearer to the pixel beside the region; the fourth is off the case, and still dwell time.
    assert found.fixations == 1 and found.dwell_s == pytest.approx(0.3) and found.dwell_frac == pytest.approx(0.2)
    assert found.first_fixation_s == pytest.approx(0.3)
    # Of 2 x 4 pixels: (10, 3), its neighbours (9, 3), (10, 2), (10, 4).
    assert found.coverage_frac == pytest.approx(4 / 8)


def test_regions_without_fixations():
    found = region_gaze(region_mask(SHAPE, [15, 12, 19, 15], [False]), X, Y, DURATION_S, ONSET_S, radius_px=1.0)
    assert (found.fixations, found.dwell_s, found.dwell_frac, found.coverage_frac) == (0, 0, 0, 0)
    assert np.isnan(found.first_fixation_s)
    nothing = region_gaze(np.ones(SHAPE, bool), [], [], [], [], radius_px=1.0)
    assert nothing.fixations == 0 and np.isnan(nothing.dwell_frac) and nothing.coverage_frac == 0
    assert np.isnan(region_gaze(np.ones(SHAPE, bool), X, Y, DURATION_S, radius_px=1.0).first_fixation_s)
    assert np.isnan(region_gaze(np.zeros(SHAPE, bool), X, Y, DURATION_S, radius_px=1.0).coverage_frac)


def test_coverage_is_the_share_of_pixels_near_a_fixation():
    generator = np.random.default_rng(0)
    x, y = generator.uniform(-5, 25, (2, 12))
    region = region_mask(SHAPE, [2, 1, 17, 14], [True])
    nearest = nearest_fixation_px(SHAPE, x, y)
    pixels = [(a, b) for a, b in zip(np.floor(x + 0.5), np.floor(y + 0.5), strict=True) if 0 <= a < 20 and 0 <= b < 16]
    for radius_px in (0.0, 1.5, 4.0):
        near = [
            any((a - column) ** 2 + (b - row) ** 2 <= radius_px**2 for a, b in pixels)
            for row, column in np.argwhere(region)
        ]
        assert coverage_frac(nearest, region, radius_px) == pytest.approx(np.mean(near))


def test_bad_input():
    with pytest.raises(ValueError, match="expected a region"):
        region_gaze(np.ones(SHAPE, bool), X, Y, DURATION_S[:-1], radius_px=1.0)
    with pytest.raises(ValueError, match="onset_s must be"):
        region_gaze(np.ones(SHAPE, bool), X, Y, DURATION_S, ONSET_S[:-1], radius_px=1.0)
