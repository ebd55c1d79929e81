"""Boxes and phrases are carried along; both files may be absent, neither may be malformed."""

import json

import pytest

from egaze.errors import TableError
from egaze.sources import Phrase, Region

BOXES = "dicom_id,bbox_name,x1,x2,y1,y2\n"
GOOD = {"full_text": "the heart. is big", "time_stamped_text": [{"phrase": "a", "begin_time": 0.5, "end_time": 1}]}


def write_transcript(folder, dicom_id, content):
    place = folder.gaze / "audio_segmentation_transcripts" / dicom_id
    place.mkdir(parents=True)
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    (place / "transcript.json").write_bytes(content)


def test_boxes_take_x1_x2_y1_y2(folder, parts):
    folder.write()
    (folder.gaze / "bounding_boxes.csv").write_text(
        f"{BOXES}{parts.IDS[0]},left lung,1500,2400,300,2500\n{parts.IDS[0]},trachea,1200.5,1300,-4,900\n"
        f"{parts.IDS[2]},trachea,5,5,6,6\nstranger,trachea,1,2,3,4\n{parts.IDS[0]},left clavicle,9,8,3,4\n"
    )
    source = folder.read()
    first, second, third = (case.regions for case in source.cases())
    assert first == (
        Region("left lung", "box", 1500, 300, 2400, 2500),
        Region("trachea", "box", 1200.5, -4, 1300, 900),
    )
    assert second == () and len(third) == 1
    names = ("read", "kept", "dropped_unknown_radiograph", "dropped_turned")
    assert [source.hygiene[f"boxes_{name}"] for name in names] == [5, 3, 1, 1]
    assert source.hygiene["bounding_boxes_file_missing"] == 0


def test_missing_annotations_are_counted(folder):
    source = folder.read()
    assert source.hygiene["bounding_boxes_file_missing"] == 1 and source.hygiene["transcripts_missing"] == 3
    assert all(case.regions == () and case.phrases == () for case in source.cases())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOXES.replace("y2", "y3"), r"bounding_boxes\.csv: column 'y2' is missing from the header"),
        (BOXES + "a,lung,1,2,3,wide\n", "record 1, column 'y2' holds 'wide', expected a number"),
        (BOXES + "a,lung,1,2,3,inf\n", "record 1, column 'y2' holds 'inf', expected a number"),
        (BOXES + "a,,1,2,3,4\n", "record 1, column 'bbox_name' is empty"),
        (BOXES + "a,lung,1,2,3\n", "record 1 has 5 cells, the header has 6"),
    ],
)
def test_malformed_boxes(folder, content, message):
    folder.write()
    (folder.gaze / "bounding_boxes.csv").write_text(content)
    with pytest.raises(TableError, match=message):
        folder.read()


def test_phrases_in_time_order(folder, parts):
    folder.write()
    times = [("is big", 2.5, 3.5), ("the\n heart", 1, 2), ("", 4, 5), ("turned", 6, 5), ("done", 7, 7)]
    stamped = [{"phrase": words, "begin_time": begin, "end_time": end, "more": 1} for words, begin, end in times]
    write_transcript(folder, parts.IDS[1], {"full_text": "", "time_stamped_text": stamped})
    write_transcript(folder, parts.IDS[2], "\ufeff".encode() + json.dumps(GOOD).encode())
    source = folder.read()
    assert [case.phrases for case in source.cases()] == [
        (),
        (Phrase("the heart", 1, 2), Phrase("is big", 2.5, 3.5), Phrase("done", 7, 7)),
        (Phrase("a", 0.5, 1),),
    ]
    names = ("phrases_read", "phrases_kept", "phrases_dropped_without_words_or_time", "transcripts_missing")
    assert [source.hygiene[name] for name in names] == [6, 4, 2, 1]


def phrase(**changes):
    return {
        "time_stamped_text": [GOOD["time_stamped_text"][0], {"phrase": "b", "begin_time": 2, "end_time": 3} | changes]
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1, column 1: not JSON"),
        (b"{'a': 1}", "line 1, column 2: not JSON"),
        (json.dumps(GOOD).encode("utf-16"), "byte 0 is 0xff: not UTF-8 text"),
        (b'{"full_text": "\xe9"}', "byte 15 is 0xe9: not UTF-8 text"),
        (b"[" * 100_000, "nested too deeply"),
        (b" " * 1_000_001, r"longer than 1000000 bytes \(EGAZE_TABLE_JSON_BYTES\)"),
        (b'{"time_stamped_text": ' + b"9" * 5000 + b"}", "a number of too many digits"),
        (b"[]", "holds a list, expected an object"),
        (b"{}", "field 'time_stamped_text' holds nothing, expected a list"),
        (GOOD | {"full_text": 3}, "field 'full_text' holds a number, expected text"),
        (GOOD | {"time_stamped_text": {}}, "field 'time_stamped_text' holds an object, expected a list"),
        (GOOD | {"time_stamped_text": ["a"]}, "field 'time_stamped_text', phrase 1 holds text, expected an object"),
        (phrase(phrase=None), "phrase 2, field 'phrase' holds nothing, expected text"),
        (phrase(phrase="\ud800"), "phrase 2, field 'phrase' holds an incomplete character"),
        (phrase(begin_time="2"), "phrase 2, field 'begin_time' holds text, expected seconds"),
        (phrase(begin_time=True), "phrase 2, field 'begin_time' holds true or false, expected seconds"),
        (phrase(end_time=None), "phrase 2, field 'end_time' holds nothing, expected seconds"),
        (phrase(end_time=float("nan")), "phrase 2, field 'end_time' holds a number that is not finite"),
        (phrase(end_time=float("inf")), "phrase 2, field 'end_time' holds a number that is not finite"),
        (phrase(end_time=10**400), "phrase 2, field 'end_time' holds a number that is not finite"),
        (b'{"time_stamped_text": [{"phrase": "a", "begin_time": 0, "end_time": 1e999}]}', "not finite"),
    ],
)
def test_malformed_transcripts(folder, parts, content, message):
    folder.write()
    write_transcript(folder, parts.IDS[0], content)
    with pytest.raises(TableError, match=message) as caught:
        folder.read()
    assert parts.IDS[0] in str(caught.value) and "transcript.json: " in str(caught.value)
    assert str(caught.value).isprintable()
