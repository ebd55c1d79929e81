"""Fixations found in the samples of a recording."""

import numpy as np
import pytest

from egaze.errors import GazeError, TableError
from egaze.gaze import GazeRecording, GazeSamples, RecordedFixations, Screen, ShownPicture, with_detected_fixations
from egaze.gaze.events import IdtSettings
from egaze.gaze.importing import import_recording

SCREEN = Screen(1920, 1080, 527.0, 296.0, distance_mm=650.0)
TIME_S = np.arange(600) / 300


def samples(eye, shift_px=0.0, lost=slice(0)):
    x_px = np.where(TIME_S < 1, 400.0, 1200.0) + shift_px
    x_px[lost] = np.nan
    return GazeSamples(eye, TIME_S, x_px, np.full(600, 540.0))


def test_the_samples_of_two_eyes_are_combined_unless_one_is_named():
    recording = GazeRecording((samples("left"), samples("right", 10.0)), screen=SCREEN)
    both, found = with_detected_fixations(recording, "ivt")
    assert both.fixations[0].eye == "both" and both.fixations[0].x_px.tolist() == pytest.approx([405, 1205])
    assert found.record()["settings"]["threshold_deg_s"] == 30
    (right,) = with_detected_fixations(recording, "ivt", eye="right")[0].fixations
    assert right.eye == "right" and right.x_px.tolist() == pytest.approx([410, 1210])


def test_they_take_the_place_of_the_exports_own():
    own = RecordedFixations("left", [0.0], [0.1], [1.0], [2.0])
    recording, found = with_detected_fixations(GazeRecording((samples("left"),), (own,), screen=SCREEN))
    assert len(recording.fixations[0]) == len(found) == 2
    assert recording.samples[0].time_s is not None


def test_the_scale_down_the_screen_is_its_own():
    tall = Screen(1920, 1080, 527.0, 592.0, distance_mm=650.0)
    assert tall.pixels_per_degree_down == pytest.approx(SCREEN.pixels_per_degree_down / 2)
    assert Screen(1920, None, 527.0, None, 650.0).pixels_per_degree_down == SCREEN.pixels_per_degree
    assert Screen(1920, 1080).pixels_per_degree_down is None


@pytest.mark.parametrize(
    ("recording", "eye", "message"),
    [
        (GazeRecording((samples("left"),)), None, "distance is unknown"),
        (GazeRecording((), screen=SCREEN), None, "has no samples"),
        (GazeRecording((samples("left"),), screen=SCREEN), "right", "no samples of eye 'right', but of left"),
        (GazeRecording((GazeSamples("left", [0.0], [0.5], [0.5], "frac"),), screen=SCREEN), None, "not in pixels"),
    ],
)
def test_what_cannot_be_looked_through_is_refused(recording, eye, message):
    with pytest.raises(GazeError, match=message):
        with_detected_fixations(recording, eye=eye)


def test_an_import_puts_what_is_found_on_the_picture(tmp_path):
    shown = [ShownPicture("one", left_px=300, top_px=40, width_px=1000, height_px=1000)]
    settings = IdtSettings(max_dispersion_deg=0.5)
    imported = import_recording(
        tmp_path / "r.csv",
        "lab",
        GazeRecording((samples("left"),)),
        screen=SCREEN,
        pictures=shown,
        detect="idt",
        settings=settings,
    )
    assert imported.fixations_on_pictures["x_px"].to_list() == pytest.approx([100, 900])
    assert imported.detected.settings["max_dispersion_deg"] == 0.5
    with pytest.raises(TableError, match=r"r\.csv: fixations are found by degrees"):
        import_recording(tmp_path / "r.csv", "lab", GazeRecording((samples("left"),)), detect="idt")
