import numpy as np
import pytest

from egaze.errors import TableError
from egaze.gaze import load_mapping, read_by_mapping

MAPPING = """
missing = ["-1"]

[time]
column = "t"
unit = "ms"

[left]
x = "lx"
y = "ly"
valid = "code"
valid_values = ["0", "1"]

[right]
x = "rx"
y = "ry"

[positions]
unit = "px"
origin = "centre, y up"

[picture]
column = "shown"

[screen]
width_px = 1920
height_px = 1080
"""
ROWS = "t;lx;ly;rx;ry;code;shown\n0;-60,5;40;;;0;a\n4;-60;40;-1.0;-1;2.0;a\n8;-59;40;-1;-1;1.0;b\n"
ROWS = ROWS.replace("-1.0;", "-1,0;")


def written(tmp_path, mapping=MAPPING, rows=ROWS):
    (tmp_path / "m.toml").write_text(mapping)
    (tmp_path / "t.csv").write_text(rows)
    return read_by_mapping(tmp_path / "t.csv", load_mapping(tmp_path / "m.toml"))


def test_samples(tmp_path):
    recording = written(tmp_path)
    left, right = recording.samples
    np.testing.assert_array_equal(left.x_px, [899, np.nan, 900.5])
    np.testing.assert_array_equal(left.y_px, [499.5, np.nan, 499.5])
    assert left.time_s.tolist() == [0, 0.004, 0.008] and not right.is_valid.any()
    assert [picture.case_id for picture in recording.pictures] == ["a", "b"]
    assert "the right eye is never there" in recording.notes
    assert "read as UTF-8, semicolons, decimal commas" in recording.notes
    assert recording.screen.width_px == 1920


@pytest.mark.parametrize(
    ("unit", "origin", "expected"),
    [
        ("px", "top left", (-60.5, 40)),
        ("px", "bottom left", (-60.5, 1039)),
        ("px", "centre", (899, 579.5)),
        ("frac", "bottom left", (-60.5, -39)),
        ("frac", "centre", (-60, 40.5)),
        ("deg", "centre, y up", (-60.5, -40)),
        ("deg", "centre", (-60.5, 40)),
    ],
)
def test_origins(tmp_path, unit, origin, expected):
    changed = MAPPING.replace('unit = "px"', f'unit = "{unit}"').replace("centre, y up", origin)
    left = written(tmp_path, changed).samples[0]
    assert (left.x[0], left.y[0], left.unit) == (*expected, unit)


def test_fixations_a_rate_and_rows(tmp_path):
    mapping = """
kind = "fixations"
time = {column = "on", unit = "s"}
duration = {column = "ms", unit = "ms"}
both = {x = "x", y = "y"}
positions = {unit = "frac", origin = "top left"}
rows = {column = "what", values = ["FIXA"]}
"""
    recording = written(
        tmp_path, mapping, "on,ms,x,y,what\n0.5,200,0.1,0.2,FIXA\n0.7,30,0.1,0.2,SACC\n0.8,90,0.5,0.2,FIXA\n"
    )
    (fixations,) = recording.fixations
    assert fixations.duration_s.tolist() == [0.2, 0.09] and recording.notes[0].startswith("2 of 3 rows")
    with pytest.raises(TableError, match="record 3, column 'ms' holds -90.0, expected a duration"):
        written(tmp_path, mapping, "on,ms,x,y,what\n0.5,200,0.1,0.2,FIXA\n0.7,30,0.1,0.2,SACC\n0.8,-90,0.5,0.2,FIXA\n")
    shown = written(
        tmp_path,
        mapping.replace('rows = {column = "what", values = ["FIXA"]}', 'picture = {column = "what"}'),
        "on,ms,x,y,what\n0.5,200,0.1,0.2,a\n0.7,30,0.1,0.2,a\n0.8,90,0.5,0.2,b\n",
    ).pictures
    assert [(picture.case_id, picture.begin_s, picture.end_s) for picture in shown] == [
        ("a", 0.5, 0.8),
        ("b", 0.8, 0.89),
    ]
    mapping = 'time.rate_hz = 50\nboth = {x = "x", y = "y"}\npositions = {unit = "px", origin = "top left"}\n'
    recording = written(tmp_path, mapping, "x,y\n1,2\n3,4\n")
    assert recording.samples[0].time_s.tolist() == [0, 0.02] and recording.sampling_hz == 50


def test_how_the_table_is_written_may_be_given(tmp_path):
    mapping = 'table = {delimiter = ";", decimal = ",", encoding = "windows-1252", header_line = 2}\n' + MAPPING
    (tmp_path / "m.toml").write_text(mapping)
    (tmp_path / "t.csv").write_bytes(("Größe: 1\n" + ROWS.replace("-60,5", "-60,125")).encode("windows-1252"))
    assert read_by_mapping(tmp_path / "t.csv", load_mapping(tmp_path / "m.toml")).samples[0].x[0] == 899.375


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('unit = "ms"', ""),
            "m.toml: time.unit is missing, and a unit is never guessed; it must be one of s, ms, us, ns",
        ),
        (
            ('unit = "px"', ""),
            "positions.unit is missing, and a unit is never guessed; it must be one of px, frac, deg",
        ),
        (('unit = "px"', 'unit = "inch"'), "positions.unit is 'inch'; it must be one of px, frac, deg"),
        (('origin = "centre, y up"', ""), "positions.origin is missing, and an origin is never guessed"),
        (('unit = "px"\norigin = "centre, y up"', 'unit = "deg"\norigin = "top left"'), "counted from the centre"),
        (('column = "t"', ""), "time.column is missing, the column of times, and so is time.rate_hz"),
        (('y = "ly"', ""), "left.y is missing, the column of its positions"),
        (('valid = "code"', ""), "left.valid and left.valid_values need each other"),
        (("[picture]", "[picures]"), "unknown key 'picures'; known are kind, missing"),
        (('missing = ["-1"]', 'kind = "saccades"'), "kind is 'saccades'; it must be one of samples, fixations"),
        (('missing = ["-1"]', "missing = -1"), "missing must be a list, got -1"),
        (("[time]", "[time"), "cannot read the mapping"),
    ],
)
def test_a_mapping_that_leaves_something_open(tmp_path, change, message):
    with pytest.raises(TableError, match=message) as caught:
        written(tmp_path, MAPPING.replace(*change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("lx;", "left_x;"), "t.csv: has no column 'lx'"),
        (("4;-60", "40;-60"), "record 3 is at 0.008000 s, before the record above at 0.040000 s: the clock runs back"),
        (("4;-60", ";-60"), "record 2 has no time"),
        (("-60;40", "left;40"), "record 2, column 'lx' holds 'left', expected a number"),
    ],
)
def test_a_table_that_does_not_fit(tmp_path, change, message):
    with pytest.raises(TableError, match=message):
        written(tmp_path, rows=ROWS.replace(*change))


def test_pixels_from_the_centre_of_an_unknown_screen(tmp_path):
    with pytest.raises(TableError, match="counted in pixels from the centre, y up, and the mapping states no width_px"):
        written(tmp_path, MAPPING.partition("[screen]")[0])
