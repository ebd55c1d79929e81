"""Gazepoint, SMI, Pupil Labs and headsets, by small files with the traps of real ones."""

import numpy as np
import pytest

from egaze.errors import TableError
from egaze.gaze import Screen, read_recording

GAZEPOINT = (
    "MEDIA_ID,MEDIA_NAME,CNT,TIME(2025/04/04 11:57:50.638),FPOGX,FPOGY,FPOGS,FPOGD,FPOGID,FPOGV,BPOGX,BPOGY,BPOGV,\n"
)
ALL_GAZE = [
    "0,one,0,0.000,0.5,0.4,0.000,0.000,1,1,0.50,0.41,1,\n",
    "0,one,1,0.016,0.5,0.4,0.000,0.016,1,1,0.51,0.41,1,\n",
    "0,one,2,0.033,0.5,0.4,0.000,0.033,1,0,0.51,0.41,0,\n",  # lost: the last position is repeated
    "0,one,3,0.050,0.9,0.4,0.050,0.000,2,1,1.10,0.41,1,\n",
    "1,two,4,0.066,0.9,0.4,0.050,0.016,2,1,0.91,0.41,1,\n",
]


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_gazepoint(tmp_path):
    path = write(tmp_path, "User 0_all_gaze.csv", (GAZEPOINT + "".join(ALL_GAZE)).replace("\n", "\r\n"))
    recording = read_recording(path)
    (samples,), (fixations,) = recording.samples, recording.fixations
    assert samples.is_valid.tolist() == [True, True, False, True, True] and samples.unit == "frac"
    # The last valid row has the whole duration; one fixation on two pictures counts for both.
    np.testing.assert_allclose(fixations.duration_s, [0.016, 0.0, 0.016])
    assert [(picture.case_id, picture.begin_s) for picture in recording.pictures] == [("one", 0.0), ("two", 0.066)]
    with pytest.raises(ValueError, match="positions are in frac, not in pixels"):
        _ = samples.x_px
    with pytest.raises(
        ValueError, match="positions are fractions of the screen, and width_px, height_px of the screen is"
    ):
        recording.in_pixels(Screen())
    assert recording.in_pixels(Screen(1920, 1080)).samples[0].x_px[0] == 0.5 * 1920 - 0.5


def test_gazepoint_s_fixations_and_another_version(tmp_path):
    rows = [ALL_GAZE[1], ALL_GAZE[4].replace("1,two", "0,one")]
    recording = read_recording(write(tmp_path, "fixations.csv", GAZEPOINT + "".join(rows)))
    assert recording.samples == () and recording.fixations[0].duration_s.tolist() == [0.016, 0.016]
    path = write(tmp_path, "other.csv", GAZEPOINT.replace("FPOGD", "FPOG_DURATION") + ALL_GAZE[0])
    with pytest.raises(TableError, match="has no column 'FPOGD'; is it an export of another version"):
        read_recording(path)
    path = write(tmp_path, "lost.csv", GAZEPOINT.replace("BPOGV", "VALID") + "".join(ALL_GAZE))
    with pytest.raises(TableError, match="has no column 'BPOGV', which tells lost samples"):
        read_recording(path)


SMI_EVENTS = (
    "[BeGaze]\nSample Rate:\t120\n\nTable Header for Fixations:\n"
    "Event Type,Trial,Number,Start,End,Duration,Location X,Location Y,Dispersion X\n\n"
    "UserEvent,1,1,1000000,# Message: chest.png\n"
    "Fixation L,1,1,1000000,1241786,241786,951.83,791.40,47\n"
    "Saccade L,1,1,1241786,1250000,8214,1,2,3,4,5,6,7,8,9,10,11\n"
    "Fixation R,1,1,1000000,1241786,241786,951.83,791.40,47\n"
)
SMI_SAMPLES = (
    "## [BeGaze]\n## Sample Rate:\t60\n## Calibration Area:\t1280\t1024\n"
    "Time\tType\tTrial\tL POR X [px]\tL POR Y [px]\tR POR X [px]\tR POR Y [px]\n"
    "1000000\tSMP\t1\t640.5\t512.0\t0.00\t0.00\n1010000\tMSG\t1\t# Message: chest.png\n"
    "1016667\tSMP\t1\t0.00\t0.00\t0.00\t0.00\n"
)


def test_smi(tmp_path):
    recording = read_recording(write(tmp_path, "events.txt", SMI_EVENTS.replace("\n", "\r\n")))
    assert [(item.eye, len(item)) for item in recording.fixations] == [("left", 1), ("right", 1)]
    assert recording.fixations[0].duration_s[0] == 0.241786 and recording.messages[0].text == "chest.png"
    assert recording.notes == ("both eyes have fixations, of which 1 are the same: count one eye",)
    recording = read_recording(write(tmp_path, "samples.txt", SMI_SAMPLES))
    left, right = recording.samples
    assert left.is_valid.tolist() == [True, False] and not right.is_valid.any()
    assert recording.notes == ("the right eye is never there",) and recording.screen.width_px == 1280
    assert recording.messages[0].text == "chest.png" and recording.sampling_hz == 60


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (SMI_EVENTS, ("Location X,Location Y", "Centre X,Centre Y"), "line 5: fixations have the columns"),
        (SMI_EVENTS, ("241786,951.83", "241786,left"), "line 8: holds 'left', expected a number"),
        (SMI_SAMPLES, ("1016667", "916667"), "line 7: is at 0.916667 s, before the sample above"),
        (SMI_SAMPLES, ("640.5\t", ""), "line 5: has 6 cells, the header has 7"),
        (SMI_SAMPLES, ("POR", "Raw"), "2 samples of SMI without gaze"),
    ],
)
def test_smi_is_refused_in_one_line(tmp_path, text, change, message):
    with pytest.raises(TableError, match=message):
        read_recording(write(tmp_path, "a.txt", text.replace(*change)))


CLOUD = "section id,recording id,timestamp [ns],gaze x [px],gaze y [px],worn,fixation id,blink id\n"
CLOUD_FIXATIONS = (
    "recording id,fixation id,start timestamp [ns],end timestamp [ns],duration [ms],fixation x [px],fixation y [px]\n"
)


def test_pupil_cloud_keeps_every_digit_of_nanoseconds(tmp_path):
    begin_ns = 1685088813175076015
    rows = [
        f"s,r,{begin_ns + step},{600 + place},640,1.0,{fix},\n"
        for place, (step, fix) in enumerate([(0, 1), (5_000_001, 1), (9_000_000, "")])
    ]
    path = write(tmp_path, "gaze.csv", CLOUD + "".join(rows))
    recording = read_recording(path)
    np.testing.assert_allclose(np.diff(recording.samples[0].time_s), [0.005000001, 0.003999999], atol=2e-11)
    assert recording.plane == "scene camera" and len(recording.fixations[0]) == 1
    write(tmp_path, "fixations.csv", CLOUD_FIXATIONS + f"r,1,{begin_ns},{begin_ns + 112_000_000},112,600.5,640\n")
    assert read_recording(path).fixations[0].duration_s.tolist() == [0.112]
    path.write_text(CLOUD + rows[0] + rows[1].replace("s,r,", "s,other,"))
    with pytest.raises(TableError, match="record 2 belongs to another recording"):
        read_recording(path)


def test_pupil_core_counts_upwards(tmp_path):
    path = write(
        tmp_path,
        "gaze_positions_on_surface_screen.csv",
        "world_timestamp,world_index,gaze_timestamp,x_norm,y_norm,on_surf,confidence\n"
        "5.0,0,5.001,0.25,0.75,True,0.9\n5.03,1,5.001,0.25,0.75,True,0.9\n5.03,1,5.004,0.25,0.75,True,0.2\n",
    )
    write(
        tmp_path,
        "fixations_on_surface_screen.csv",
        "world_index,fixation_id,start_timestamp,duration,dispersion,norm_pos_x,norm_pos_y,on_surf\n"
        "0,7,5.0,120,1,0.25,0.75,True\n1,7,5.0,120,1,0.25,0.75,True\n",
    )
    recording = read_recording(path)
    (samples,), (fixations,) = recording.samples, recording.fixations
    assert (len(samples), samples.y[0], samples.is_valid.tolist()) == (2, 0.25, [True, False])
    assert (len(fixations), fixations.y[0], fixations.duration_s[0]) == (1, 0.25, 0.12)
    assert recording.plane == "surface" and "fractions of the surface 'screen'" in recording.notes[0]
    assert recording.in_pixels(Screen(800, 600)).samples[0].y_px[0] == 149.5
    scene = write(tmp_path, "gaze_positions.csv", "gaze_timestamp,confidence,norm_pos_x,norm_pos_y\n5,1,0.5,0.9\n")
    assert read_recording(scene).plane == "scene camera"


def test_headsets_are_refused(tmp_path):
    path = write(tmp_path, "vr.csv", "time(100ns);gaze_direct_L.x;gaze_direct_R.x\n1;0.1;0.2\n")
    with pytest.raises(TableError, match=r"vr\.csv: is of a virtual reality headset"):
        read_recording(path)
