"""Every row read is kept, or dropped for one reason that is counted."""

import pytest

from egaze.errors import SourceError, TableError
from egaze.sources.egd_cxr.columns import CLASSES, PADS
from egaze.sources.egd_cxr.gaze_rows import RULES


def dropped(source, unit="fixations"):
    """The reasons that were met, with their counts; checks that nothing is lost."""
    counts = {rule: source.hygiene[f"{unit}_dropped_{rule}"] for rule in RULES}
    assert source.hygiene[f"{unit}_read"] == source.hygiene[f"{unit}_kept"] + sum(counts.values())
    kept = sum(len(case.fixations) for case in source.cases() if case.fixations is not None)
    assert source.hygiene[f"{unit}_kept"] == kept
    return {rule: count for rule, count in counts.items() if count}


def test_usable_rows_are_all_kept(folder, parts):
    source = folder.read()
    assert dropped(source) == {} and source.hygiene["fixations_read"] == 3
    assert source.hygiene["radiographs_without_gaze"] == 0
    assert [case.label for case in source.cases()] == ["chf", "pneumonia", "normal"]
    first = source.cases()[0].fixations
    assert (first.x_px[0], first.y_px[0]) == parts.published_map(parts.IDS[0], 0.5, 0.5)
    assert first.duration_s.tolist() == [0.25] and first.onset_s.tolist() == [0.25]
    assert source.options == {"gaze_table": "fixations", "recalibrate": False}


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("calibration_card", {"cut": 5}),
        ("calibration_card", {"cut": 9}),
        ("unknown_radiograph", {"cut": 1}),
        ("unknown_radiograph", {"cut": 4}),
        ("unknown_radiograph", {"cut": 6}),
        ("unknown_radiograph", {"cut": 43}),
        ("unknown_radiograph", {"DICOM_ID": ""}),
        ("unknown_radiograph", {"DICOM_ID": "FACADE00-00000000-11111111-22222222-33333333"}),
        ("unknown_radiograph", {"DICOM_ID": "facade00-00000000-11111111-22222222-33333333x"}),
        ("invalid_flag", {"FPOGV": 0}),
        ("invalid_flag", {"FPOGV": 2}),
        ("invalid_flag", {"FPOGV": ""}),
        ("no_duration", {"FPOGD": 0}),
        ("no_duration", {"FPOGD": -0.1}),
        ("no_duration", {"FPOGD": ""}),
        ("no_duration", {"FPOGD": "1e-60"}),
        ("no_time", {"FPOGS": ""}),
        ("no_position", {"X_ORIGINAL": ""}),
        ("no_position", {"Y_ORIGINAL": ""}),
        ("duplicate", {"number": 1}),
        ("duplicate", {"number": 1, "LPMM": 3.3}),
        ("outside_radiograph", {"X_ORIGINAL": -2, "Y_ORIGINAL": -2}),
        ("outside_radiograph", {"X_ORIGINAL": -1, "Y_ORIGINAL": -1}),
        ("outside_radiograph", {"X_ORIGINAL": -1}),
        ("outside_radiograph", {"Y_ORIGINAL": -2}),
        ("outside_radiograph", {"X_ORIGINAL": 2544}),
        ("outside_radiograph", {"Y_ORIGINAL": 3056}),
    ],
)
def test_each_rule_drops_its_row_and_no_other(folder, parts, rule, changes):
    changes = {"number": 9} | changes
    if "cut" in changes:
        changes["DICOM_ID"] = parts.IDS[0][: -changes.pop("cut")]
    folder.fixations.insert(1, parts.gaze_row(**changes))
    source = folder.read()
    assert dropped(source) == {rule: 1} and source.hygiene["fixations_kept"] == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"X_ORIGINAL": 0, "Y_ORIGINAL": 0},
        {"X_ORIGINAL": 2543, "Y_ORIGINAL": 3055},
        {"X_ORIGINAL": "1200.0"},
        {"number": 1, "SESSION_ID": 2},
        {"number": 2},
        {"FPOGID": "", "CNT": 99},
        {"BPOGX": "", "LPV": "", "SACCADE_DIR": "", "VID_FRAME": "", "MEDIA_ID": ""},
    ],
)
def test_rows_that_are_kept(folder, parts, changes):
    folder.fixations.insert(1, parts.gaze_row(**{"number": 9} | changes))
    source = folder.read()
    assert dropped(source) == {} and source.hygiene["fixations_kept"] == 4


def test_a_row_is_counted_once_under_the_first_rule(folder, parts):
    bad = {"FPOGV": 0, "FPOGD": 0, "FPOGS": "", "X_ORIGINAL": -2}
    folder.fixations += [parts.gaze_row(parts.IDS[0][:-5], **bad)] * 2 + [parts.gaze_row(number=9, **bad)] * 3
    assert dropped(folder.read()) == {"calibration_card": 2, "invalid_flag": 3}


def test_positions_on_a_radiograph_that_cannot_be_opened_have_no_upper_limit(folder, parts):
    """Its gaze is kept by the stored pixels, up to the longest side that a radiograph may have."""
    (folder.images / folder.sheet[0]["path"]).write_bytes(b"no radiograph")
    folder.fixations = [parts.gaze_row(number=n, X_ORIGINAL=x) for n, x in ((1, 60_000), (2, 65_535), (3, -1))]
    assert dropped(folder.read()) == {"outside_radiograph": 2}


def test_samples(folder, parts):
    """Each valid sample lasts the tracker's 1/60 s; a fixation's id may repeat, a whole row may not."""
    folder.samples = [
        parts.gaze_row(FPOGID=7, CNT=n, FPOGD=n / 60, **{"Time (in secs)": round(0.3 + n / 60, 5)}) for n in range(4)
    ]
    folder.samples += [folder.samples[2], folder.samples[3] | {"FPOGV": 0}, folder.samples[3] | {"X_ORIGINAL": -2}]
    folder.samples += [parts.gaze_row(parts.IDS[0][:-5]), parts.gaze_row("stranger")]
    source = folder.read(gaze_table="eye-gaze")
    expected = {
        "calibration_card": 1,
        "unknown_radiograph": 1,
        "invalid_flag": 1,
        "duplicate": 1,
        "outside_radiograph": 1,
    }
    assert dropped(source, "samples") == expected
    first, second, _ = (case.fixations for case in source.cases())
    assert first.duration_s.tolist() == pytest.approx([1 / 60] * 4) and second is None
    assert first.onset_s.tolist() == pytest.approx([0.3, 0.31667, 0.33333, 0.35])
    assert source.hygiene["radiographs_without_gaze"] == 2 and source.options["gaze_table"] == "eye-gaze"


def test_ids_that_cannot_be_file_names(folder):
    folder.sheet[0]["dicom_id"] = "x" * 5000
    folder.sheet[1]["path"] = "files/" + "x" * 5000 + ".dcm"
    assert folder.read().hygiene["screen_map_unchecked"] == 1


@pytest.mark.parametrize("recalibrate", [False, True])
@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_without_a_usable_row(folder, parts, rows, recalibrate):
    folder.fixations = [parts.gaze_row("stranger")] * rows
    source = folder.read(recalibrate=recalibrate)
    assert sum(dropped(source).values()) == rows and source.hygiene["radiographs_without_gaze"] == 3


def test_only_the_table_that_is_read_must_be_there(folder):
    folder.samples = folder.fixations
    folder.write()
    with pytest.raises(SourceError, match="gaze_table must be one of fixations, eye-gaze, got 'raw'"):
        folder.read(gaze_table="raw")
    folder.fixations = []
    assert folder.read(gaze_table="eye-gaze").hygiene["samples_kept"] == 3
    (folder.gaze / "eye_gaze.csv").unlink()
    folder.samples = None
    with pytest.raises(SourceError, match=r"eye_gaze\.csv is missing"):
        folder.read(gaze_table="eye-gaze")


def without(columns, *names):
    return tuple(name for name in columns if name not in names)


def test_all_missing_columns_of_both_tables_are_named_at_once(folder):
    assert (len(folder.columns["sheet"]), len(folder.columns["gaze"])) == (59, 37)
    folder.columns["sheet"] = without(folder.columns["sheet"], "dicom_id", "image_left_pad")
    folder.columns["gaze"] = without(folder.columns["gaze"], "FPOGD")
    with pytest.raises(TableError) as caught:
        folder.read()
    said = str(caught.value)
    assert "master_sheet.csv: columns 'dicom_id', 'image_left_pad' are missing from the header (line 1); found" in said
    assert "fixations.csv: column 'FPOGD' is missing from the header (line 1); found" in said and "\n" not in said


def test_only_what_is_needed_must_be_there(folder):
    whole = folder.read()
    folder.columns["sheet"] = ("path", "dicom_id", "patient_id", *PADS, *CLASSES.values())
    folder.columns["gaze"] = ("Y_ORIGINAL", "X_ORIGINAL", "DICOM_ID", "FPOGV", "FPOGS", "FPOGD")
    least = folder.read()
    assert least.class_names == whole.class_names and len(least.cases()) == len(whole.cases())
    for got, expected in zip(least.cases(), whole.cases(), strict=True):
        assert got.label == expected.label and got.patient_id == expected.patient_id
        for name in ("x_px", "y_px", "duration_s", "onset_s"):
            assert getattr(got.fixations, name).tolist() == getattr(expected.fixations, name).tolist()
    told = [name for name, count in least.hygiene.items() if "missing_column" in name and count]
    assert told == [f"fixations_missing_column_{name}" for name in ("SESSION_ID", "FPOGID", "FPOGX", "FPOGY")]
    assert not any("missing_column" in name for name in whole.hygiene)
    with pytest.raises(TableError, match="columns 'SESSION_ID', 'FPOGX', 'FPOGY' are missing"):
        folder.read(recalibrate=True)


def test_unknown_columns_are_named_and_left_alone(folder):
    folder.columns = {kind: (*columns, "remark") for kind, columns in folder.columns.items()}
    hygiene = folder.read().hygiene
    for file in ("master_sheet", "fixations"):
        assert hygiene[f"{file}_unknown_columns"] == hygiene[f"{file}_unknown_column_'remark'"] == 1


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("SESSION_ID", "one", "a whole number"),
        ("CNT", "1.5", "a whole number"),
        ("Time (in secs)", "1:02", "a number"),
        ("BPOGX", "left", "a number"),
        ("FPOGV", "true", "a whole number"),
        ("VID_FRAME", "1,0", "a number"),
        ("Y_ORIGINAL", "1e99", "a whole number"),
    ],
)
def test_a_cell_of_the_wrong_type_in_any_column_of_gaze(folder, column, value, expected):
    folder.fixations[1][column] = value
    message = f"record 2, column '{column}' holds '{value}', expected {expected}".replace("(", r"\(").replace(
        ")", r"\)"
    )
    with pytest.raises(TableError, match=message):
        folder.read()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("edema__chx", "maybe", "record 2, column 'edema__chx' holds 'maybe', expected a whole number"),
        ("hyperaeration", "0.5", "record 2, column 'hyperaeration' holds '0.5', expected a whole number"),
        ("study_id", "s50414267", "record 2, column 'study_id' holds a value that is not shown"),
        ("stay_id", "none", "record 2, column 'stay_id' holds a value that is not shown"),
        ("patient_id", "", "record 2, column 'patient_id' is empty"),
        ("image_left_pad", "", "record 2, column 'image_left_pad' is empty"),
        ("image_left_pad", "-1", "record 2: paddings leave no room for the radiograph on the screen"),
        ("image_left_pad", "1472", "record 2: paddings leave no room for the radiograph on the screen"),
        ("image_top_pad", str(2**62), "record 2: paddings leave no room for the radiograph on the screen"),
        ("dicom_id", "a\x07b", r"record 2, column 'dicom_id' holds 'a\\x07b'"),
        ("dicom_id", "../../../etc", "record 2, column 'dicom_id': the path '../../../etc' does not stay inside"),
        ("path", "files/../../x.dcm", "record 2, column 'path': the path"),
    ],
)
def test_a_bad_cell_in_the_master_sheet(folder, column, value, message):
    folder.sheet[1][column] = value
    with pytest.raises(TableError, match=message) as caught:
        folder.read()
    assert str(caught.value).isprintable()
