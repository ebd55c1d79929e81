"""Tobii's exports, by small files with the traps of real ones."""

import gzip
import json

import numpy as np
import pytest

from egaze.errors import TableError
from egaze.gaze import read_recording

PRO_LAB = (
    "Recording timestamp [ms]\tSensor\tRecording name\t"
    "Recording resolution height [px]\tRecording resolution width [px]\t"
    "Eyetracker timestamp [μs]\tEvent\tEvent value\tGaze point X [DACS px]\tGaze point Y [DACS px]\t"
    "Gaze point left X [DACS px]\tGaze point left Y [DACS px]\tValidity left\tGaze point left X [DACS mm]\t"
    "Presented Stimulus name\tPresented Media width [px]\tPresented Media height [px]\t"
    "Presented Media position X [DACS px]\tPresented Media position Y [DACS px]\tOriginal Media width [px]\t"
    "Original Media height [px]\tEye movement type\tEye movement event duration [ms]\tEye movement type index\t"
    "Fixation point X [DACS px]\tFixation point Y [DACS px]\n"
)
PLACE = "chest\t1000\t1000\t460\t40\t2000\t2000"


def row(ms, us, x, y, movement="Fixation\t40\t7\t900\t501", *, valid="Valid", place=PLACE):
    eye = f"{x}\t{y}\t{x}\t{y}\t{valid}\t1,5"
    return f"{ms}\tEye Tracker\tRec1\t1080\t1920\t{us}\t\t\t{eye}\t{place}\t{movement}\n"


EVENT = "0\t\tRec1\t1080\t1920\t\tRecordingStart\tnow" + "\t" * 7 + PLACE + "\t" * 5 + "\n"
MOUSE = "4\tMouse\tRec1\t1080\t1920" + "\t" * 21 + "\n"
ROWS = [
    EVENT,
    row(3, 1003333, "900,5", 500),
    MOUSE,
    row(7, 1006667, "", "", valid="Invalid"),
    row(10, 1010000, "901", 502),
    row(13, 1013333, 700, 400, "Saccade\t3\t7\t\t"),
    row(17, 1016667, 600, 300, "Fixation\t20\t8\t600\t300"),
    row(20, 1020000, 600, 300, "Fixation\t20\t8\t600\t300", place="\t" * 6),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_pro_lab(tmp_path, encoding):
    path = tmp_path / "export.tsv"
    path.write_bytes((PRO_LAB + "".join(ROWS)).replace("\n", "\r\n").encode(encoding))
    recording = read_recording(path)
    both, left = recording.samples
    np.testing.assert_allclose(both.time_s, np.array([3.333, 6.667, 10, 13.333, 16.667, 20]) / 1e3, atol=5e-4)
    np.testing.assert_allclose(np.diff(both.time_s), 1 / 300, atol=1e-6)  # by microseconds, not by whole milliseconds
    np.testing.assert_array_equal(both.x_px, [900.5, np.nan, 901, 700, 600, 600])
    assert left.is_valid.tolist() == [True, False, True, True, True, True]
    (fixations,) = recording.fixations
    np.testing.assert_allclose(fixations.duration_s, [0.04, 0.02])
    assert fixations.x_px.tolist() == [900, 600] and fixations.eye == "both"
    assert [message.text for message in recording.messages] == ["RecordingStart: now"]
    (picture,) = recording.pictures
    assert (picture.case_id, picture.left_px, picture.top_px) == ("chest", 460, 40)
    assert picture.size_px == (2000, 2000) and picture.end_s == both.time_s[5]
    assert (recording.screen.width_px, recording.screen.height_px) == (1920, 1080)
    assert any("decimal commas" in note for note in recording.notes)


def test_pro_lab_s_filter_raw_makes_no_fixations(tmp_path):
    header = "Recording timestamp\tGaze point X\tGaze point Y\tEvent\tEye movement type\tGaze event duration\t"
    header += "Eye movement type index\tFixation point X\tFixation point Y\tRecording Fixation filter name\t\n"
    rows = [f"{17 * n}\t{n}\t{n}\t\tFixation\t17\t{n}\t{n}\t{n}\tRaw\t\n" for n in range(5)]
    path = tmp_path / "export.tsv"
    path.write_text(header + "".join(rows))
    recording = read_recording(path)
    assert len(recording.samples[0]) == 5 and recording.fixations == ()
    assert "its filter is Raw, which calls every sample a fixation" in " ".join(recording.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace("10\tEye", "2\tEye"),
            r"record 5 is at 0.002000 s, before the record above at 0.007",
        ),
        (
            lambda text: text.replace("13\tEye Tracker\tRec1", "13\tEye Tracker\tRec2"),
            "record 6 belongs to another rec",
        ),
        (
            lambda text: text.replace("\t901\t502\t901", "\tnine\t502\t901"),
            "record 5, column 'Gaze point X .DACS px.' holds 'nine'",
        ),
        (
            lambda text: text.replace("X [DACS px]", "X [DACS mil]"),
            "column 'Gaze point X' is in DACS mil; export it in",
        ),
    ],
)
def test_pro_lab_is_refused_in_one_line(tmp_path, change, message):
    path = tmp_path / "export.tsv"
    path.write_text(change(PRO_LAB + "".join(ROWS)), encoding="utf-8")
    with pytest.raises(TableError, match=message) as caught:
        read_recording(path)
    assert str(caught.value).startswith(str(path)) and "Rec2" not in str(caught.value)


STUDIO = (
    "Data properties:\n\nRecording resolution:\t 1280 x 1024\nParticipant:\t P1\n\n"
    "Timestamp\tDateTimeStamp\tGazePointXLeft\tGazePointYLeft\tValidityLeft\tGazePointXRight\tGazePointYRight\t"
    "ValidityRight\tFixationIndex\tGazePointX\tGazePointY\tEvent\tDescriptor\tStimuliName\tMappedFixationPointX\t"
    "MappedFixationPointY\tFixationDuration\t\n"
    "0\t\t\t\t\t\t\t\t\t\t\tScreenRecStarted\t\t\t\t\t\t\n"
    "10\t\t600\t500\t0\t602\t502\t1\t5\t601\t501\t\t\tchest\t601\t501\t30\t\n"
    "27\t\t-1280\t-1024\t4\t602\t502\t0\t5\t602\t502\t\t\tchest\t601\t501\t30\t\n"
    "43\t\t-1280\t-1024\t4\t-1280\t-1024\t4\t\t0\t0\t\t\tchest\t\t\t\t\n"
)


def test_studio_drops_the_average_of_two_lost_eyes(tmp_path):
    path = tmp_path / "export.tsv"
    path.write_text(STUDIO)
    recording = read_recording(path)
    both, left, right = recording.samples
    np.testing.assert_array_equal(both.x_px, [601, 602, np.nan])
    assert (left.is_valid.tolist(), right.is_valid.tolist()) == ([True, False, False], [True, True, False])
    assert recording.fixations[0].duration_s.tolist() == [0.03]
    assert (recording.screen.width_px, len(recording.messages)) == (1280, 1)
    path.write_text(STUDIO.replace("27\t\t-1280", "7\t\t-1280"))
    with pytest.raises(TableError, match="record 3 is at 0.007000 s, before the record above"):
        read_recording(path)


def test_studio_s_fixations(tmp_path):
    path = tmp_path / "export.tsv"
    header = "FixationIndex\tTimestamp\tFixationDuration\tMappedFixationPointX\tMappedFixationPointY\t\n"
    facts = "Data properties:\n\nScreen resolution: 1280 x 1024\nCoordinate unit: Pixels\n\n"
    path.write_text(facts + header + "12\t26\t633\t513\t518\t\n13\t659\t0\t-54\t527\t\n")
    recording = read_recording(path)
    assert recording.fixations[0].x_px.tolist() == [513, -54] and recording.samples == ()
    assert "1 fixation has the duration 0: cut off by the recording's end" in recording.notes
    path.write_text(facts.replace("Pixels", "Millimetres") + header + "12\t26\t633\t513\t518\t\n")
    with pytest.raises(TableError, match="its Coordinate unit is 'Millimetres', expected Pixels"):
        read_recording(path)


def test_sdk_dictionaries_and_matlab(tmp_path):
    path = tmp_path / "sdk.csv"
    header = "left_gaze_point_on_display_area;left_gaze_point_validity;right_gaze_point_validity;"
    header += "right_gaze_point_on_display_area;device_time_stamp\r\r\n"
    rows = "(0.1, 0.5);1;0;(nan, nan);1000000\r\r\n(0.2, 0.5);0;0;(nan, nan);1011000\r\r\n(0.3, 0.5);1;0;(na"
    path.write_bytes((header + rows).encode())
    recording = read_recording(path)
    left, right = recording.samples
    assert (left.is_valid.tolist(), left.x[0], left.unit) == ([True, False], 0.1, "frac")
    assert not right.is_valid.any() and left.time_s.tolist() == [1.0, 1.011]
    notes = " ".join(recording.notes)
    assert "record 3, the last one, is cut off after 4 of 5 cells" in notes and "the right eye is never there" in notes
    path.write_bytes((header + rows.replace("(0.2, 0.5)", "0.2")).encode())
    with pytest.raises(
        TableError, match=r"record 2, column 'left_gaze_point_on_display_area' holds '0.2', expected \(x, y\)"
    ):
        read_recording(path)
    path.write_text(
        "Time\tLGazePos2dx\tLGazePos2dy\tLValidity\tRGazePos2dx\tRGazePos2dy\tRValidity\n"
        "2619771723\t-1.0000\t-1.0000\t4\t0.25\t0.5\t0\n2619775056\t0.3\t0.5\t0\t0.25\t0.5\t1\n"
    )
    left, right = read_recording(path).samples
    assert (left.is_valid.tolist(), right.is_valid.tolist()) == ([False, True], [True, True])


def test_glasses_are_on_no_screen(tmp_path):
    two = [
        {"ts": 10, "s": 0, "gidx": 1, "pd": 3},
        {"ts": 20, "s": 0, "gp": [0.5, 0.4]},
        {"ts": 40, "s": 1, "gp": [0, 0]},
    ]
    path = tmp_path / "livedata.json.gz"
    path.write_bytes(gzip.compress("\n".join(json.dumps(item, separators=(",", ":")) for item in two).encode()))
    recording = read_recording(path)
    assert recording.plane == "scene camera" and recording.samples[0].is_valid.tolist() == [True, False]
    with pytest.raises(ValueError, match="in the video of a scene camera, which moves with the head"):
        recording.in_pixels(recording.screen)
    three = [
        {"type": "gaze", "timestamp": 0.01, "data": {"gaze2d": [0.5, 1.02]}},
        {"type": "gaze", "timestamp": 0.02, "data": {}},
    ]
    text = "\n".join(json.dumps(item, separators=(",", ":")) for item in three)
    path.write_bytes(gzip.compress(text.encode()))
    assert read_recording(path).samples[0].is_valid.tolist() == [True, False]
    path.write_bytes(gzip.compress(text.encode())[:-9])
    with pytest.raises(TableError, match="the gzip file is cut off"):
        read_recording(path)
    path.write_bytes(gzip.compress(text.replace("[0.5,1.02]", "[0.5]").encode()))
    with pytest.raises(TableError, match="line 1 is no record of Tobii Glasses"):
        read_recording(path)


def test_pro_lab_in_microseconds_and_of_glasses(tmp_path):
    path = tmp_path / "export.tsv"
    header = "Recording timestamp{}\tSensor\tGaze point X\tGaze point Y\tEye movement type\n"
    rows = "".join(f"{1_000_000 + 10_000 * n}\tEye Tracker\t{n}\t{n}\t\n" for n in range(4))
    path.write_text(header.format(" [μs]") + rows + "1045000\tGyroscope\t\t\tFixation\n", encoding="utf-8")
    recording = read_recording(path)
    np.testing.assert_allclose(recording.samples[0].time_s, [1, 1.01, 1.02, 1.03])
    assert recording.plane == "scene camera" and "a recording of glasses" in recording.notes[-1]
    path.write_text(header.format("") + rows)
    with pytest.raises(TableError, match="samples are 10 s apart if 'Recording timestamp' is in milliseconds"):
        read_recording(path)


def test_studio_3(tmp_path):
    path = tmp_path / "export.tsv"
    header = "ParticipantName\tRecordingName\tRecordingResolution\tMediaName\tRecordingTimestamp\tStudioEvent\t"
    header += "FixationIndex\tGazeEventType\tGazeEventDuration\tGazePointIndex\tGazePointLeftX (ADCSpx)\t"
    header += "GazePointLeftY (ADCSpx)\tGazePointX (ADCSpx)\tGazePointY (ADCSpx)\tValidityLeft\n"
    rows = (
        "P\tR\t1280 x 1024\tchest.png\t0\tImageStart\t\t\t\t\t\t\t\t\t\n"
        "P\tR\t1280 x 1024\tchest.png\t3\t\t1\tFixation\t30\t1\t600\t500\t602\t500\t0\n"
        "P\tR\t1280 x 1024\tchest.png\t20\t\t1\tFixation\t30\t2\t600\t500\t604\t502\t4\n"
        "P\tR\t1280 x 1024\tchest.png\t36\t\t\tUnclassified\t17\t3\t\t\t\t\t4\n"
    )
    path.write_text(header + rows)
    recording = read_recording(path)
    both, left = recording.samples
    assert both.is_valid.tolist() == [True, True, False] and left.is_valid.tolist() == [True, False, False]
    (fixations,) = recording.fixations
    assert (fixations.onset_s[0], fixations.duration_s[0]) == (0.003, 0.03)
    assert (fixations.x_px[0], fixations.y_px[0]) == (603, 501)
    assert recording.screen.width_px == 1280 and recording.pictures[0].case_id == "chest.png"
    assert recording.messages[0].text == "ImageStart"
    path.write_text(header + rows + rows.replace("P\tR", "Q\tR"))
    with pytest.raises(TableError, match="record 5 belongs to another participant than the first one"):
        read_recording(path)
    path.write_text(header.replace("GazePointX (ADCSpx)", "GazePointX (MCSpx)") + rows)
    with pytest.raises(TableError, match=r"has no column 'GazePointX \(ADCSpx\)'"):
        read_recording(path)
