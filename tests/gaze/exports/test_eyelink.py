"""EyeLink ASC, by small files with the traps of real ones."""

import re

import numpy as np
import pytest

from egaze.errors import TableError
from egaze.gaze import read_recording
from egaze.gaze.summary import summarize_recording

HEADER = "** CONVERTED FROM a.edf using edfapi\n** VERSION: EYELINK II 1\n\nMSG\t90 DISPLAY_COORDS = 0 0 1023 767\n"
CALIBRATION = ">>>>>>> CALIBRATION (HV9,P-CR) FOR LEFT: <<<<<<<<<\n   7554.5   200.42  -1.2\n"
SAMPLES = "SAMPLES\tGAZE\tLEFT\tRATE\t 500.00\tTRACKING\tCR\tFILTER\t2\n"
BLOCK = (
    "START\t100 \tLEFT\tSAMPLES\tEVENTS\n" + SAMPLES + "100\t  512.8\t  394.5\t 1063.0\t...\nSFIX L   100\n"
    "102\t   .\t   .\t    0.0\t...\nMSG 103 IMAGE case é\n104\t  514.8\t  395.5\t 1063.0\t...\n"
    "EFIX L   100\t104\t6\t  513.8\t  395.0\t   1063\nEND\t105 \tSAMPLES\tEVENTS\tRES\t 30\t 30\n"
)
#: The same, 800 ms later.
AGAIN = re.sub(r"\b10([0245])\b", r"90\1", BLOCK)


def write(tmp_path, text):
    path = tmp_path / "a.asc"
    path.write_text(text, encoding="utf-8")
    return path


def test_blocks_events_and_messages(tmp_path):
    recording = read_recording(write(tmp_path, HEADER + CALIBRATION + BLOCK + AGAIN))
    (left,) = recording.samples
    np.testing.assert_allclose(left.time_s, np.array([100, 102, 104, 900, 902, 904]) / 1e3)
    assert left.is_valid.tolist() == [True, False, True] * 2 and recording.sampling_hz == 500
    (fixations,) = recording.fixations
    assert fixations.duration_s.tolist() == [0.006, 0.006] and fixations.x_px.tolist() == [513.8, 513.8]
    assert [message.text for message in recording.messages][1] == "IMAGE case é"
    assert (recording.screen.width_px, recording.screen.height_px) == (1024, 768)
    found = summarize_recording(recording)
    assert (found.duration_s, found.span_s) == (pytest.approx(0.008), pytest.approx(0.804))
    assert found.measured_hz == pytest.approx(500)


def test_eyes_may_change_between_blocks_and_an_eye_may_never_be_there(tmp_path):
    both = re.sub(r"(\t +\S+)\t\.\.\.\n", r"\1\t   .\t   .\t   0.0\t.....\n", AGAIN.replace("LEFT\t", "LEFT\tRIGHT\t"))
    recording = read_recording(write(tmp_path, HEADER + BLOCK + both))
    left, right = recording.samples
    assert (left.eye, right.eye, len(right)) == ("left", "right", 6)
    assert int(left.is_valid.sum()) == 4 and not right.is_valid.any()
    assert "the right eye is never there" in recording.notes


def test_2000_hz_in_whole_milliseconds(tmp_path):
    block = BLOCK.replace("500.00", "2000.00").replace("102\t", "100\t")
    recording = read_recording(write(tmp_path, HEADER + block))
    np.testing.assert_allclose(recording.samples[0].time_s, [0.1, 0.1005, 0.104])
    assert "the second is put half a millisecond later" in recording.notes[0]


def test_samples_without_a_header_and_events_without_samples(tmp_path):
    line = "{}\t  655.6\t  599.9\t 1121.0\t  773.1\t  594.2\t  949.0\t.....\n"
    recording = read_recording(write(tmp_path, line.format(100) + line.format(102)))
    assert [item.eye for item in recording.samples] == ["left", "right"] and recording.sampling_hz is None
    assert recording.notes == ("samples without a header: the screen and the stated rate are unknown",)
    events = "".join(line for line in (HEADER + BLOCK).splitlines(keepends=True) if not line[0].isdigit())
    recording = read_recording(write(tmp_path, events))
    assert recording.samples == () and len(recording.fixations[0]) == 1
    assert "no samples: it was converted with events only" in recording.notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("104\t  514.8", "101\t  514.8"), "line 11 is at 101 ms, before the sample above: the clock runs back"),
        (("104\t  514.8", "104\t  5l4.8"), "line 11 holds '5l4.8', expected a number"),
        (("\t  395.5\t 1063.0\t...", ""), "line 11 has 2 columns, a sample of left eye has 4 or more"),
        (("SAMPLES\tGAZE", "SAMPLES\tHREF"), r"line 6: samples are \['HREF'\], not GAZE"),
        (("EFIX L   100\t104\t6", "EFIX L   100\t104\tlong"), "line 12: holds 'long', expected a number"),
        (("EFIX L", "EFIX M"), "line 12: is no fixation of EyeLink"),
        (("MSG 103", "MSG soon"), "line 10: holds 'soon', expected a number"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(tmp_path, change, message):
    path = write(tmp_path, HEADER + BLOCK.replace(*change))
    with pytest.raises(TableError, match=f"a.asc: {message}"):
        read_recording(path)


def test_a_limit_on_samples(tmp_path, monkeypatch):
    monkeypatch.setenv("EGAZE_TABLE_SAMPLES", "5")
    with pytest.raises(TableError, match="holds more than 5 samples.*EGAZE_TABLE_SAMPLES=NUMBER"):
        read_recording(write(tmp_path, HEADER + BLOCK + AGAIN))
