"""Fixations found anew in eye_gaze.csv, beside those of fixations.csv."""

import numpy as np
import pytest

from egaze.errors import SourceError
from egaze.gaze import Screen
from egaze.gaze.events import IvtSettings
from egaze.metrics import event_agreement
from egaze.sources import EgdCxr
from egaze.sources.egd_cxr.detected import Detection
from egaze.sources.synthetic import synthesize
from egaze.study import prepare_study

SCREEN = Screen(1920, 1080, 527.0, 296.0, distance_mm=650.0)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """A twin with eye_gaze.csv."""
    return synthesize(tmp_path_factory.mktemp("sampled") / "twin", cases=9, seed=5, long_side_px=64, eye_gaze=True)


def of(twin, **options):
    source = EgdCxr(twin.tables, twin.images, **options)
    return source, {case.case_id: case.fixations for case in source.cases()}


def test_they_agree_with_the_data_sets_own(sampled):
    _, own = of(sampled)
    source, found = of(sampled, gaze_table="eye-gaze", detection=Detection("adaptive", SCREEN))
    matched, events = 0, 0
    offsets_px = []
    for case_id, fixations in own.items():
        one, two = fixations, found[case_id]
        agreement = event_agreement(one.onset_s, one.duration_s, two.onset_s, two.duration_s)
        matched, events = matched + agreement.matched, events + agreement.known + agreement.found
        nearest = np.abs(two.onset_s[:, None] - one.onset_s).argmin(axis=1)
        close = np.abs(two.onset_s - one.onset_s[nearest]) < 0.02
        offsets_px.append(np.hypot(two.x_px - one.x_px[nearest], two.y_px - one.y_px[nearest])[close])
    # 60 Hz with noise of .2 degrees does not tell neighbours apart that are less than a degree from each other.
    assert 2 * matched / events > 0.6, 2 * matched / events
    # The point of gaze scatters about the tracker's fixation by 4 to 6 thousandths of the screen.
    assert np.median(np.concatenate(offsets_px)) < 3
    counts = source.hygiene
    dropped = sum(count for name, count in counts.items() if name.startswith("samples_dropped_"))
    assert counts["samples_read"] > dropped > 0 and counts["samples_lost"] > 0
    kept = sum(len(fixations) for fixations in found.values())
    assert counts["fixations_found"] == kept + counts["fixations_dropped_outside_radiograph"]
    assert counts["fixations_kept"] == kept and counts["screen_map_differs"] == 0


def test_the_quality_of_samples_is_told_by_session(sampled, tmp_path):
    source, _ = of(sampled, gaze_table="eye-gaze", detection=Detection("adaptive", SCREEN))
    (session,) = source.options["recordings"]
    quality, counts = session["quality"], source.hygiene
    kept = counts["samples_read"] - sum(count for name, count in counts.items() if name.startswith("samples_dropped_"))
    assert session["name"] == "session 1" and quality["eye"] == "both" and quality["samples"] == kept
    assert quality["measured_hz"] == pytest.approx(60, rel=0.01)
    assert quality["lost_frac"] >= counts["samples_lost"] / kept - 1e-6 > 0
    # Samples are written with noise of .2 degrees, and gaze is on the radiographs but for moments.
    assert 0.05 < quality["precision_rms_deg"] < 0.6 and quality["precision_fixations"] > 50
    assert quality["on_picture_frac"] > 0.9 and quality["shown_s"] > quality["on_picture_s"] > 0
    study = prepare_study([source], tmp_path / "study", size_px=32)
    assert study.manifest["sources"][0]["options"]["recordings"] == source.options["recordings"]
    plain, _ = of(sampled)
    assert "recordings" not in plain.options


def test_a_calibration_card_tells_accuracy_and_a_session_is_one_recording(folder, parts):
    def rows(session, count, **cells):
        return [
            parts.gaze_row(**{"Time (in secs)": f"{n / 60:.5f}", "CNT": n, "SESSION_ID": session, "BPOGV": 1} | cells)
            for n in range(count)
        ]

    x, y = 960 + 82.6, 540  # 2 degrees beside the dot
    card = {"DICOM_ID": parts.IDS[0][:-5], "FPOGX": f"{x / 1920:.6f}", "FPOGY": f"{y / 1080:.6f}", "FPOGV": 1}
    on, off = {"BPOGX": "0.5", "BPOGY": "0.5"}, {"BPOGX": "0.001", "BPOGY": "0.001"}
    folder.samples = rows(3, 1, **card) + rows(3, 60, **on) + rows(7, 30, **on) + rows(7, 90, **off)
    folder.write()
    source = EgdCxr(folder.gaze, folder.images, gaze_table="eye-gaze", detection=Detection("ivt", SCREEN))
    three, seven = source.options["recordings"]
    assert (three["name"], seven["name"]) == ("session 3", "session 7")
    assert three["quality"]["accuracy_deg"] == pytest.approx(2, abs=0.01)
    assert seven["quality"]["accuracy_deg"] is None and seven["quality"]["samples"] == 120
    assert any("max_accuracy_deg" in mark for mark in three["marks"])
    assert (three["quality"]["on_picture_frac"], seven["quality"]["on_picture_frac"]) == (1, 0.25)


def test_settings_are_used_and_recorded(sampled):
    short = Detection("ivt", SCREEN, IvtSettings(min_duration_ms=400))
    source, found = of(sampled, gaze_table="eye-gaze", detection=short)
    assert source.options["detection"]["settings"]["min_duration_ms"] == 400
    assert source.options["detection"]["pixels_per_degree"] == [41.3, 41.4]
    assert min(fixations.duration_s.min() for fixations in found.values() if fixations is not None) >= 0.4


def test_recalibration_shifts_them(sampled):
    detection = Detection("adaptive", SCREEN)
    _, plain = of(sampled, gaze_table="eye-gaze", detection=detection)
    source, shifted = of(sampled, gaze_table="eye-gaze", detection=detection, recalibrate=True)
    assert source.hygiene["sessions"] == 1 and source.hygiene["sessions_without_calibration"] == 0
    assert any(len(one) != len(shifted[name]) or (one.x_px != shifted[name].x_px).any() for name, one in plain.items())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Detection("hmm", SCREEN), "method 'hmm' is none of"),
        (lambda: Detection("ivt", Screen(1280, 1024, 1, 1, 1)), r"1920x1080 pixels, got 1280x1024 \(--screen\)"),
        (lambda: Detection("ivt", Screen(1920, 1080)), r"must be known \(--screen 1920x1080,WxHmm,Dmm\)"),
        (lambda: EgdCxr(".", ".", detection=Detection("ivt", SCREEN)), "--gaze-table eye-gaze"),
    ],
)
def test_what_is_missing_names_its_option(make, message):
    with pytest.raises(SourceError, match=message):
        make()


def test_a_clock_that_runs_back_begins_another_signal(folder, parts):
    times = np.concatenate([np.arange(60), np.arange(60)]) / 60
    folder.samples = [
        parts.gaze_row(**{"Time (in secs)": f"{time:.5f}", "CNT": n, "BPOGX": "0.5", "BPOGY": "0.5", "BPOGV": 1})
        for n, time in enumerate(times)
    ]
    folder.write()
    source = EgdCxr(folder.gaze, folder.images, gaze_table="eye-gaze", detection=Detection("ivt", SCREEN))
    assert source.hygiene["fixations_found"] == 2
