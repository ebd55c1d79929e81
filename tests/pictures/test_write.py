"""Folders of pictures: what is in them, under which names, and what leaves nothing behind."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

from egaze.errors import EgazeError, StudyError
from egaze.gaze import rasterize_fixations
from egaze.pictures import HeatmapOptions, Playback, write_pictures
from egaze.sources import Table
from egaze.study import prepare_study

GIF = Playback(fps=2, speed=4, file_format="gif")


@pytest.fixture(scope="module")
def table_study(tmp_path_factory):
    """Radiographs of a table with ids that are no file names: with degrees and onsets, without, and without gaze."""
    folder = tmp_path_factory.mktemp("table")
    Image.fromarray(np.full((30, 20), 90, np.uint8)).save(folder / "radiograph.png")
    ids = ["../up", "a/b", "a_b", "A_B", "NUL", "plain", "x" * 300, "no-gaze", "no-onset"]
    rows = [f"{case_id},radiograph.png,p{number},sick" for number, case_id in enumerate(ids)]
    (folder / "cases.csv").write_text("\n".join(["case_id,image,patient_id,label", *rows]))
    gaze = [
        f"{case_id},{x},12,0.25,{'' if case_id == 'no-onset' else x / 10},{'' if case_id == 'no-onset' else 6}"
        for case_id in ids
        if case_id != "no-gaze"
        for x in (5, 9)
    ]
    header = "case_id,x_px,y_px,duration_s,onset_s,pixels_per_degree"
    (folder / "gaze.csv").write_text("\n".join([header, *gaze]))
    return prepare_study([Table(folder / "cases.csv", folder / "gaze.csv")], folder / "study", size_px=32)


def index_of(folder):
    return pl.read_csv(folder / "index.csv").rows(named=True)


def test_a_case_has_all_its_files(study, tmp_path):
    done = []
    summary = write_pictures(
        study, tmp_path / "out", [3, 20], playback=GIF, progress=lambda *counts: done.append(counts)
    )
    assert done == [(1, 2), (2, 2)]
    assert (summary.cases, summary.without_gaze, summary.without_onsets) == (2, 0, 0)
    rows = index_of(tmp_path / "out")
    assert [row["case_id"] for row in rows] == [study.case_ids[3], study.case_ids[20]]
    for case_index, row in zip((3, 20), rows, strict=True):
        fixations = study.fixations(case_index, 64)
        assert row["fixations"] == len(fixations) and row["split"] in {"train", "validation", "test"}
        assert row["dwell_time_s"] == pytest.approx(fixations.duration_s.sum(), abs=1e-3)
        for kind in ("heatmap", "overlay", "scanpath", "animation"):
            with Image.open(tmp_path / "out" / row[kind]) as picture:
                assert picture.format == ("GIF" if kind == "animation" else "PNG") and min(picture.size) > 300
        heatmap = np.load(tmp_path / "out" / row["array"], allow_pickle=False)
        assert heatmap.dtype == np.float32
        np.testing.assert_array_equal(heatmap, rasterize_fixations(fixations, (64, 64), sigma_px=0.05 * 64))
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    kinds = ("heatmap", "overlay", "scanpath", "array", "animation")
    assert written == {"index.csv", "heatmaps.json", *(row[kind] for row in rows for kind in kinds)}
    facts = json.loads((tmp_path / "out" / "heatmaps.json").read_text())
    assert facts["unit"] == "s per pixel" and facts["size_px"] == 64 and facts["synthetic"] is True
    assert facts["study_sha256"] == study.digest()


def test_workers_do_not_matter(study, tmp_path):
    for workers in (1, 2):
        write_pictures(study, tmp_path / str(workers), [3, 20], kinds=["overlay", "scanpath"], workers=workers)
    one, two = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "1", tmp_path / "2")
    )
    assert one == two and len(one) == 6


def test_the_size_and_the_weight_can_be_chosen(study, tmp_path):
    options = HeatmapOptions(size_px=48, sigma_px=2.5, weight="count")
    write_pictures(study, tmp_path / "out", [3], options=options, kinds=["array"])
    (row,) = index_of(tmp_path / "out")
    expected = rasterize_fixations(study.fixations(3, 48), (48, 48), sigma_px=2.5, weight="count")
    np.testing.assert_array_equal(np.load(tmp_path / "out" / row["array"]), expected)
    assert json.loads((tmp_path / "out" / "heatmaps.json").read_text())["unit"] == "fixations per pixel"


def test_ids_from_a_table_stay_in_the_folder(table_study, tmp_path):
    summary = write_pictures(table_study, tmp_path / "deep" / "out", range(9), kinds=["array"])
    assert (summary.cases, summary.without_gaze) == (8, 1)
    rows = index_of(tmp_path / "deep" / "out")
    assert [row["case_id"] for row in rows] == [name for name in table_study.case_ids if name != "no-gaze"]
    folders = [row["array"].split("/")[0] for row in rows]
    assert len({name.casefold() for name in folders}) == 8 and folders[5] == "plain" and folders[2] == "a_b"
    inside = sorted(path.name for path in (tmp_path / "deep" / "out").iterdir())
    assert inside == sorted([*folders, "index.csv", "heatmaps.json"])
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_degrees_need_pixels_per_degree(table_study, tmp_path):
    options = HeatmapOptions(sigma_deg=0.5)
    write_pictures(table_study, tmp_path / "out", [0], options=options, kinds=["array"])
    (row,) = index_of(tmp_path / "out")
    fixations = table_study.fixations(0, 32)
    # Six radiograph pixels a degree, on a canvas of 32 px for a radiograph of 20 x 30.
    np.testing.assert_allclose(fixations.pixels_per_degree, [[6 * 32 / 20, 6 * 32 / 30]] * 2, rtol=1e-6)
    expected = rasterize_fixations(fixations, (32, 32), sigma_deg=0.5)
    np.testing.assert_array_equal(np.load(tmp_path / "out" / row["array"]), expected)
    with pytest.raises(StudyError, match="case 'no-onset' has no pixels per degree"):
        write_pictures(table_study, tmp_path / "none", range(9), options=options)
    assert not (tmp_path / "none").exists()


def test_cases_without_onsets_are_animated_and_counted(table_study, tmp_path):
    summary = write_pictures(table_study, tmp_path / "out", [5, 8], kinds=[], playback=GIF)
    assert (summary.cases, summary.without_onsets, summary.animation) == (2, 1, "gaze.gif")
    assert [row["animation"] for row in index_of(tmp_path / "out")] == ["plain/gaze.gif", "no-onset/gaze.gif"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cases": [7]}, "none of the cases asked for has gaze"),
        ({"kinds": ["photo"]}, "got 'photo'"),
        ({"kinds": []}, "nothing to write"),
        ({"workers": 0}, "got 0"),
        ({"playback": Playback(50, 0.01, file_format="gif")}, "at most 1500 are possible"),
    ],
)
def test_requests_that_are_refused_leave_nothing(table_study, tmp_path, options, message):
    with pytest.raises(StudyError, match=message):
        write_pictures(table_study, tmp_path / "out", **{"cases": [0], **options})
    assert not list(tmp_path.iterdir())


def test_a_case_that_fails_half_way_leaves_nothing(table_study, tmp_path, monkeypatch):
    from egaze.pictures import case_files

    def fail(case_gaze, heatmap):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(case_files, "draw_overlay", fail)
    with pytest.raises(EgazeError, match="out: cannot write: No space left on device"):
        write_pictures(table_study, tmp_path / "out", [0])
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_left_alone(table_study, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(EgazeError, match="already exists"):
        write_pictures(table_study, tmp_path, [0])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
