"""Radiographs that were resized after the tables were made are told by their gaze."""

import shutil

import numpy as np
import pydicom

from egaze.sources.egd_cxr import list_radiographs

ROWS = ((0.4, 0.3), (0.5, 0.5), (0.6, 0.9), (0.45, 0.7))


def many_rows(folder, parts):
    folder.fixations = [
        parts.gaze_row(parts.IDS[radiograph], at, number=1 + radiograph * 10 + number)
        for radiograph in range(3)
        for number, at in enumerate(ROWS)
    ]


def resize(folder, factor):
    for row in folder.sheet:
        path = folder.images / row["path"]
        header = pydicom.dcmread(path)
        header.Rows, header.Columns = round(header.Rows * factor), round(header.Columns * factor)
        header.save_as(path)


def test_radiographs_of_their_own_size_stay(folder, parts):
    many_rows(folder, parts)
    source = folder.read()
    assert source.hygiene["radiographs_resized"] == 0 and source.hygiene["fixations_kept"] == 12
    assert [case.radiograph_size_px for case in source.cases()] == [tuple(map(float, size)) for size in parts.SIZES_PX]


def test_resized_radiographs_keep_their_gaze(folder, parts):
    many_rows(folder, parts)
    whole = folder.read()
    for factor in (0.5, 0.25):  # a half, and of that a quarter
        resize(folder, factor)
        source = folder.read()
        assert source.hygiene["radiographs_resized"] == 3 and source.hygiene["fixations_kept"] == 12
        assert source.hygiene["screen_map_equal"] + source.hygiene["screen_map_within_1_px"] == 12
        for case, expected, size_px in zip(source.cases(), whole.cases(), parts.SIZES_PX, strict=True):
            assert case.fixations.x_px.tolist() == expected.fixations.x_px.tolist()
            np.testing.assert_allclose(case.radiograph_size_px, size_px, atol=3)


def test_recalibrated_gaze_is_of_the_same_size(folder, parts):
    many_rows(folder, parts)
    expected = folder.read(recalibrate=True).cases()
    resize(folder, 0.5)
    for case, whole in zip(folder.read(recalibrate=True).cases(), expected, strict=True):
        np.testing.assert_allclose(case.fixations.x_px, whole.fixations.x_px, atol=2)


def test_gaze_on_radiographs_of_unknown_recorded_size_is_dropped(folder, parts):
    many_rows(folder, parts)
    folder.fixations = folder.fixations[:9]  # of the last radiograph one is left
    folder.write()
    (folder.gaze / "bounding_boxes.csv").write_text(
        "dicom_id,bbox_name,x1,x2,y1,y2\n" + "".join(f"{name},heart,1,2,3,4\n" for name in parts.IDS)
    )
    assert folder.read().hygiene["boxes_kept"] == 3
    resize(folder, 0.5)
    source = folder.read()
    assert (
        source.hygiene["radiographs_of_unknown_recorded_size"]
        == source.hygiene["fixations_dropped_radiograph_size_unknown"]
        == 1
    )
    assert source.hygiene["boxes_dropped_radiograph_size_unknown"] == 1 and source.hygiene["boxes_kept"] == 2
    assert source.cases()[2].fixations is None and source.cases()[2].regions == ()


def test_rows_that_disagree_give_no_size(folder, parts):
    many_rows(folder, parts)
    for number, row in enumerate(folder.fixations):
        row["X_ORIGINAL"] = 37 * number + 5
    source = folder.read()
    assert source.hygiene["radiographs_resized"] == 0 and source.hygiene["screen_map_differs"] > 9


def test_radiographs_are_listed_from_the_sheet_alone(folder):
    folder.columns["sheet"] = ("path",)
    folder.write()
    (folder.gaze / "fixations.csv").unlink()
    shutil.rmtree(folder.images)
    assert list_radiographs(folder.gaze) == [row["path"] for row in folder.sheet]
