"""Tables written by hand: each rule, each count, each refusal."""

import numpy as np
import polars as pl
import pytest

from egaze.errors import SourceError, TableError

SIDES = ["xmin", "ymin", "xmax", "ymax"]
ELLIPSE = [*SIDES, "certainty", "Mass"]


def counts(source):
    return {name: value for name, value in source.hygiene.items() if value}


def test_one_reading(folder):
    folder.add("P300R000001", findings={"Consolidation": "5"}, split="validate")
    source = folder.read()
    (case,) = source.cases()
    assert (case.case_id, case.reader_id, case.patient_id) == ("P300R000001", "P300R000001", "radiograph")
    assert (case.label, case.split) == ("pneumonia", "validation")
    assert case.image_path == folder.images / "p10/p1/s1/radiograph.dcm"
    gaze = case.fixations
    assert [gaze.x_px.tolist(), gaze.y_px.tolist()] == [[10], [20]]
    assert [gaze.onset_s.tolist(), gaze.duration_s.tolist()] == [[0.5], [0.25]]
    assert gaze.pixels_per_degree.tolist() == [[94, 95]] and gaze.shown_px.tolist() == [[-0.5, -0.5, 99.5, 199.5]]
    np.testing.assert_allclose(gaze.window_frac, [[0.9, 0.5]])
    assert not source.synthetic and list(source.patient_order) == ["radiograph"]


def test_rows_are_dropped_for_the_first_reason_and_sorted_by_time(folder, make_fixation):
    rows = [
        make_fixation(start="2.0", end="2.5", x="99.4"),
        make_fixation(start="1.0", end="1.5", y="-3"),
        make_fixation(start="1.0", end="1.5", y="-3"),
        make_fixation(start="3", end="3"),
        make_fixation(start="3", end="2.9"),
        make_fixation(start="3", end="3.0000000000000000000000000001"),
        make_fixation(start="", end="4"),
        make_fixation(x="", end=""),
        make_fixation(y=""),
        make_fixation(scale="0,94"),
        make_fixation(scale="94,-1"),
        make_fixation(scale="94,"),
        make_fixation(scale="1e-60,94"),
        make_fixation(start="-0.4", end="0.1", x="99.5"),
    ]
    folder.add("a", fixations=rows)
    source = folder.read()
    gaze = source.cases()[0].fixations
    np.testing.assert_allclose(gaze.onset_s, [-0.4, 1.0, 2.0])
    np.testing.assert_allclose(gaze.x_px, [99.5, 10, 99.4])
    assert counts(source) == {
        "fixations_dropped_no_position": 2,
        "fixations_dropped_no_duration": 4,
        "fixations_dropped_no_resolution": 4,
        "fixations_dropped_duplicate": 1,
        "fixations_kept": 3,
        "kept_fixations_outside_radiograph": 2,
        "kept_fixations_outside_shown_part": 2,
    } | {f"readings_without_{name}": 1 for name in ("chest_box", "ellipses_table", "transcript")}
    assert sum(value for name, value in source.hygiene.items() if name.startswith("fixations")) == len(rows)


def test_a_missing_window_or_rectangle_leaves_the_gaze(folder, make_fixation):
    folder.add("a", fixations=[make_fixation(), make_fixation(start="0.6", window=",0.5", shown="0,0,,5")])
    source = folder.read()
    gaze = source.cases()[0].fixations
    assert len(gaze) == 2 and gaze.window_frac is None and gaze.shown_px is None
    assert source.hygiene["readings_without_window"] == source.hygiene["readings_without_shown_rectangle"] == 1


def test_discarded_gaze_keeps_labels_and_drawings(folder):
    folder.add("a", phase=1, fixations=None, findings={"Pulmonary edema": "4"}, eye_tracking_data_discarded="TRUE")
    folder.table("a", "chest_bounding_box.csv", SIDES, [[1, 2, 90, 180]])
    source = folder.read()
    (case,) = source.cases()
    assert case.fixations is None and case.label == "chf" and case.phrases == ()
    assert [region.name for region in case.regions] == ["chest"]
    assert source.hygiene["readings_with_discarded_gaze"] == 1 and source.hygiene["fixations_kept"] == 0
    assert "readings_without_transcript" not in source.hygiene


@pytest.mark.parametrize(("readers", "left"), [("apart", "readings"), ("merged", "radiographs")])
def test_neither_gaze_nor_label_is_dropped_and_counted(folder, make_fixation, readers, left):
    folder.add("a", radiograph="f1", fixations=None, eye_tracking_data_discarded="True", findings={"Atelectasis": "5"})
    folder.add("b", radiograph="f2", fixations=[make_fixation(end="0")], findings={"Atelectasis": "5"})
    folder.add("c", radiograph="f3", findings={"Atelectasis": "5"})
    source = folder.read(readers=readers)
    (case,) = source.cases()
    assert case.label is None and len(case.fixations) == 1
    assert source.hygiene[f"{left}_dropped_without_gaze_or_label"] == 2
    assert source.hygiene["readings_without_usable_fixation"] == 1
    # The published splits need every patient, used or not.
    assert list(source.patient_order) == ["f1", "f2", "f3"]


def test_regions(folder):
    folder.add("a")
    folder.table("a", "chest_bounding_box.csv", SIDES, [[-4, 2, 90, 180]])
    labels = ["Consolidation", "Other", "Atelectasis", "A label of tomorrow"]
    rows = [
        [1, 2, 3, 4, 5, "True", "False", "TRUE", "False"],
        [30, 40, 10, 20, 1, "False", "False", "1", "False"],
        [1, 2, 3, 4, "", "True", "False", "", "False"],
        [1, "", 3, 4, 5, "True", "False", "False", "False"],
        [1, 2, 3, 4, 5, "False", "False", "False", "True"],
    ]
    folder.table("a", "anomaly_location_ellipses.csv", [*SIDES, "certainty", *labels], rows)
    source = folder.read()
    chest, *ellipses = source.cases()[0].regions
    assert (chest.name, chest.shape, chest.x_min_px, chest.y_max_px, chest.certainty) == ("chest", "box", -4, 180, None)
    found = [(one.name, one.shape, one.x_min_px, one.y_min_px, one.x_max_px, one.y_max_px) for one in ellipses]
    assert found == [
        ("Atelectasis", "ellipse", 1, 2, 3, 4),
        ("Consolidation", "ellipse", 1, 2, 3, 4),
        ("Atelectasis", "ellipse", 10, 20, 30, 40),
        ("Consolidation", "ellipse", 1, 2, 3, 4),
    ]
    assert [one.certainty for one in ellipses] == [5, 5, 1, None]
    assert source.hygiene["ellipses_dropped_without_sides"] == 1
    assert source.hygiene["ellipses_dropped_without_finding"] == 1


def test_words(folder):
    folder.add("a")
    rows = [["lungs", 1.0, 1.5], [",", 1.6, 1.6], ["the", 0.4, 0.9], ["", 2, 3], ["x", 3, 2], ["y", "", 2]]
    folder.table("a", "timestamps_transcription.csv", ["word", "timestamp_start_word", "timestamp_end_word"], rows)
    source = folder.read()
    phrases = source.cases()[0].phrases
    assert [(phrase.text, phrase.begin_s, phrase.end_s) for phrase in phrases] == [
        ("the", 0.4, 0.9),
        ("lungs", 1.0, 1.5),
        (",", 1.6, 1.6),
    ]
    assert source.hygiene["words_dropped"] == 3


def test_merged_readings(folder, make_fixation):
    drawn = ["Consolidation"]
    folder.add("a", radiograph="f1", findings={"Consolidation": "3"}, fixations=[make_fixation(start="0.6")])
    folder.add("b", radiograph="f1", findings={"Consolidation": "4"}, fixations=[make_fixation(x="50")])
    folder.add("c", radiograph="f1", findings={"Pulmonary edema": "4"}, fixations=[make_fixation(start="0", x="70")])
    folder.add("d", radiograph="f2")
    for reading in "ab":
        rows = [[1, 2, 3, 4, 5, "True"]]
        folder.table(reading, "anomaly_location_ellipses.csv", [*SIDES, "certainty", *drawn], rows)
    words = ["word", "timestamp_start_word", "timestamp_end_word"]
    for reading in "abcd":
        folder.table(reading, "timestamps_transcription.csv", words, [["clear", 1, 2]])
    first, second = folder.read(readers="merged").cases()
    assert (first.case_id, first.reader_id, first.label) == ("f1", "a+b+c", "pneumonia")
    # One reading after the other, durations unchanged, and no clock.
    assert first.fixations.x_px.tolist() == [10, 50, 70] and first.fixations.onset_s is None
    np.testing.assert_allclose(first.fixations.duration_s, [0.15, 0.25, 0.75], rtol=1e-6)
    assert first.fixations.pixels_per_degree.shape == (3, 2) and first.fixations.shown_px.shape == (3, 4)
    assert [region.name for region in first.regions] == ["Consolidation", "Consolidation"] and first.phrases == ()
    # A radiograph that one radiologist read keeps clock and words.
    assert (second.case_id, second.reader_id, second.label) == ("f2", "d", "normal")
    assert second.fixations.onset_s.tolist() == [0.5] and [phrase.text for phrase in second.phrases] == ["clear"]


def test_columns_that_differ_from_the_list_are_named(folder):
    folder.add("a", phase=2, findings={"Pulmonary edema": "3"}, Pneumonia="5")
    folder.add("b", phase=2, radiograph="f2", Pneumonia="0")
    folder.add("c", phase=1, radiograph="f3", **{"Quality issue": "True"})
    for row in folder.rows[2]:
        del row["Hiatal hernia"], row["Other"]
    source = folder.read()
    assert source.hygiene["readings_without_column_Hiatal hernia"] == 2
    assert source.hygiene["readings_with_unknown_column_Pneumonia"] == 2
    assert not any("Quality" in name for name in source.hygiene)
    assert [case.label for case in source.cases()] == ["normal", "chf", "normal"]


def test_an_empty_certainty_is_none_and_one_with_a_point_is_whole(folder):
    folder.add("a", findings={"Pulmonary edema": "", "Consolidation": "4.0"})
    assert folder.read().cases()[0].label == "pneumonia"


def test_main_data_itself_and_chosen_phases(folder):
    folder.add("a", phase=1)
    folder.add("b", phase=3, radiograph="f2")
    assert [case.case_id for case in folder.read(phases=(3, 1)).cases()] == ["a", "b"]
    assert [case.case_id for case in folder.read(phases=(3,)).cases()] == ["b"]
    whole = folder.read()
    folder.main_data.rename(folder.main_data.parent / "other")
    folder.main_data = folder.main_data.parent / "other"
    moved = type(whole)(folder.main_data, folder.images, phases=(1, 3))
    assert [case.case_id for case in moved.cases()] == ["a", "b"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"split": "exam"}, "record 2, column 'split' holds 'exam', expected one of train, validate, test"),
        ({"eye_tracking_data_discarded": "maybe"}, "record 2, column 'eye_tracking_data_discarded' holds 'maybe'"),
        ({"image": "../../x.dcm"}, r"record 2, column 'image': the path '\.\./\.\./x\.dcm' does not stay inside"),
        ({"id": "../b"}, r"record 2, column 'id' holds '\.\./b', expected letters, digits, - and _"),
        ({"id": "b\nb"}, "record 2, column 'id' holds"),
        ({"id": "b" * 300}, "record 2, column 'id' holds"),
        ({"dicom_id": "b/b"}, "record 2, column 'dicom_id' holds 'b/b'"),
        ({"id": "a"}, "record 2: its id occurs twice"),
        ({"subject_id": ""}, "record 2, column 'subject_id' is empty"),
        ({"image_size_x": "wide"}, "record 2, column 'image_size_x' holds 'wide', expected a number"),
        ({"Consolidation": "6"}, r"record 2, column 'Consolidation' holds 6\.0, expected one of 0, 1, 2, 3, 4, 5"),
        ({"Consolidation": "2.5"}, r"record 2, column 'Consolidation' holds 2\.5"),
        ({"Consolidation": "sure"}, "record 2, column 'Consolidation' holds 'sure', expected a number"),
        ({"dicom_id": "radiograph"}, "record 2: its radiograph belongs to another patient in an earlier record"),
        ({"subject_id": "radiograph", "split": "test"}, "record 2: column 'split' puts one patient into two splits"),
    ],
)
def test_bad_metadata(folder, cells, message):
    folder.add("a")
    folder.add("b", radiograph="f2", fixations=None, **cells)
    with pytest.raises(TableError, match=rf"metadata_phase_3\.csv: {message}") as caught:
        folder.read()
    assert "\n" not in str(caught.value)


def test_a_patient_in_different_splits_in_two_phases_is_refused(folder):
    folder.add("a", phase=1)
    folder.add("b", phase=2, radiograph="f2", subject_id="radiograph", split="test")
    with pytest.raises(TableError, match=r"metadata_phase_2\.csv: record 1: column 'split'") as caught:
        folder.read()
    assert "'radiograph'" not in str(caught.value), "no patient is named"


@pytest.mark.parametrize(
    ("name", "columns", "row", "message"),
    [
        (
            "fixations.csv",
            ["x_position"],
            ["1"],
            r"a/fixations\.csv: columns '.*_start_fixation', '.*' are missing from",
        ),
        ("chest_bounding_box.csv", SIDES, [1, 2, 3, "wide"], "record 1, column 'ymax' holds 'wide'"),
        ("anomaly_location_ellipses.csv", ELLIPSE, [1, 2, 3, 4, 7, "True"], "record 1.*holds 7, expected a whole"),
        ("anomaly_location_ellipses.csv", ELLIPSE, [1, 2, 3, 4, 1.5, "True"], r"record 1.*holds 1\.5, expected"),
        ("timestamps_transcription.csv", ["word"], ["a"], "'timestamp_start_word', 'timestamp_end_word' are missing"),
    ],
)
def test_a_bad_table_of_a_reading(folder, name, columns, row, message):
    folder.add("a")
    folder.table("a", name, columns, [row])
    with pytest.raises(TableError, match=message):
        folder.read()


def test_missing_folders_tables_and_gaze(folder):
    with pytest.raises(SourceError, match=r"metadata_phase_1\.csv is missing"):
        folder.read(phases=(1, 2, 3))
    folder.add("a")
    folder.add("b", radiograph="f2", fixations=None)
    folder.add("c", radiograph="f3", fixations=None)
    with pytest.raises(SourceError, match=r"b/fixations\.csv: missing.* so are 1 more of 3"):
        folder.read()
    folder.images = folder.images / "none"
    with pytest.raises(SourceError, match="no such folder of radiographs"):
        folder.read()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"phases": (4,)}, "phases must be among 1, 2, 3"),
        ({"phases": ()}, "phases must be among"),
        ({"readers": "mean"}, "readers must be one of apart, merged, got 'mean'"),
        ({"certainty": 0}, r"certainty must lie in 1\.\.5, got 0"),
    ],
)
def test_an_option_out_of_range(folder, option, message):
    folder.add("a")
    with pytest.raises(SourceError, match=message):
        folder.read(**option)


def test_an_empty_dataset(folder):
    folder.add("a")
    folder.read()
    table = folder.main_data / "metadata_phase_3.csv"
    table.write_text(table.read_text().splitlines()[0] + "\n")
    folder.rows[3].clear()
    with pytest.raises(SourceError, match="contain no reading"):
        folder.read(phases=(3,))


NEEDED = ("timestamp_start_fixation", "timestamp_end_fixation", "x_position", "y_position")


def test_only_what_is_needed_must_be_there(folder):
    place = folder.add("a")
    whole = folder.read().cases()[0]
    for name in ("split", "image_size_x", "image_size_y"):
        folder.rows[3][0].pop(name)
    folder.table("a", "fixations.csv", NEEDED, [("0.5", "0.75", "10", "20")])
    folder.table("a", "anomaly_location_ellipses.csv", (*SIDES, "Pneumothorax"), [[1, 2, 3, 4, "True"]])
    source = folder.read()
    case = source.cases()[0]
    assert whole.split == "train" and whole.radiograph_size_px == (100, 200)
    assert whole.gaze_origin == str(place / "fixations.csv")
    assert case.split is None and case.radiograph_size_px is None and case.regions[0].certainty is None
    for name in ("x_px", "y_px", "duration_s", "onset_s"):
        assert getattr(case.fixations, name).tolist() == getattr(whole.fixations, name).tolist()
    assert case.fixations.pixels_per_degree is case.fixations.shown_px is case.fixations.window_frac is None
    for column in ("split", "image_size_x", "image_size_y"):
        assert source.hygiene[f"metadata_without_column_{column}"] == 1
    for what in ("resolution", "shown_rectangle", "window", "ellipses_certainty"):
        assert source.hygiene[f"readings_without_{what}"] == 1


def test_all_missing_columns_of_all_phases_are_named_at_once(folder):
    for phase in (1, 2):
        folder.add(f"a{phase}", phase=phase)
        for name in ("image", "subject_id")[:phase]:
            folder.rows[phase][0].pop(name)
    with pytest.raises(TableError) as caught:
        folder.read()
    said = str(caught.value)
    assert "metadata_phase_1.csv: column 'image' is missing" in said
    assert "metadata_phase_2.csv: columns 'image', 'subject_id' are missing" in said


def test_one_radiograph_of_two_sizes_is_refused(folder):
    folder.add("a", image_size_x="101", radiograph="one")
    folder.add("b", radiograph="one")
    with pytest.raises(TableError, match="record 2: its radiograph has another size in an earlier record"):
        folder.read()
    folder.rows[3][0]["image_size_x"] = "0"
    with pytest.raises(TableError, match="record 1: the radiograph's size is not above 0"):
        folder.read()


def test_a_patient_without_a_name_is_refused(folder):
    folder.add("a", subject_id="nan")
    with pytest.raises(TableError, match="record 1, column 'subject_id' holds 'nan', which names nothing"):
        folder.read()


def test_radiographs_at_a_quarter_keep_their_gaze(reflacx_twin, tmp_path):
    from PIL import Image

    from egaze.imaging import read_radiograph
    from egaze.sources import Reflacx
    from egaze.study import prepare_study

    small = tmp_path / "small"
    for radiograph in reflacx_twin.images.rglob("*.*"):
        if radiograph.suffix in (".dcm", ".jpg"):
            path = (small / radiograph.relative_to(reflacx_twin.images)).with_suffix(".jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            grey = Image.fromarray((read_radiograph(radiograph).pixels * 255).astype("uint8"))
            grey.resize((round(grey.width / 4), round(grey.height / 4))).save(path)
    whole, quarter = (
        prepare_study([Reflacx(reflacx_twin.tables, images)], tmp_path / name, size_px=32)
        for name, images in (("a", reflacx_twin.images), ("b", small))
    )
    assert whole.manifest["gaze"]["scaled"] == 0 and quarter.manifest["gaze"]["scaled"] == len(quarter)
    for name in ("fixations", "regions"):
        before, after = (pl.read_parquet(study.path / f"{name}.parquet") for study in (whole, quarter))
        for column in (column for column in before.columns if column.endswith("_unit")):
            assert (before[column] - after[column]).abs().max() < 0.001
