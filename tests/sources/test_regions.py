"""Masks as runs down the columns."""

import numpy as np
import pytest

from egaze.sources import Mask, Region


def test_pixels_and_runs_are_one():
    pixels = np.random.default_rng(0).random((17, 9)) < 0.4
    assert np.array_equal(Mask.of(pixels).pixels(), pixels)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ((), "one run at least"),
        ((3,), "by turns"),
        ((3, 0), "none of them empty"),
        ((-1, 3), "rise"),
        ((3, 4, 6, 2), "not overlap"),
        ((10, 3), "must end on its 3 x 4 px, got 13"),
    ],
)
def test_runs_that_cannot_be(runs, said):
    with pytest.raises(ValueError, match=said):
        Mask(height_px=4, width_px=3, runs=runs)


def test_pixels_belong_to_masks_alone():
    mask = Mask(4, 3, (1, 2))
    with pytest.raises(ValueError, match="belong to the shape 'mask'"):
        Region("a", "box", 0, 0, 1, 1, mask=mask)
    with pytest.raises(ValueError, match="belong to the shape 'mask'"):
        Region("a", "mask", 0, 0, 1, 1)
    region = Region.of_mask("a", mask)
    assert (region.x_min_px, region.y_min_px, region.x_max_px, region.y_max_px) == (-0.5, 0.5, 0.5, 2.5)
