import numpy as np
import pytest

from egaze.metrics import KScale, k_coefficient, saccades_between


def test_amplitudes_and_directions():
    steps = saccades_between([0, 3, 3, 0, 0], [0, 0, -4, -4, -4])
    assert steps.amplitude.tolist() == [3, 4, 3, 0]
    np.testing.assert_array_equal(steps.direction_deg, [0, 90, 180, np.nan])
    scaled = saccades_between([0, 30], [0, 40], [[10, 20], [20, 20]])
    assert scaled.amplitude[0] == pytest.approx(np.hypot(30 / 15, 40 / 20)) and 270 < scaled.direction_deg[0] < 360
    assert len(saccades_between([1], [1]).amplitude) == len(saccades_between([], []).amplitude) == 0


def test_k_tells_focal_from_ambient():
    focal = ([0.5, 0.6, 0.5], [1.0, 0.5, 1.5])
    ambient = ([0.1, 0.2, 0.1], [8.0, 9.0, 7.0])
    scale = KScale.of([*focal[0], *ambient[0]], [*focal[1], *ambient[1]])
    assert k_coefficient(*focal, scale) > 1 and k_coefficient(*ambient, scale) < -1
    d, a = np.array(focal[0]), np.array(focal[1])
    expected = ((d - scale.mean_duration) / scale.sd_duration - (a - scale.mean_amplitude) / scale.sd_amplitude).mean()
    assert k_coefficient(*focal, scale) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: saccades_between([0, 1], [0]), "positions must be"),
        (lambda: saccades_between([0, np.nan], [0, 1]), "finite"),
        (lambda: saccades_between([0, 1], [0, 1], [0, 1]), "above 0"),
        (lambda: k_coefficient([0.1, 0.2], [1.0], KScale(0, 1, 0, 1)), r"\(S,\)"),
        (lambda: k_coefficient([np.inf], [1.0], KScale(0, 1, 0, 1)), "finite"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()
