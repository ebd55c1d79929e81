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
        (
            ([1], [1], [0.1], None, None, [[9, 0, 3, 9]]),
            "x_min and y_min not above x_max and y_max, got .* at fixation 0",
        ),
        (([1], [1], [0.1], None, None, None, [[np.inf, 1]]), r"window_frac must be finite, got \[inf"),
    ],
)
def test_bad_values_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Fixations(*arguments)


def test_durations_are_seconds_or_said_to_be_relative():
    assert not Fixations([1], [1], [1]).is_relative
    assert Fixations([1], [1], [1], duration_unit="relative").is_relative
    with pytest.raises(ValueError, match="duration_unit must be 's' or 'relative', got 'ms'"):
        Fixations([1], [1], [1], duration_unit="ms")


def test_gaze_plays_by_its_onsets_or_one_after_the_other():
    timed = Fixations([1, 2], [1, 2], [0.2, 0.4], onset_s=[1, 3])
    assert timed.played() is timed and timed.ends_s().tolist() == pytest.approx([1.2, 3.4])
    untimed = Fixations([1, 2], [1, 2], [0.2, 0.4]).played()
    assert untimed.onset_s.tolist() == pytest.approx([0, 0.2]) and untimed.ends_s().tolist() == pytest.approx(
        [0.2, 0.6]
    )
    with pytest.raises(ValueError, match="without onset_s"):
        Fixations([1], [1], [1]).ends_s()


def test_relative_durations_play_without_being_taken_for_seconds():
    paced = Fixations([1, 2, 3], [1, 2, 3], [7, 900, 1], duration_unit="relative").played()
    assert paced.is_relative and paced.duration_s.tolist() == [7, 900, 1]
    assert paced.onset_s.tolist() == pytest.approx([0, 1 / 3, 2 / 3])
    assert paced.ends_s().tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    # With onsets a fixation lasts until the next one begins; two may begin at once.
    timed = Fixations([1, 2, 3, 4], [1, 2, 3, 4], [7, 900, 1, 1], onset_s=[-5, -3, -3, -1], duration_unit="relative")
    assert timed.played() is timed and timed.ends_s().tolist() == pytest.approx([-3, -1, -1, -2 / 3])
    assert len(Fixations([], [], [], duration_unit="relative").played().ends_s()) == 0


def test_fixations_outside_the_part_shown_are_kept_and_reported():
    gaze = Fixations([1, 5, 4.5, -3], [1, 1, 1, 1], [1] * 4, shown_px=[[-0.5, -0.5, 4.5, 4.5]] * 4)
    assert gaze.on_shown.tolist() == [True, False, False, False]
    assert Fixations([99], [99], [1]).on_shown.tolist() == [True]
