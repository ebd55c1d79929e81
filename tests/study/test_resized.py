"""Radiographs that were resized since their gaze was recorded: gaze and regions follow, or the radiograph is
refused."""

import numpy as np
import polars as pl
import pytest
from PIL import Image
from study.ready_made import Cases

from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.sources import Case, Region
from egaze.study import prepare_study

GAZE = Fixations(
    [100, 399],
    [40, 799],
    [0.2, 0.3],
    pixels_per_degree=[[80, 90], [80, 90]],
    shown_px=[[0, 0, 399, 799], [100, 200, 299, 599]],
)
REGIONS = (Region("heart", "ellipse", 100, 200, 299.5, 399.5), Region("chest", "box", -10, 0, 400, 800))


def prepare(folder, width_px, height_px, fit="stretch", **case):
    folder.mkdir()
    radiograph = folder / "radiograph.png"
    Image.fromarray(np.zeros((height_px, width_px), np.uint8)).save(radiograph)
    case = {"fixations": GAZE, "label": "chf", "regions": REGIONS, "radiograph_size_px": (400.0, 800.0)} | case
    return prepare_study([Cases([Case("a", "p", radiograph, **case)])], folder / "study", size_px=64, fit=fit)


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("factor", [0.25, 0.5, 2])
def test_all_that_lies_on_the_radiograph_is_scaled(tmp_path, factor, fit):
    whole = prepare(tmp_path / "whole", 400, 800, fit)
    assert whole.manifest["gaze"]["scaled"] == 0
    small = prepare(tmp_path / "small", int(400 * factor), int(800 * factor), fit)
    assert small.manifest["gaze"]["scaled"] == 1 and small.manifest["gaze"]["scale_factors"] == [factor, factor]
    for name in ("fixations", "regions"):
        before, after = (pl.read_parquet(study.path / f"{name}.parquet") for study in (whole, small))
        for column in (column for column in before.columns if column.endswith("_unit")):
            np.testing.assert_allclose(after[column], before[column], atol=1e-6, err_msg=column)
        for column in (column for column in before.columns if column.endswith(("_px", "_degree"))):
            expected = before[column].to_numpy() * factor if column.endswith("_degree") else None
            if expected is None:
                expected = (before[column].to_numpy() + 0.5) * factor - 0.5
            np.testing.assert_allclose(after[column], expected, rtol=1e-5, err_msg=column)


@pytest.mark.parametrize("size_px", [(64, 64), (800, 400), (400, 780)])
@pytest.mark.parametrize("kept", ["fixations", "regions"])
def test_another_shape_is_refused_with_both_sizes(tmp_path, size_px, kept):
    dropped = {"fixations": {"regions": ()}, "regions": {"fixations": None}}[kept]
    with pytest.raises(StudyError) as caught:
        prepare(tmp_path / "a", *size_px, gaze_origin="gaze.csv", **dropped)
    said = str(caught.value)
    assert said.startswith("gaze.csv: case 'a': ") and "\n" not in said
    assert f"{size_px[0]} x {size_px[1]} px" in said and "400 x 800 px" in said


def test_a_radiograph_that_shows_only_a_class_may_have_any_shape(tmp_path):
    study = prepare(tmp_path / "a", 64, 64, fixations=None, regions=())
    assert study.manifest["gaze"]["scaled"] == 0


def test_sides_rounded_to_whole_pixels_are_one_shape(tmp_path):
    study = prepare(tmp_path / "a", 33, 64, radiograph_size_px=(2022.0, 4000.0))
    assert study.manifest["gaze"]["scaled"] == 1
