import numpy as np
import pytest

from egaze import Fixations


def test_values_become_float32_and_keep_their_order():
    fixations = Fixations([3, 1], [2, 5], [0.2, 0.4], onset_s=[0, 1], pixels_per_degree=[[30, 31], [30, 31]])
    assert len(fixations) == 2
    assert fixations.x_px.dtype == fixations.pixels_per_degree.dtype == np.float32
    assert fixations.x_px.tolist() == [3, 1]


def test_no_fixations():
    assert len(Fixations([], [], [])) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1], [0.1, 0.1]), r"y_px must have shape \(2,\), got \(1,\)"),
        (([1], [np.nan], [0.1]), "y_px must be finite, got nan at fixation 0"),
        (([1, 2], [1, 2], [0.1, 0.0]), "duration_s must be above 0, got 0.0 at fixation 1"),
        (([1, 2], [1, 2], [0.1, np.inf]), "duration_s must be finite, got inf at fixation 1"),
        (([1], [1], [0.1], None, [[30.0, -1.0]]), "pixels_per_degree must be above 0"),
        (([1], [1], [0.1], None, [30.0]), "pixels_per_degree must have shape"),
        (([1], [1], [0.1], None, None, [[0, 0, 9]]), r"shown_px must have shape \(1, 4\), got \(1, 3\)"),
        (([1], [1], [0.1], None, None, [[9, 0, 3, 9]]), "x_min, y_min not above x_max, y_max, got .* at fixation 0"),
        (([1], [1], [0.1], None, None, None, [[np.inf, 1]]), r"window_frac must be finite, got \[inf"),
    ],
)
def test_bad_values_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Fixations(*arguments)


def test_what_lies_outside_its_part_shown_is_kept_and_said():
    gaze = Fixations([1, 5, 4.5, -3], [1, 1, 1, 1], [1] * 4, shown_px=[[-0.5, -0.5, 4.5, 4.5]] * 4)
    assert gaze.on_shown.tolist() == [True, False, False, False]
    assert Fixations([99], [99], [1]).on_shown.tolist() == [True]
