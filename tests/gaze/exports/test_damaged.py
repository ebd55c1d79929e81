"""An export that is damaged anywhere is read, or refused in one line."""

import random

import numpy as np
import pytest

from egaze.errors import EgazeError
from egaze.gaze import GAZE_FORMATS, read_recording
from egaze.gaze.summary import summarize_recording

FILES = {
    "eyelink-asc": (
        "** CONVERTED FROM a.edf\nMSG\t90 DISPLAY_COORDS 0 0 1023 767\nSTART\t100 \tLEFT\tSAMPLES\n"
        "SAMPLES\tGAZE\tLEFT\tRATE\t 500.00\n100\t  512.8\t  394.5\t 1063.0\t...\n102\t   .\t   .\t    0.0\t...\n"
        "EFIX L   100\t102\t4\t  513.8\t  395.0\t   1063\nEND\t105 \tSAMPLES\n"
    ),
    "gazepoint": (
        "MEDIA_ID,MEDIA_NAME,CNT,TIME(a),FPOGX,FPOGY,FPOGS,FPOGD,FPOGID,FPOGV,BPOGX,BPOGY,BPOGV,\n"
        "0,one,0,0.000,0.5,0.4,0.000,0.000,1,1,0.50,0.41,1,\n0,one,1,0.016,0.5,0.4,0.000,0.016,1,1,0.51,0.41,1,\n"
    ),
    "pupil-labs": (
        "recording id,timestamp [ns],gaze x [px],gaze y [px],worn,fixation id\n"
        "r,1685088813175076015,600,640,1.0,1\nr,1685088813180076015,600,640,1.0,\n"
    ),
    "smi-begaze": (
        "[BeGaze]\nSample Rate:\t120\n\nTable Header for Fixations:\n"
        "Event Type,Trial,Number,Start,End,Duration,Location X,Location Y\n\n"
        "Fixation L,1,1,1000000,1241786,241786,951.83,791.40\nFixation L,1,2,1300000,1341786,41786,951.83,791.40\n"
    ),
    "tobii-glasses": '{"ts":10,"s":0,"gp":[0.5,0.4]}\n{"ts":20,"s":1,"gp":[0,0]}\n',
    "tobii-pro-lab": (
        "Recording timestamp [ms]\tSensor\tGaze point X\tGaze point Y\tEye movement type\tGaze event duration\t"
        "Eye movement type index\tFixation point X\tFixation point Y\n"
        "1\tEye Tracker\t3,5\t4\tFixation\t40\t1\t3\t4\n4\tEye Tracker\t3\t4\tFixation\t40\t1\t3\t4\n"
    ),
    "tobii-sdk": (
        "left_gaze_point_on_display_area;left_gaze_point_validity;right_gaze_point_validity;"
        "right_gaze_point_on_display_area;device_time_stamp\n(0.1, 0.5);1;0;(nan, nan);1000000\n"
    ),
    "tobii-studio": (
        "Data properties:\n\nScreen resolution: 1280 x 1024\n\n"
        "FixationIndex\tTimestamp\tFixationDuration\tMappedFixationPointX\tMappedFixationPointY\t\n12\t26\t633\t513\t518\t\n"
    ),
    "tobii-studio3": (
        "MediaName\tRecordingTimestamp\tFixationIndex\tGazeEventType\tGazeEventDuration\tGazePointIndex\t"
        "GazePointX (ADCSpx)\tGazePointY (ADCSpx)\nchest\t3\t1\tFixation\t30\t1\t602\t500\n"
        "chest\t9\t1\tFixation\t30\t2\t602\t500\n"
    ),
}
BYTES = b'0123456789-.,;\t\n\r"\x00\xff\xc3aNeE[](){} '


def damaged(content, rng):
    """A copy with some bytes replaced, taken out or put in, or cut off."""
    found = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(found))
        kind = rng.randrange(4)
        if kind == 0:
            found[place] = rng.choice(BYTES)
        elif kind == 1:
            del found[place : place + rng.randint(1, 9)]
        elif kind == 2:
            found[place:place] = bytes(rng.choice(BYTES) for _ in range(rng.randint(1, 5)))
        else:
            del found[max(place, 1) :]
        if not found:
            return b"0"
    return bytes(found)


def test_every_format_is_damaged():
    assert set(FILES) == set(GAZE_FORMATS) - {"bids", "vr-headset", "lab_csv"}


@pytest.mark.parametrize("name", FILES)
def test_damaged_exports(name, tmp_path):
    path = tmp_path / "export"
    whole = FILES[name].encode()
    path.write_bytes(whole)
    assert (
        summarize_recording(read_recording(path, format=name)).samples
        + summarize_recording(read_recording(path, format=name)).fixations
    )
    rng = random.Random(0)
    refused = 0
    for _ in range(40):
        path.write_bytes(damaged(whole, rng))
        try:
            recording = read_recording(path, format=name)
        except EgazeError as error:
            said = str(error)
            assert said.startswith(str(path)) and "\n" not in said and len(said) < len(str(path)) + 500
            refused += 1
            continue
        found = summarize_recording(recording)
        assert found.samples >= found.valid >= 0 and np.isfinite(found.duration_s)
    assert refused > 0
