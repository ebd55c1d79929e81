"""Quality measured on samples whose loss, precision and accuracy are known."""

import numpy as np
import pytest

from egaze.errors import RecipeError
from egaze.gaze import (
    GazeRecording,
    GazeSamples,
    QualityLimits,
    RecordedFixations,
    Screen,
    ShownPicture,
    TargetOffset,
    TrackerValidation,
    check_map,
    measure_quality,
    quality_marks,
    read_recording,
)
from egaze.gaze.events import simulate_gaze

SCREEN = Screen(1920, 1080, 527.0, 296.0, distance_mm=650.0)
SCALE = SCREEN.pixels_per_degree, SCREEN.pixels_per_degree_down


def recorded(rate_hz=300, noise_deg=0.1, fixations=200, **changed):
    """A recording of simulated gaze on the middle of the screen, with the fixations that it is made of."""
    gaze = simulate_gaze(rate_hz, noise_deg=noise_deg, fixations=fixations)
    x_px, y_px = 960 + gaze.signal.x_px * SCALE[0], 540 + gaze.signal.y_px * SCALE[1]
    samples = GazeSamples("both", gaze.signal.time_s, x_px, y_px)
    where = np.zeros(len(gaze.onset_s))
    known = RecordedFixations("both", gaze.onset_s, gaze.duration_s, where, where)
    return GazeRecording(**{"samples": (samples,), "fixations": (known,), "screen": SCREEN} | changed)


def lost(recording, places):
    (samples,) = recording.samples
    x = samples.x.copy()
    x[places] = np.nan
    return GazeRecording((GazeSamples("both", samples.time_s, x, samples.y),), recording.fixations, screen=SCREEN)


@pytest.mark.parametrize("rate_hz", [60, 250, 1000])
@pytest.mark.parametrize("noise_deg", [0.05, 0.3])
def test_precision_of_white_noise_is_known(rate_hz, noise_deg):
    # Successive samples differ by sqrt(2) of the noise along each of two axes, and scatter by sqrt(2) of it in all.
    for recording in (recorded(rate_hz, noise_deg), recorded(rate_hz, noise_deg, fixations=300)):
        found = measure_quality(recording)
        assert found.precision_rms_deg == pytest.approx(2 * noise_deg, rel=0.05)
        assert found.precision_sd_deg == pytest.approx(np.sqrt(2) * noise_deg, rel=0.08)
    # Of fixations that are found in the samples, too.
    alone = measure_quality(recorded(rate_hz, noise_deg, fixations=100).__class__(recording.samples, screen=SCREEN))
    assert alone.precision_rms_deg == pytest.approx(2 * noise_deg, rel=0.1)


def test_lost_and_missing_samples_are_counted():
    recording = recorded()
    count = len(recording.samples[0])
    assert measure_quality(recording).lost_frac == 0
    found = measure_quality(lost(recording, slice(0, count // 5)))
    assert found.lost_frac == pytest.approx(0.2, abs=1e-3) and found.longest_loss_s == pytest.approx(
        count / 1500, rel=0.01
    )
    # Rows that the export leaves out are lost as well.
    kept = np.random.default_rng(0).random(count) > 0.08
    kept[[0, -1]] = True
    (samples,) = recording.samples
    fewer = GazeSamples("both", samples.time_s[kept], samples.x[kept], samples.y[kept])
    found = measure_quality(GazeRecording((fewer,), recording.fixations, screen=SCREEN))
    assert (found.expected_samples, found.samples) == (count, int(kept.sum()))
    assert found.lost_frac == pytest.approx(1 - kept.mean(), abs=1e-9) and found.measured_hz == pytest.approx(300)


def test_blinks_are_losses_of_their_length():
    recording = recorded()
    places = np.concatenate([np.arange(begin, begin + 45) for begin in range(500, 9500, 1000)])  # 150 ms
    places = np.concatenate([places, np.arange(10_000, 10_003), np.arange(11_000, 11_300)])  # 10 ms, and 1 s
    found = measure_quality(lost(recording, places))
    assert found.blinks == 9 and found.longest_loss_s == pytest.approx(1.0, abs=0.005)
    assert found.blinks_per_min == pytest.approx(9 * 60 / (recording.samples[0].time_s[-1]), rel=1e-6)


def test_the_rate_is_that_of_the_samples():
    found = measure_quality(recorded(60, sampling_hz=120.0))
    assert found.measured_hz == pytest.approx(60) and found.lost_frac == 0
    assert quality_marks(found) == ["60 Hz measured, 120 Hz stated: off by more than 5 % (max_rate_off_frac)"]
    rounded_s = np.round(np.arange(600) / 60, 3)  # 16 and 17 ms
    found = measure_quality(GazeRecording((GazeSamples("both", rounded_s, np.ones(600), np.ones(600)),)))
    assert found.measured_hz == pytest.approx(60, rel=1e-3) and found.lost_frac == 0


def test_times_that_may_be_rounded_are_told():
    time_s = np.cumsum(np.tile([0.004, 0.004, 0.004, 0.008], 100))
    found = measure_quality(GazeRecording((GazeSamples("both", time_s, np.ones(400), np.ones(400)),)))
    assert found.measured_hz == pytest.approx(200, rel=0.01) and found.lost_frac == 0
    assert any("times may be rounded or single samples missing" in mark for mark in quality_marks(found))


def offset(x_px, y_px, across, down):
    return TargetOffset(x_px, y_px, across, down, np.hypot(across, down) / 30)


def test_accuracy_is_of_the_worst_validation_that_holds():
    first = TrackerValidation(-3.0, "both", "validation", 2.5, 4.0)  # replaced before any sample
    second = TrackerValidation(-1.0, "both", "validation", 0.4, 0.9, (offset(960, 540, 10, 0), offset(100, 100, 0, 0)))
    third = TrackerValidation(5.0, "both", "validation", 0.7, 1.2, (offset(960, 540, 10, 41),))
    checked = TrackerValidation(6.0, "both", "drift check", 1.0, None, (offset(960, 540, -31.3, 0),))
    found = measure_quality(recorded(validations=(first, second, third, checked)))
    assert (found.accuracy_deg, found.accuracy_max_deg) == (0.7, 1.2)
    assert found.drift_deg == pytest.approx(41.3 / 30)
    assert found.unknown.keys() == {"on_picture_frac"}
    found = measure_quality(recorded())
    assert found.accuracy_deg is None and found.unknown["accuracy_deg"] == "the export has no validation of this eye"


def test_accuracy_of_the_other_eye_does_not_count():
    (samples,) = recorded().samples
    left = GazeSamples("left", samples.time_s, samples.x, samples.y)
    both = tuple(TrackerValidation(None, eye, "validation", mean) for eye, mean in (("left", 0.3), ("right", 0.9)))
    found = measure_quality(GazeRecording((left,), screen=SCREEN, validations=both))
    assert found.accuracy_deg == 0.3
    calibrated = (TrackerValidation(None, "both", "calibration", 0.2),)
    assert measure_quality(GazeRecording((left,), screen=SCREEN, validations=calibrated)).accuracy_deg == 0.2


def test_time_on_the_picture():
    recording = recorded(noise_deg=0)
    (samples,) = recording.samples
    shown = [ShownPicture("a", 0, 10, 0, 0, 1920, 1080), ShownPicture("b", 10, 1e9, 960, 0, 960, 1080)]
    check = check_map(shown, SCREEN, samples.time_s, samples.x, samples.y)
    found = measure_quality(recording, shown, check)
    right = (samples.time_s >= 10) & (samples.x >= 959.5)
    assert found.shown_s == pytest.approx(len(samples) / 300)
    assert found.on_picture_s == pytest.approx(((samples.time_s < 10).sum() + right.sum()) / 300, abs=0.02)


def test_limits_mark_and_name_themselves():
    found = measure_quality(lost(recorded(noise_deg=0.3), slice(0, 8000)))
    assert [mark.rpartition("(")[2] for mark in quality_marks(found)] == ["max_lost_frac)", "max_precision_deg)"]
    assert quality_marks(found, QualityLimits(max_lost_frac=0.9, max_precision_deg=1)) == []
    with pytest.raises(RecipeError, match="max_lost_frac must be at most 1"):
        QualityLimits(max_lost_frac=20)
    repeated = GazeSamples("both", np.arange(400) / 60, np.repeat(np.arange(200.0), 2), np.ones(400))
    (mark,) = quality_marks(measure_quality(GazeRecording((repeated,))))
    assert mark.startswith("50.1 % of successive positions are exactly equal")


def test_a_screen_that_the_validation_contradicts_is_marked():
    check = TrackerValidation(0.0, "both", "drift check", 1.0, None, (offset(960, 540, 40.0, 0),))
    (mark,) = quality_marks(measure_quality(recorded(validations=(check,))))
    assert mark.startswith("the tracker's validation has 30 pixels per degree, and the screen as given 41.3")


def test_what_is_not_there_is_unknown_and_not_zero():
    assert measure_quality(GazeRecording()) is None
    found = measure_quality(GazeRecording((GazeSamples("left", [0.0], [1.0], [1.0]),)))
    assert found.measured_hz is None and found.precision_rms_deg is None and found.blinks_per_min is None
    assert found.unknown["measured_hz"] == "fewer than two samples at different times"
    never = measure_quality(GazeRecording((GazeSamples("left", np.arange(90) / 30, np.full(90, np.nan), np.ones(90)),)))
    assert never.lost_frac == 1 and never.blinks == 0 and never.longest_loss_s == pytest.approx(3.0)
    fractions = GazeSamples("left", np.arange(90) / 30, np.full(90, 0.5), np.ones(90), "frac")
    found = measure_quality(GazeRecording((fractions,), screen=SCREEN))
    assert "none can be found: positions are in frac" in found.unknown["precision_rms_deg"]


ASC = """** CONVERTED FROM r.edf
MSG\t1 DISPLAY_COORDS 0 0 1919 1079
MSG\t2 !CAL VALIDATION HV9 LR LEFT  GOOD ERROR 0.41 avg. 0.64 max  OFFSET 0.35 deg. 12.5,9.6 pix.
MSG\t2 !CAL VALIDATION HV9 LR RIGHT GOOD ERROR 0.31 avg. 0.84 max  OFFSET 0.27 deg. 9.2,8.4 pix.
MSG\t2 !CAL VALIDATION HV9 LR RIGHT ABORTED
MSG\t2 VALIDATE LR POINT 0  LEFT  at 960,540  OFFSET 0.48 deg.  20.7,7.9 pix.
MSG\t2 VALIDATE LR 4POINT 0 RIGHT  at 960,540  OFFSET 0.18 deg.  7.9,-1.7 pix.
MSG\t3 DRIFTCORRECT LR LEFT  at 960,540  OFFSET 0.85 deg.  -9.3,37.9 pix.
START\t10 \tLEFT\tRIGHT\tSAMPLES\tEVENTS
SAMPLES\tGAZE\tLEFT\tRIGHT\tRATE\t 500.00
10\t 1.0\t 2.0\t 9.0\t 1.0\t 2.0\t 9.0\t.....
12\t 1.0\t 2.0\t 9.0\t .\t .\t 0.0\t.....
END\t14 \tSAMPLES
"""


def test_eyelinks_messages_are_validations(tmp_path):
    (tmp_path / "r.asc").write_text(ASC)
    recording = read_recording(tmp_path / "r.asc")
    left, right, _ = recording.validations
    assert (left.mean_deg, left.max_deg, right.mean_deg, right.max_deg) == (0.41, 0.64, 0.31, 0.84)
    assert left.targets == (TargetOffset(960, 540, 20.7, 7.9, 0.48),) and right.targets[0].offset_y_px == -1.7
    found = measure_quality(recording)
    assert (found.eye, found.accuracy_deg) == ("left", 0.41)
    assert found.lost_frac_by_eye == {"left": 0.0, "right": 0.5}
    assert found.drift_deg == pytest.approx(np.hypot(30, 30) / (np.hypot(20.7, 7.9) / 0.48), rel=0.01)


def test_tobiis_columns_are_validations(tmp_path):
    header = "Recording timestamp [ms]\tSensor\tGaze point X [DACS px]\tGaze point Y [DACS px]"
    header += "\tAverage calibration accuracy [°]\tAverage validation accuracy [°]"
    rows = "".join(f"{17 * place}\tEye Tracker\t{place}\t5\t0,31\t0,62\n" for place in range(6))
    (tmp_path / "r.tsv").write_text(f"{header}\n{rows}", encoding="utf-8")
    recording = read_recording(tmp_path / "r.tsv")
    assert [(item.kind, item.mean_deg) for item in recording.validations] == [
        ("validation", 0.62),
        ("calibration", 0.31),
    ]
    assert measure_quality(recording).accuracy_deg == 0.62
