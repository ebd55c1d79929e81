"""Regions, phrases and all that a source knows of a fixation go through a study unharmed."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image
from study.ready_made import Cases

from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.sources import Case, Phrase, Region
from egaze.study import open_study, prepare_study
from egaze.study.layout import sha256_file

REGIONS = (
    Region("cardiac silhouette", "box", 10.25, 20.0, 60.0, 55.5),
    Region("Consolidation", "ellipse", -3.0, 0.0, 99.0, 49.0, certainty=4),
)
PHRASES = (Phrase("The heart is large.", 0.5, 2.25), Phrase("Größe: 5 µm", 2.25, 3.0))
SHOWN_PX = [[-0.5, -0.5, 99.5, 49.5], [10.0, 5.0, 60.0, 30.0]]


@pytest.fixture(params=["stretch", "letterbox"])
def made(request, tmp_path):
    Image.fromarray(np.full((50, 100), 90, np.uint8)).save(tmp_path / "radiograph.png")
    known = Fixations([1, 90], [2, 40], [0.2, 0.3], [0.0, 0.4], [[30, 31], [30, 31]], SHOWN_PX, [[0.5, 0.25], [1, 0]])
    plain = Fixations([5], [6], [0.1])
    cases = [
        Case("a", "p", tmp_path / "radiograph.png", plain),
        Case("b", "p", tmp_path / "radiograph.png", known, label="chf", regions=REGIONS, phrases=PHRASES),
        Case("c", "p", tmp_path / "radiograph.png", label="normal", regions=REGIONS[:1]),
    ]
    return prepare_study([Cases(cases)], tmp_path / "study", size_px=32, fit=request.param)


def test_regions_and_phrases_come_back(made):
    assert [made.regions(index) for index in range(3)] == [(), REGIONS, REGIONS[:1]]
    assert [made.phrases(index) for index in range(3)] == [(), PHRASES, ()]
    counts = made.manifest["counts"]
    assert counts["regions"] == 3 and counts["phrases"] == 2 and counts["fixations"] == 3


def test_regions_are_on_the_canvas(made):
    rows = pl.read_parquet(made.path / "regions.parquet")
    x_unit, y_unit = made.geometry(1, 32).to_unit([region.x_min_px for region in REGIONS], [REGIONS[0].y_max_px] * 2)
    np.testing.assert_allclose(rows["x_min_unit"][:2], x_unit, atol=1e-6)
    np.testing.assert_allclose(rows["y_max_unit"][0], y_unit[0], atol=1e-6)


@pytest.mark.parametrize("size_px", [32, 48])
def test_optional_properties_of_fixations_are_stored(made, size_px):
    found = made.fixations(1, size_px)
    np.testing.assert_array_equal(found.onset_s, np.float32([0.0, 0.4]))
    np.testing.assert_array_equal(found.window_frac, np.float32([[0.5, 0.25], [1, 0]]))
    geometry = made.geometry(1, size_px)
    np.testing.assert_allclose(found.pixels_per_degree, [[30, 31] * geometry.scale] * 2, rtol=1e-6)
    # All of the radiograph is all of its place on the canvas, to the pixels' edges.
    left, top = geometry.left_px - 0.5, geometry.top_px - 0.5
    expected = [left, top, left + geometry.width_px, top + geometry.height_px]
    np.testing.assert_allclose(found.shown_px[0], expected, atol=1e-4)
    np.testing.assert_allclose(
        found.shown_px[1], np.tile([left, top], 2) + np.tile(geometry.scale, 2) * [10.5, 5.5, 60.5, 30.5], atol=1e-4
    )
    np.testing.assert_array_equal(made.shown_px(size_px)[made.offsets[1] :][:2], found.shown_px)
    assert np.isinf(made.shown_px(size_px)[: made.offsets[1]]).all(), "nothing is known of the first case's"
    plain = made.fixations(0, size_px)
    assert plain.onset_s is plain.pixels_per_degree is plain.shown_px is plain.window_frac is None


def test_unknown_is_null(made):
    rows = pl.read_parquet(made.path / "fixations.parquet")
    assert rows.select("x_unit", "y_unit", "x_px", "y_px", "duration_s").null_count().row(0) == (0,) * 5
    assert rows["x_min_shown_px"].to_list() == [None, -0.5, 10.0]
    assert rows["window_level_frac"].to_list() == [None, 0.25, 0.0]


def test_damaged_annotations_are_reported(made):
    for name in ("regions", "phrases"):
        path = made.path / f"{name}.parquet"
        rows = pl.read_parquet(path)
        rows.with_columns(pl.lit(float("nan")).alias("end_s" if name == "phrases" else "x_max_px")).write_parquet(path)
    with pytest.raises(StudyError, match=r"regions\.parquet: damaged or changed since the study was prepared"):
        open_study(made.path)
    # Nor is what a forger signed anew taken as it stands.
    manifest = json.loads((made.path / "study.json").read_text(encoding="utf-8"))
    for name in ("regions.parquet", "phrases.parquet"):
        manifest["files"][name] = sha256_file(made.path / name)
    (made.path / "study.json").write_text(json.dumps(manifest), encoding="utf-8")
    damaged = open_study(made.path)
    assert damaged.regions(0) == ()
    with pytest.raises(StudyError, match=r"regions\.parquet: case 'b': .*must be finite"):
        damaged.regions(1)
    with pytest.raises(StudyError, match=r"phrases\.parquet: case 'b': .*must be finite"):
        damaged.phrases(1)
