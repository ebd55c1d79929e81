import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image
from scipy.ndimage import gaussian_filter

from egaze import Fixations
from egaze.targets import egd_target


def reference(fixations, shape, size_px):
    """The baseline's steps with scipy, matplotlib and Pillow."""
    even = tuple(side + side % 2 for side in shape)
    counts = np.zeros(even)
    inside = (fixations.x_px < even[1]) & (fixations.y_px < even[0])
    np.add.at(counts, (fixations.y_px[inside].astype(int), fixations.x_px[inside].astype(int)), 1)
    blurred = gaussian_filter(counts, 150, truncate=4.0)
    unit = (blurred - blurred.min()) / max(blurred.max() - blurred.min(), 1e-300)
    colours = colormaps["viridis"](unit, bytes=True)[..., :3]
    resized = Image.fromarray(colours).resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.asarray(resized.convert("L"))


@pytest.mark.parametrize(("shape", "count"), [((771, 640), 20), ((640, 801), 45), ((333, 401), 1)])
def test_equals_the_reference_within_one_grey_level(shape, count):
    generator = np.random.default_rng(count)
    x, y = generator.integers(0, shape[1], count), generator.integers(0, shape[0], count)
    fixations = Fixations(x, y, np.ones(count))
    found = egd_target(fixations, shape, 224)
    difference = found.astype(int) - reference(fixations, shape, 224)
    assert found.dtype == np.uint8 and np.abs(difference).max() <= 1
    assert found.min() >= 28 and found.max() <= 217


def test_without_fixations_it_is_viridis_darkest_grey():
    assert set(np.unique(egd_target(Fixations([], [], []), (300, 200), 64))) == {30}


def test_the_blur_is_that_of_full_size_on_a_smaller_copy():
    """A third of the sides and of the sigma give the same map, up to the rounding of positions to whole pixels."""
    full, small = Fixations([601, 1501], [901, 1201], [1, 1]), Fixations([200, 500], [300, 400], [1, 1])
    of_full = egd_target(full, (2400, 2100), 64).astype(int)
    of_small = egd_target(small, (800, 700), 64, sigma_px=50)
    assert np.abs(of_full - of_small).max() <= 4
    assert np.abs(of_full - egd_target(small, (800, 700), 64)).max() > 40
