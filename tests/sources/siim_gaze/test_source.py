"""What the source makes of the authors' JSON, Kaggle's run lengths, and a folder of radiographs."""

import json
import os

import numpy as np
import pytest
from sources.siim_gaze.conftest import box_mask

from egaze.errors import SourceError, StudyError, TableError
from egaze.sources import SiimGaze
from egaze.sources.siim_gaze import list_radiographs
from egaze.study import prepare_study
from egaze.study.findings import finding_mask

A, B = "1.2.276.0.1", "1.2.276.0.2"


def test_positions_are_read_with_the_axes_exchanged(folder):
    (case,) = folder.add(A, [(0.25, 0.75, 2), (1.02, 0.5, 1)]).read().cases()
    assert case.fixations.x_px.tolist() == pytest.approx([255.5, 1043.98], abs=1e-3)
    assert case.fixations.y_px.tolist() == pytest.approx([767.5, 511.5], abs=1e-3)
    assert case.fixations.duration_s.tolist() == [2, 1] and case.fixations.is_relative
    assert case.fixations.onset_s is None and case.radiograph_size_px == (1024, 1024)
    assert (case.case_id, case.patient_id, case.label, case.regions) == (A, A, "normal", ())


def test_each_row_of_run_lengths_is_a_region(folder):
    masks = [box_mask(100, 200, 300, 600), box_mask(700, 100, 800, 150)]
    (case,) = folder.add(A, masks=masks).read().cases()
    assert case.label == "pneumothorax"
    assert [(region.name, region.shape, region.mask) for region in case.regions] == [
        ("Pneumothorax", "mask", mask) for mask in masks
    ]
    first = case.regions[0]
    assert (first.x_min_px, first.y_min_px, first.x_max_px, first.y_max_px) == (99.5, 199.5, 299.5, 599.5)


def test_what_is_left_out_is_counted(folder):
    folder.add(A, [(0.5, 0.5, 2), (0.4, 0.4, 0), (1.01, 0.5, 1)], masks=["-1", "-1"], note="more")
    folder.add(B, [(0.5, 0.5, 1)] * 3, suffix=None)
    folder.add("1.3", masks=())
    folder.add("1.4", points=())
    folder.rows.append(("1.9", "5 7"))
    (folder.images / "1.8.png").write_bytes((folder.images / f"{A}.png").read_bytes())
    source = folder.read()
    assert [(case.case_id, case.label) for case in source.cases()] == [(A, "normal"), ("1.3", None), ("1.4", "normal")]
    assert source.cases()[2].fixations is None
    assert source.notes[0] == "3 of 4 records found their radiograph"
    assert source.hygiene == {
        "records_read": 4,
        "points_read": 7,
        "points_dropped_no_time": 1,
        "points_dropped_without_radiograph": 3,
        "points_kept": 3,
        "kept_points_outside_radiograph": 1,
        "records_with_other_fields": 1,
        "records_without_radiograph": 1,
        "records_without_gaze": 1,
        "records_without_label": 1,
        "records_dropped_without_gaze_or_label": 0,
        "mask_rows_read": 5,
        "mask_rows_of_radiographs_without_gaze": 1,
        "mask_rows_dropped_repeated": 1,
        "mask_rows_kept": 3,
        "radiographs_without_record": 1,
        "radiographs_of_unknown_patient": 3,
    }
    assert source.options["patients"].startswith("unknown")


def test_radiographs_are_found_at_any_depth_and_under_any_ending(folder):
    for image_id, suffix in ((A, ".jpeg"), (B, ".png")):
        folder.add(image_id, suffix=suffix)
    (folder.images / "1.2.3" / "1.2.4").mkdir(parents=True)
    (folder.images / f"{A}.jpeg").rename(folder.images / "1.2.3" / "1.2.4" / f"{A}.JPG")
    (folder.images / f"{B}.png").rename(folder.images / B)
    os.symlink(folder.images, folder.images / "1.2.3" / "round")
    assert [case.image_path.name for case in folder.read().cases()] == [f"{A}.JPG", B]


def test_two_files_of_one_radiograph_are_refused(folder):
    folder.add(A)
    (folder.images / f"{A}.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match=rf"two files of radiograph {A}"):
        folder.read()


def test_no_radiograph_at_all_is_told(folder):
    folder.add(A, suffix=None)
    with pytest.raises(SourceError, match=rf"radiograph of none of 1 records.*{A}\.dcm"):
        folder.read()
    folder.images.rmdir()
    with pytest.raises(SourceError, match="no such folder"):
        folder.read()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "holds an object, expected a list"),
        ([], "holds no record"),
        ([7], "record 1 holds a number, expected an object"),
        ([{"image_id": A, "gaze_x": [], "gaze_y": []}], "record 1: field 'time' is missing"),
        ({"image_id": "../up"}, "field 'image_id' holds '../up'"),
        ({"image_id": 3}, "field 'image_id' holds a number"),
        ({"gaze_x": 0.5}, "field 'gaze_x' holds 0.5, expected a list"),
        ({"gaze_x": ["0.5"]}, "field 'gaze_x', value 1 is text, expected a number"),
        ({"time": [True]}, "field 'time', value 1 is true or false"),
        ({"time": [-1]}, "field 'time', value 1 is -1, expected a count"),
        ({"gaze_y": [float("nan")]}, "field 'gaze_y', value 1 is a number out of range"),
        ({"gaze_y": [10**400]}, "field 'gaze_y', value 1 is a number out of range"),
        ({"gaze_y": [512.0]}, "field 'gaze_y', value 1 is 512, expected a fraction of the radiograph"),
        ({"time": [1, 1]}, "must be of one length: gaze_x has 1, gaze_y has 1, time has 2"),
    ],
)
def test_what_is_no_such_file_is_named(folder, content, said):
    record = {"image_id": A, "gaze_x": [0.5], "gaze_y": [0.5], "time": [1]}
    folder.gaze.write_text(json.dumps([record | content] if content and isinstance(content, dict) else content))
    with pytest.raises(TableError) as error:
        list_radiographs(folder.gaze)
    assert said in str(error.value) and str(folder.gaze) in str(error.value)


def test_what_is_there_twice_is_refused(folder):
    folder.add(A).add(A).write()
    with pytest.raises(TableError, match=f"records 1 and 2 are both of radiograph {A}"):
        list_radiographs(folder.gaze)
    folder.gaze.write_text('[{"image_id": "1", "gaze_x": [0.1], "gaze_x": [0.2]}]')
    with pytest.raises(TableError, match="field 'gaze_x' is there twice"):
        list_radiographs(folder.gaze)


def test_a_file_too_long_is_not_read(folder, monkeypatch):
    folder.add(A).write()
    monkeypatch.setenv("EGAZE_TABLE_GAZE_JSON_BYTES", "10")
    with pytest.raises(TableError, match="longer than 10 bytes"):
        list_radiographs(folder.gaze)


@pytest.mark.parametrize(
    ("encoded", "said"),
    [
        ("5", "has 1 numbers, expected pairs"),
        ("5 -2", "holds '-2'"),
        ("5 x", "holds 'x'"),
        ("5 0", "a run of length 0"),
        ("1048570 9", "ends at pixel 1048579"),
        ("600000 10 600000 10", "each start must count from the end of the run before"),
    ],
)
def test_run_lengths_that_cannot_be_are_named(folder, encoded, said):
    folder.add(A, masks=[encoded])
    with pytest.raises(TableError) as error:
        folder.read()
    assert f"{folder.masks}: record 1, column 'EncodedPixels'" in str(error.value) and said in str(error.value)


@pytest.mark.parametrize("masks", [("5 7", "-1"), ("-1", "5 7")])
def test_a_mask_beside_none_is_refused(folder, masks):
    folder.add(A, masks=masks)
    with pytest.raises(TableError, match=f"record 2: radiograph {A} has a mask and"):
        folder.read()


def test_starts_count_from_the_run_before(folder):
    (case,) = folder.add(A, masks=["1025 2 1022 3 0 1"]).read().cases()
    x, y = np.nonzero(case.regions[0].mask.pixels().T)
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (2, 4)]


def looked(folder, count, inside):
    """Readings of radiographs whose finding is right of the middle, most of the gaze in it as `inside` has it."""
    for number in range(count):
        points = [(*inside, 3), (0.3, 0.3, 1 + number % 2), (0.52, 0.9, 1)]
        folder.add(f"1.{number}", points, [box_mask(700, 300, 900, 500)], suffix=".png" if number == 0 else None)
    return folder


def test_the_axes_are_checked_by_gaze_in_masks(folder):
    source = looked(folder, 6, inside=(0.75, 0.4)).read()
    assert source.notes[1].startswith("axes are swapped against their names") and "(6 readings)" in source.notes[1]
    assert source.options["axes"] == source.notes[1]


def test_axes_the_other_way_stop(folder):
    looked(folder, 6, inside=(0.4, 0.75))
    with pytest.raises(SourceError, match=r"axes are not swapped.*is 0\.000 with gaze_y across and 0\.5"):
        folder.read()


def test_gaze_that_does_not_dwell_in_findings_stops_where_it_is_much(folder):
    few = looked(folder, 3, inside=(0.1, 0.1)).read()
    assert few.notes[1].startswith("axes not checked: too few readings")
    for number in range(50):
        folder.add(f"2.{number}", [(0.1, 0.1, 1)], [box_mask(700, 300, 900, 500)], suffix=None)
    with pytest.raises(SourceError, match="does not dwell in masks either way round"):
        folder.read()
    (folder.gaze.parent / "SYNTHETIC.txt").touch()
    twin = folder.read()
    assert twin.synthetic and twin.notes[1].startswith("axes not checked: gaze does not tell of findings")


def test_a_radiograph_of_another_shape_is_refused(folder, tmp_path):
    from PIL import Image

    folder.add(A, [(0.75, 0.4, 1)], [box_mask(700, 300, 900, 500)])
    assert prepare_study([folder.read()], tmp_path / "study", size_px=16).manifest["gaze"]["scaled"] == 1
    Image.fromarray(np.full((64, 80), 90, np.uint8)).save(folder.images / f"{A}.png")
    with pytest.raises(StudyError, match="another shape"):
        prepare_study([folder.read()], tmp_path / "other", size_px=16)


def test_the_twin_has_every_trap(siim_twin):
    source = SiimGaze(siim_twin.tables / "cxr_gaze_data.json", siim_twin.images, siim_twin.tables / "train-rle.csv")
    hygiene = source.hygiene
    assert source.synthetic and source.notes[1].startswith("axes are swapped")
    assert hygiene["records_without_radiograph"] == hygiene["radiographs_without_record"] == 1
    assert hygiene["mask_rows_of_radiographs_without_gaze"] >= 2 and hygiene["kept_points_outside_radiograph"]
    assert any(len(case.regions) > 1 for case in source.cases())
    assert (siim_twin.tables / "train-rle.csv").read_text().startswith("ImageId, EncodedPixels\n")


def test_a_finding_is_where_the_phantom_drew_it(siim_twin, tmp_path):
    source = SiimGaze(siim_twin.tables / "cxr_gaze_data.json", siim_twin.images, siim_twin.tables / "train-rle.csv")
    study = prepare_study([source], tmp_path / "study", size_px=64)
    for case_index in np.flatnonzero(study.labels.values == 1)[:6].tolist():
        found = finding_mask(study, case_index, 64, "pneumothorax")
        drawn = finding_mask(study, case_index, 64, "pneumothorax", folder=siim_twin.findings)
        assert (found & drawn).sum() / (found | drawn).sum() > 0.9
    normal = int(np.flatnonzero(study.labels.values == 0)[0])
    assert finding_mask(study, normal, 64, "normal") is None
