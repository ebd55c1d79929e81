"""The lines round a mask."""

import numpy as np

from egaze.report.outline import outline
from egaze.sources import Mask


def test_a_mask_is_closed_in():
    pixels = np.zeros((4, 10), bool)
    pixels[1:3, 2:7] = True
    lines = sorted(outline(Mask.of(pixels)))
    assert lines == [[0.2, 0.25, 0.2, 0.75], [0.2, 0.25, 0.7, 0.25], [0.2, 0.75, 0.7, 0.75], [0.7, 0.25, 0.7, 0.75]]


def test_the_edge_of_the_radiograph_closes_it_too():
    pixels = np.zeros((1024, 1024), bool)
    pixels[:, :512] = True
    assert sorted(outline(Mask.of(pixels))) == [[0, 0, 0, 1], [0, 0, 0.5, 0], [0, 1, 0.5, 1], [0.5, 0, 0.5, 1]]
