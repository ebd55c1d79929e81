"""Every real export gives the counts that plain csv code found in it, or is refused with the reason."""

import json
from pathlib import Path

import numpy as np
import pytest

from egaze.errors import TableError
from egaze.gaze import read_by_mapping, read_recording
from egaze.gaze.formats import recognised_format
from egaze.gaze.mapping import DurationPart, EyePart, PositionPart, RowPart, TableMapping, TimePart
from egaze.gaze.summary import summarize_recording

pytestmark = pytest.mark.realdata

#: Of each folder the format, and how its expected counts are named.
FORMATS = {
    "tobii_prolab": "tobii-pro-lab",
    "tobii_studio": "tobii-studio",
    "tobii_sdk": "tobii-sdk",
    "tobii_glasses": "tobii-glasses",
    "gazepoint": "gazepoint",
    "eyelink_asc": "eyelink-asc",
    "smi": "smi-begaze",
    "pupil_invisible": "pupil-labs",
    "bids_DERIVED": "bids",
    "vr_headset": "vr-headset",
}
REFUSED = {
    "tobii_studio/P62-Event-Data.tsv": "Event Data of Tobii Studio: 182 events, no gaze",
    "tobii_prolab/metrics_no_gaze.tsv": "a Metrics export of Tobii Pro Lab: it holds no gaze",
    "smi/begaze3.6_etg60_samples_pupil_only.txt": "3381 samples of SMI without gaze: it has no columns 'L POR X",
    "pupil_invisible/gv_blinks.csv": "a file of Pupil Cloud that holds no gaze",
    "pupil_invisible/gv_events.csv": "a file of Pupil Cloud that holds no gaze",
    "pupil_invisible/gv_world_timestamps.csv": "a file of Pupil Cloud that holds no gaze",
    "vr_headset/htc_vive_pro_semicolon.csv": "a direction in three dimensions, which lies on no screen",
    "vr_headset/htc_vive_pro_header_only.csv": "a direction in three dimensions, which lies on no screen",
    "vr_headset/pico_neo3_tab.csv": "a direction in three dimensions, which lies on no screen",
    "tobii_sdk/4C_events_derived_by_emdat.csv": "is not an export that egaze knows",
    "gazepoint/validation_gp3_targets.csv": "is not an export that egaze knows",
    "labelled_hmr/user_1_eye_0.csv": "is not an export that egaze knows",
    "scanpath_tables/multimatch_segment_10_sub-01.tsv": "is not an export that egaze knows",
}


def wanted(name, facts):
    """Samples, valid samples by eye, fixations by eye, duration in s, and rate in Hz, of an export."""
    folder, _, file = name.partition("/")
    seconds = {key: facts[key]["duration_s"] for key in ("time", "time_us", "device_time", "time_s") if key in facts}
    if folder == "tobii_prolab":
        is_raw = "Raw" in facts.get("note", "")
        fixations = {} if is_raw else {"both": facts["fixations"]}
        return facts["gaze_samples"], {"both": facts["gaze_with_xy"]}, fixations, seconds["time"], None
    if file == "P61-Fixation-Data.tsv":
        return 0, {}, {"both": facts["fixations"]}, None, None
    if file == "P63-All-Data.tsv":
        return facts["gaze_rows"], {"both": 0, "left": 0, "right": 0}, {}, None, None
    if folder == "tobii_sdk":
        valid = {"left": facts["left_valid"], "right": facts["right_valid"]}
        return facts["samples"], valid, {}, *seconds.values(), None
    if folder == "tobii_glasses":
        samples = facts.get("gp_records", facts.get("records"))
        valid = {"both": facts.get("gp_status0", facts.get("with_gaze2d"))}
        return samples, valid, {}, *seconds.values(), None
    if folder == "gazepoint":
        return facts["samples"], {"both": facts["BPOGV1"]}, {"both": facts["fixation_ids"]}, seconds["time_s"], 60.87
    if folder == "eyelink_asc":
        eyes = [eye.lower() for eye in facts.get("eyes", ["LEFT", "RIGHT"])]
        count = facts["sample_lines"]
        valid = {eye: count - facts[f"missing_eye{place}"] for place, eye in enumerate(eyes, 1) if count}
        fixations = {eye: facts["events"][f"EFIX_{eye[0].upper()}"] for eye in eyes if facts["events"]}
        duration = facts.get("recorded_s_sum_of_blocks", facts.get("time_ms", {}).get("duration_s"))
        return count, valid, fixations, duration, facts.get("declared_rate_hz") if count else None
    if folder == "smi":
        return 0, {}, {"left": 1917, "right": 1917}, facts["duration_s"], None
    if file == "gv_gaze.csv":
        return facts["samples"], {"both": facts["samples"]}, {"both": facts["fixation_ids"]}, seconds["time"], 199.718
    if file == "gv_fixations.csv":
        return 0, {}, {"both": facts["fixations"]}, None, None
    eye = "right" if "eye2" in file else "left"
    fixations = {"left": 12 if "mono" in file else 9, "right": 9}[eye]
    return facts["rows"], {eye: facts["rows"] - facts["na"]}, {eye: fixations}, None, 500 if "mono" in file else 250


def test_every_real_export(real_data):
    folder = real_data / "trackers"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    read = 0
    for name, facts in expected.items():
        kind = name.partition("/")[0]
        if name in REFUSED or kind not in FORMATS or "physioevents" in name or "validation" in name:
            continue
        path = folder / name
        assert recognised_format(path) == FORMATS[kind], name
        recording = read_recording(path)
        found = summarize_recording(recording)
        samples, valid, fixations, duration_s, rate_hz = wanted(name, facts)
        assert found.samples == samples, name
        assert {eye: found.valid_by_eye[eye] for eye in valid} == valid, name
        assert found.fixations_by_eye == fixations, name
        assert found.fixations == max(fixations.values(), default=0), name
        if duration_s is not None:
            assert found.duration_s == pytest.approx(duration_s, abs=2e-3), name
        if rate_hz is not None:
            assert found.rate_hz == pytest.approx(rate_hz, rel=1e-3), name
        assert recording.plane == ("scene camera" if kind in ("tobii_glasses", "pupil_invisible") else "screen")
        if "messages" in facts:
            assert found.messages == facts["messages"], name
        read += 1
    assert read == 32


@pytest.mark.parametrize("name", REFUSED)
def test_real_files_that_hold_no_gaze_on_a_screen_are_refused(real_data, name):
    with pytest.raises(TableError, match=REFUSED[name]) as caught:
        read_recording(real_data / "trackers" / name)
    assert str(caught.value).startswith(str(real_data / "trackers" / name)) and "\n" not in str(caught.value)


def test_first_values_are_those_of_the_files(real_data):
    """Positions, times and durations, not only counts; the three encodings of one export are alike."""
    folder = real_data / "trackers"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    encodings = [name for name in expected if "fourblocks" in name]
    assert len(encodings) == 3
    for name in encodings:
        recording = read_recording(folder / name)
        both, (fixations,) = recording.samples[0], recording.fixations
        assert (both.time_s[0], both.x_px[0], both.y_px[0]) == (38.098, 1312, 648)
        assert (fixations.onset_s[0], fixations.duration_s[0]) == (38.098, 0.916)
        assert (fixations.x_px[0], fixations.y_px[0]) == (1301, 639)
        assert (np.nanmin(both.x_px), np.nanmax(both.x_px)) == (303, 2120)
        assert "first fixation is cut off: it lasts 0.916 s" in " ".join(recording.notes)
    (gaze,), (fixations,) = (getattr(read_recording(folder / "gazepoint/all_gaze_27s.csv"), part) for part in PARTS)
    assert (gaze.x[0], gaze.y[0], gaze.unit) == (0.51593, 0.09994, "frac")
    assert [fixations.onset_s[1], fixations.duration_s[1], fixations.x[1]] == [0.31226, 0.11536, 0.55598]
    assert fixations.duration_s.sum() == pytest.approx(25.84329)
    on_screen = (gaze.x >= 0) & (gaze.x <= 1) & (gaze.y >= 0) & (gaze.y <= 1)
    assert int((gaze.is_valid & ~on_screen).sum()) == 28
    eyelink = read_recording(folder / "eyelink_asc/cili_bino1000.asc")
    left, right = eyelink.samples
    assert (left.x_px[0], right.y_px[0], eyelink.screen.width_px, eyelink.screen.height_px) == (502.3, 395.9, 1024, 768)
    assert eyelink.fixations[0].duration_s.sum() == pytest.approx(3.151)
    assert len(eyelink.blocks_s) == 4
    smi = read_recording(folder / "smi/begaze3.5_events_csv_microseconds.txt").fixations[0]
    assert (smi.x_px[0], smi.y_px[0]) == (951.83, 791.40) and smi.duration_s.mean() == pytest.approx(0.213176, abs=1e-6)
    studio = read_recording(folder / "tobii_studio/P61-Fixation-Data.tsv").fixations[0]
    assert studio.duration_s.mean() == pytest.approx(0.333611, abs=1e-6) and studio.x_px.min() == -1054
    pupil = read_recording(folder / "pupil_invisible/gv_gaze.csv")
    assert (pupil.samples[0].x_px[0], pupil.samples[0].y_px[0]) == (629.146, 647.936)
    assert pupil.fixations[0].duration_s.sum() == pytest.approx(16.253)
    lund = read_recording(folder / "tobii_prolab/lund_full_v1.102_60hz_comma_bom.tsv")
    (picture,) = lund.pictures
    assert (picture.left_px, picture.top_px, picture.size_px) == (260, -160, (1400, 1400))
    assert len(lund.messages) == 5 and "its filter is Raw" in " ".join(lund.notes)


PARTS = ("samples", "fixations")


def test_real_tables_by_mapping(real_data):
    folder = real_data / "trackers/scanpath_tables"
    mapping = TableMapping(
        kind="fixations",
        time=TimePart("onset", "s"),
        duration=DurationPart("duration", "s"),
        both=EyePart("start_x", "start_y"),
        positions=PositionPart("px", "top left"),
        rows=RowPart("label", ("FIXA",)),
    )
    recording = read_by_mapping(folder / "remodnav_sub-01_task-movie_run-1_events.tsv", mapping)
    assert len(recording.fixations[0]) == 16 and recording.fixations[0].x_px[0] == 780.8
    assert "16 of 49 rows have the value in column 'label'" in " ".join(recording.notes)


def test_the_same_numbers_as_pymovements(real_data):
    """pymovements reads EyeLink ASC with code of its own; it is not a dependency."""
    gaze = pytest.importorskip("pymovements").gaze
    for name in ("cili_mono500.asc", "cili_mono1000.asc", "pymovements_eyelink_monocular_example.asc"):
        path = real_data / "trackers/eyelink_asc" / name
        theirs = gaze.from_asc(Path(path)).samples
        (ours,) = read_recording(path).samples
        np.testing.assert_allclose(ours.time_s, theirs["time"].to_numpy() / 1000)
        positions = np.array([value if value is not None else (np.nan, np.nan) for value in theirs["pixel"].to_list()])
        np.testing.assert_array_equal(np.c_[ours.x_px, ours.y_px], positions.astype(float))
