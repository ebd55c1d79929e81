import gzip
import json

import numpy as np
import pytest

from egaze.errors import TableError
from egaze.gaze import (
    GAZE_FORMATS,
    GazeFormat,
    GazeRecording,
    GazeSamples,
    RecordedFixations,
    Screen,
    formats,
    read_recording,
)

PHYSIO = {
    "SamplingFrequency": 500,
    "StartTime": 0,
    "Columns": ["timestamp", "x_coordinate", "y_coordinate", "pupil_size"],
    "PhysioType": "eyetrack",
    "RecordedEye": "left",
    "SampleCoordinateSystem": "gaze-on-screen",
    "timestamp": {"Units": "ms"},
    "x_coordinate": {"Units": "pixel"},
    "y_coordinate": {"Units": "pixel"},
}
EVENTS = {
    "Columns": ["onset", "duration", "trial_type", "message"],
    "onset": {"Units": "ms"},
    "duration": {"Units": "ms"},
}
SCREEN = {
    "ScreenResolution": [1024, 768],
    "ScreenSize": [0.4, 0.3],
    "ScreenDistance": 0.6,
    "ScreenOrigin": ["top", "left"],
}
ROWS = "1000\t512.8\t394.5\t1063\n1002\tn/a\tn/a\tn/a\n1004\t513.9\t397.0\t1066\n1100\t100\t50\t1066\n"
EVENT_ROWS = "1000\t4\tfixation\tn/a\n1004\tn/a\tn/a\tDISPLAY on\n1004\t90\tsaccade\tn/a\n1096\t2\tfixation\tn/a\n"
NAME = "sub-1_task-read_recording-eye1"


def write(folder, physio=(), rows=ROWS, *, events=None, event_rows=EVENT_ROWS, screen=SCREEN):
    (folder / f"{NAME}_physio.json").write_text(json.dumps({**PHYSIO, **dict(physio)}))
    path = folder / f"{NAME}_physio.tsv.gz"
    path.write_bytes(gzip.compress(rows.encode()))
    if screen is not None:
        (folder / "sub-1_task-read_events.json").write_text(json.dumps({"StimulusPresentation": screen}))
    if events is not None:
        (folder / f"{NAME}_physioevents.json").write_text(json.dumps({**EVENTS, **dict(events)}))
        (folder / f"{NAME}_physioevents.tsv.gz").write_bytes(gzip.compress(event_rows.encode()))
    return path


def test_bids_samples_events_and_screen(tmp_path):
    recording = read_recording(write(tmp_path, events={}))
    (samples,), (fixations,), (message,) = recording.samples, recording.fixations, recording.messages
    assert samples.eye == fixations.eye == "left" and recording.sampling_hz == 500
    np.testing.assert_allclose(samples.time_s, [1.0, 1.002, 1.004, 1.1])
    np.testing.assert_array_equal(samples.x_px, [512.8, np.nan, 513.9, 100])
    # The first fixation has two valid samples, the second one none.
    np.testing.assert_allclose(fixations.onset_s, [1.0, 1.096])
    np.testing.assert_allclose(fixations.duration_s, [0.004, 0.002])
    np.testing.assert_allclose(fixations.x_px, [513.35, np.nan])
    np.testing.assert_allclose(fixations.y_px, [395.75, np.nan])
    assert (message.time_s, message.text) == (pytest.approx(1.004), "DISPLAY on")
    assert recording.screen == Screen(1024, 768, 400, 300, 600)
    assert recording.screen.pixels_per_degree == pytest.approx(600 * np.tan(np.pi / 180) * 1024 / 400)
    assert recording.notes == (
        "BIDS events have no positions: a fixation lies at the mean of the valid samples during it",
    )


def test_bids_units_origins_and_inherited_facts(tmp_path):
    (tmp_path / "dataset_description.json").write_text("{}")
    folder = tmp_path / "sub-1" / "beh"
    folder.mkdir(parents=True)
    plain = read_recording(write(folder)).samples[0]
    metres = {"x_coordinate": {"Units": "mm"}, "y_coordinate": {"Units": "cm"}}
    found = read_recording(write(folder, metres, "1000\t200\t15\t1\n")).samples[0]
    assert (found.x_px[0], found.y_px[0]) == pytest.approx((511.5, 383.5))
    turned = read_recording(write(folder, screen={**SCREEN, "ScreenOrigin": ["bottom", "right"]})).samples[0]
    np.testing.assert_allclose(turned.y_px, 767 - plain.y_px)
    np.testing.assert_allclose(turned.x_px, 1023 - plain.x_px)
    # Without timestamps the rate tells; what a file above says counts unless the file itself says otherwise.
    (tmp_path / "task-read_physio.json").write_text(json.dumps({"SamplingFrequency": 100, "RecordedEye": "right"}))
    path = write(folder, {"Columns": PHYSIO["Columns"][1:], "StartTime": 2}, "1\t2\t3\n1\t2\t3\n")
    (folder / f"{NAME}_physio.json").write_text(
        json.dumps(
            {
                k: v
                for k, v in {**PHYSIO, "Columns": PHYSIO["Columns"][1:], "StartTime": 2}.items()
                if k != "RecordedEye"
            }
        )
    )
    inherited = read_recording(path).samples[0]
    assert inherited.eye == "right" and inherited.time_s.tolist() == [2.0, 2.002]


def test_what_bids_leaves_open_is_noted(tmp_path):
    recording = read_recording(write(tmp_path, {"SamplingFrequency": 1000, "RecordedEye": None}, screen=None))
    assert recording.notes == (
        "RecordedEye is None, so the eye is unknown",
        "the timestamps are 500 Hz apart, SamplingFrequency says 1000 Hz",
    )
    assert recording.screen == Screen() and recording.screen.pixels_per_degree is None


@pytest.mark.parametrize(
    ("physio", "rows", "message"),
    [
        ({"PhysioType": "generic"}, ROWS, "PhysioType in its JSON file is 'generic', not 'eyetrack'"),
        ({"SampleCoordinateSystem": "eye-in-head"}, ROWS, "SampleCoordinateSystem is 'eye-in-head'"),
        ({"timestamp": {}}, ROWS, "states no Units of column 'timestamp', and units are not guessed"),
        ({"timestamp": {"Units": "ticks"}}, ROWS, "column 'timestamp' is in 'ticks', expected s, ms, us"),
        ({"x_coordinate": {"Units": "deg"}}, ROWS, "column 'x_coordinate' is in 'deg', expected pixel, mm, cm or m"),
        (
            {"Columns": ["timestamp", "a", "b", "c"]},
            ROWS,
            "Columns in its JSON file lacks 'x_coordinate', 'y_coordinate'",
        ),
        ({"Columns": ["x_coordinate"] * 4}, ROWS, "a name occurs twice in Columns"),
        ({"Columns": "timestamp"}, ROWS, "expected a list of names"),
        ({"SamplingFrequency": 0}, ROWS, "SamplingFrequency is 0, expected a number above 0"),
        ({}, "", "contains no sample"),
        ({}, "1000\t1\t2\n", "record 1 has 3 columns, its JSON file names 4"),
        ({}, ROWS + "1102\tleft\t2\t3\n", "record 5, column 'x_coordinate' holds 'left', expected a number or n/a"),
        ({}, ROWS + "1102\tinf\t2\t3\n", "record 5, column 'x_coordinate' holds 'inf'"),
        ({}, ROWS + "n/a\t1\t2\t3\n", "record 5, column 'timestamp' holds n/a, expected a time"),
        ({}, ROWS + "1098\t1\t2\t3\n", "record 5, column 'timestamp' holds a time before that of the record above"),
    ],
)
def test_bids_files_that_are_refused(physio, rows, message, tmp_path):
    with pytest.raises(TableError, match=message) as caught:
        read_recording(write(tmp_path, physio, rows))
    assert "\n" not in str(caught.value) and NAME in str(caught.value)


@pytest.mark.parametrize(
    ("screen", "message"),
    [
        ({"ScreenOrigin": ["centre", "centre"]}, "ScreenOrigin is .*, expected a corner"),
        ({"ScreenOrigin": ["bottom", "left"]}, "ScreenOrigin is not top left, and ScreenResolution"),
        ({"ScreenSize": [400, 300]}, "ScreenSize is .400, 300., expected metres"),
        ({"ScreenDistance": 60}, "ScreenDistance is 60, expected metres"),
        ({"ScreenResolution": [1024]}, "ScreenResolution is .1024., expected two numbers"),
    ],
)
def test_screens_that_are_refused(screen, message, tmp_path):
    with pytest.raises(TableError, match=message):
        read_recording(write(tmp_path, screen=screen))


def test_bids_events_that_are_refused(tmp_path):
    for events, rows, message in (
        ({"duration": {}}, EVENT_ROWS, "states no Units of column 'duration'"),
        ({"OnsetSource": "n/a"}, EVENT_ROWS, "OnsetSource is 'n/a'"),
        ({}, "1000\tn/a\tfixation\tn/a\n", "a fixation has no duration, or a negative one"),
    ):
        with pytest.raises(TableError, match=message):
            read_recording(write(tmp_path, events=events, event_rows=rows))


def test_hostile_files(tmp_path, monkeypatch):
    path = write(tmp_path)
    whole = path.read_bytes()
    for content, message in (
        (whole[:-9], "is not one complete gzip stream"),
        (whole + whole, "is not one complete gzip stream"),
        (whole[:20] + b"\0" * 20, "cannot be unpacked|not one complete gzip stream"),
    ):
        path.write_bytes(content)
        with pytest.raises(TableError, match=message):
            read_recording(path)
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + ROWS.replace("\n", "\r\n").encode()))
    assert len(read_recording(path).samples[0]) == 4
    monkeypatch.setenv("EGAZE_TABLE_FILE_BYTES", "50")
    with pytest.raises(TableError, match="unpacks to more than 50 bytes"):
        read_recording(path)
    (tmp_path / f"{NAME}_physio.json").unlink()
    with pytest.raises(TableError, match=f"its JSON file {NAME}_physio.json is missing"):
        read_recording(path)
    with pytest.raises(TableError, match="no such file"):
        read_recording(tmp_path / "nothing.tsv")


def test_formats_are_recognised_once(tmp_path, monkeypatch):
    path = tmp_path / "gaze.csv"
    path.write_text("time,x,y\n")
    with pytest.raises(
        TableError, match=r"is not an export that egaze knows: bids, eyelink-asc, .*; a mapping file can describe"
    ):
        read_recording(path)
    anything = GazeFormat("anything", lambda path, head: True, lambda path: GazeRecording())
    monkeypatch.setattr(formats, "GAZE_FORMATS", {"one": anything, "two": anything})
    with pytest.raises(TableError, match="matches the formats one and two; name one of them"):
        read_recording(path)
    assert read_recording(path, format="two").samples == ()
    assert next(iter(GAZE_FORMATS)) == "bids"


def test_bad_values():
    with pytest.raises(ValueError, match="of one length"):
        GazeSamples("left", [0.0], [1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="must not fall"):
        GazeSamples("left", [1.0, 0.0], [1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="finite and 0 or more"):
        RecordedFixations("left", [0.0], [-1.0], [1.0], [2.0])
    with pytest.raises(ValueError, match="width_px of the screen must be above 0, got 0"):
        Screen(0, 1080)


@pytest.mark.realdata
def test_real_recordings(real_data):
    folder = real_data / "trackers"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    tables = [name for name in expected if name.startswith("bids") and name.endswith("_physio.tsv.gz")]
    assert len(tables) == 3
    for name in tables:
        recording = read_recording(folder / name)
        (samples,), (fixations,) = recording.samples, recording.fixations
        facts, events = expected[name], expected[name.replace("_physio.", "_physioevents.")]
        first = [float(value) for value in facts["first"]]
        assert len(samples) == facts["rows"] and int((~samples.is_valid).sum()) == facts["na"]
        assert (samples.time_s[0], samples.x_px[0], samples.y_px[0]) == pytest.approx((first[0] / 1000, *first[1:3]))
        assert len(fixations) == events["types"]["fixation"] and np.isfinite(fixations.x_px).all()
        assert recording.screen == Screen(1024, 768) and samples.eye == ("right" if "eye2" in name else "left")
