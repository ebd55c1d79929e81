"""Studies of gaze without radiographs: what they keep, what can be done with them, and what refuses them."""

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import StudyError
from egaze.evaluation import measure_gaze
from egaze.evaluation.agreement import other_readers
from egaze.sources import Case, SiimGaze, Table
from egaze.sources.synthetic import synthesize
from egaze.study import open_study, prepare_study, verify_study
from egaze.study.findings import finding_mask
from egaze.study.region_masks import on_canvas
from egaze.targets import FixationHeatmap

CASES = """case_id,image,patient_id,label,reader_id,radiograph_width_px,radiograph_height_px
one,left.png,p,normal,a,200,100
two,./left.png,p,normal,b,400,200
three,right.png,p,chf,a,200,100
"""
GAZE = """case_id,x_px,y_px,duration_s
one,49.5,24.5,0.2
one,149.5,74.5,0.3
two,99.5,49.5,0.2
two,299.5,149.5,0.3
three,10,90,0.4
"""


@pytest.fixture(scope="module")
def siim(tmp_path_factory):
    return synthesize(
        tmp_path_factory.mktemp("siim") / "out", layout="siim-gaze", cases=13, seed=3, long_side_px=64, gaze_quality=4
    )


def source_of(siim, images):
    return SiimGaze(siim.tables / "cxr_gaze_data.json", images, siim.tables / "train-rle.csv")


@pytest.fixture(scope="module")
def gaze_alone(siim, tmp_path_factory):
    return prepare_study([source_of(siim, None)], tmp_path_factory.mktemp("gaze") / "gaze", size_px=64)


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "cases.csv").write_text(CASES)
    (tmp_path / "fixations.csv").write_text(GAZE)
    return tmp_path


def table_of(folder, **options):
    return Table(folder / "cases.csv", folder / "fixations.csv", has_images=False, **options)


def test_gaze_labels_and_regions_are_those_of_the_study_with_images(siim, gaze_alone, tmp_path):
    whole = prepare_study([source_of(siim, siim.images)], tmp_path / "study", size_px=64)
    assert len(gaze_alone) == len(whole) + 1  # one record of the twin has no radiograph
    for case_index, case_id in enumerate(whole.case_ids):
        alone = gaze_alone.case_ids.index(case_id)
        assert whole.labels.text(case_index) == gaze_alone.labels.text(alone)
        one, other = whole.fixations(case_index, 64), gaze_alone.fixations(alone, 64)
        np.testing.assert_allclose(one.x_px, other.x_px, atol=1e-4)
        np.testing.assert_allclose(one.y_px, other.y_px, atol=1e-4)
        assert one.duration_s.tolist() == other.duration_s.tolist() and one.is_relative == other.is_relative
        target = FixationHeatmap()
        np.testing.assert_allclose(
            target.heatmap(whole, [case_index], 64), target.heatmap(gaze_alone, [alone], 64), atol=1e-4
        )
        masks = [finding_mask(*of, 64, "pneumothorax") for of in ((whole, case_index), (gaze_alone, alone))]
        assert (masks[0] is None) == (masks[1] is None)
        assert masks[0] is None or (masks[0] == masks[1]).all()


def test_the_study_says_that_it_has_no_images(gaze_alone):
    manifest = json.loads((gaze_alone.path / "study.json").read_text())
    assert manifest["images"] is False and "images.npy" not in manifest["files"]
    assert sorted(path.name for path in gaze_alone.path.iterdir()) == [
        "cases.parquet", "fixations.parquet", "phrases.parquet", "regions.parquet", "splits.json", "study.json",
    ]  # fmt: skip
    opened = open_study(gaze_alone.path)
    assert not opened.has_images and opened.image_size_px == 64 and opened.shape_is_known.all()
    assert verify_study(gaze_alone.path) == []
    with pytest.raises(StudyError, match="prepared without images.*egaze prepare siim-gaze --images DIR --size 64"):
        _ = opened.images


def test_a_study_with_images_is_as_before(study):
    assert "images" not in study.manifest and study.has_images and "radiograph" not in study.cases.columns


def test_gaze_is_measured_drawn_and_shown(gaze_alone, tmp_path):
    def said(*words):
        done = CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "no images (--no-images)" in said("study", "show", gaze_alone.path)
    assert "whole" in said("study", "verify", gaze_alone.path)
    said("gaze", "measure", gaze_alone.path, "--out", tmp_path / "measures")
    assert len(pl.read_csv(tmp_path / "measures" / "readings.csv")) == gaze_alone.has_gaze.sum()
    case_id = gaze_alone.case_ids[0]
    drawn = said("heatmaps", gaze_alone.path, "--out", tmp_path / "drawn", "--cases", case_id, "--workers", 1)
    assert "(heatmap, scanpath, array)" in drawn and "there is no overlay" in drawn
    names = {path.name for path in (tmp_path / "drawn").rglob("*.*")}
    assert {"heatmap.png", "scanpath.png", "heatmap.npy"} <= names and "overlay.png" not in names


def train_command(study, out):
    return ["train", str(study), "--out", str(out), "--recipe", "joint"]


def sets_command(study, out):
    return [*train_command(study, out), "--folds", "3"]


def overlay_command(study, out):
    return ["heatmaps", str(study), "--out", str(out), "--kinds", "overlay"]


@pytest.mark.parametrize("command", [train_command, sets_command, overlay_command])
def test_what_needs_pixels_refuses_in_one_line(gaze_alone, tmp_path, command):
    done = CliRunner().invoke(cli, command(gaze_alone.path, tmp_path / "out"))
    assert done.exit_code == 1 and isinstance(done.exception, StudyError), done.output
    said = str(done.exception)
    assert "was prepared without images" in said and "egaze prepare siim-gaze --images DIR" in said
    assert "\n" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [["evaluate"], ["explain", "--all"], ["report"]])
def test_a_run_refuses_them_too(gaze_alone, run, tmp_path, command):
    words = [*command, str(run.path), "--study", str(gaze_alone.path), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 1 and isinstance(done.exception, StudyError), done.output
    assert "was prepared without images, which the run" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_so_does_python(gaze_alone, tiny_recipe, run, tmp_path):
    from egaze import DeviceLoader, train
    from egaze.evaluation import evaluate
    from egaze.explain import explain
    from egaze.training import open_run, train_set

    its_run = open_run(run.path, study=gaze_alone.path)
    for call in (
        lambda: train(gaze_alone, tiny_recipe, tmp_path / "out", device="cpu"),
        lambda: train_set(gaze_alone, tiny_recipe, tmp_path / "out", seeds=(0, 1), device="cpu"),
        lambda: DeviceLoader(gaze_alone, np.arange(4), batch_size=2, size_px=64, target=None),
        lambda: gaze_alone.as_dataset(),
        lambda: evaluate(its_run, out=tmp_path / "out"),
        lambda: explain(its_run, tmp_path / "out"),
    ):
        with pytest.raises(StudyError, match="was prepared without images"):
            call()
    assert not (tmp_path / "out").exists()


def test_readings_of_one_radiograph_are_compared_by_its_name(tables):
    study = prepare_study([table_of(tables)], tables / "gaze", size_px=64, fit="letterbox")
    assert other_readers(study, np.arange(3)) == {0: [1], 1: [0]}
    pairs = measure_gaze(study, resamples=100).pairs
    assert pairs.select("case_id", "other_case_id").rows() == [("one", "two")]
    # The second reading was on the radiograph at twice the size.
    np.testing.assert_array_equal(study.fixations(0, 64).x_px, study.fixations(1, 64).x_px)
    assert study.manifest["gaze"]["scaled"] == 1
    left, top, right, bottom = study.geometry(0, 64).edges_px
    assert (right - left, bottom - top) == (64, 32)


def test_a_table_without_images_must_state_sizes(tables):
    from egaze.errors import TableError

    (tables / "cases.csv").write_text(CASES.replace("chf,a,200,100", "chf,a,,"))
    with pytest.raises(TableError, match="record 3: without images, radiograph_width_px and radiograph_height_px must"):
        table_of(tables)
    with pytest.raises(TableError, match="a folder of radiographs was given"):
        table_of(tables, images=tables)


@pytest.mark.parametrize(
    ("sizes", "options", "said"),
    [
        ("400,200", {"presentation": "equalize"}, "presentation equalize says how radiographs are shown"),
        ("400.5,200", {}, "the size of its radiograph must be whole pixels, got 400.5 x 200"),
        ("1e19,200", {}, "1e\\+19 x 200 px, more than the limit of 67108864 pixels"),
        ("400,400", {}, "case 'two': the radiograph has 200 x 100 px, but its gaze"),
    ],
)
def test_what_cannot_be_placed_is_refused(tables, sizes, options, said):
    (tables / "cases.csv").write_text(CASES.replace("400,200", sizes))
    with pytest.raises(StudyError, match=said):
        prepare_study([table_of(tables)], tables / "gaze", size_px=64, **options)
    assert not (tables / "gaze").exists() and not list(tables.glob(".gaze*"))


def test_sources_with_and_without_images_do_not_mix(tables, siim):
    with pytest.raises(StudyError, match="some cases have images and others none"):
        prepare_study([table_of(tables), source_of(siim, siim.images)], tables / "mixed", size_px=64)


def test_a_case_without_a_file_states_its_size_and_name():
    for known in ({}, {"radiograph_id": "a"}, {"radiograph_size_px": (10, 10)}):
        with pytest.raises(ValueError, match="needs radiograph_size_px and radiograph_id"):
            Case("a", "p", None, label="normal", **known)


@pytest.mark.parametrize("answer", ["no", 0, None])
def test_a_manifest_that_does_not_say_is_refused(gaze_alone, tmp_path, answer):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in gaze_alone.path.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((copy / "study.json").read_text())
    (copy / "study.json").write_text(json.dumps({**manifest, "images": answer}))
    for opening in (open_study, verify_study):
        with pytest.raises(StudyError, match="images must be true or false"):
            opening(copy)
    # Images are missing from a study that claims them, and their stand-in from tables that lack it.
    (copy / "study.json").write_text(json.dumps({**manifest, "images": True}))
    with pytest.raises(StudyError, match=r"images\.npy"):
        open_study(copy)
    (copy / "study.json").write_text(json.dumps(manifest))
    pl.read_parquet(copy / "cases.parquet").drop("radiograph").write_parquet(copy / "cases.parquet")
    with pytest.raises(StudyError, match="radiograph"):
        open_study(copy)


@pytest.mark.parametrize("source", ["siim-gaze --gaze g --masks m", "gazesearch --gaze g", "table cases.csv"])
def test_the_command_takes_one_of_both(source, tmp_path):
    done = CliRunner().invoke(cli, ["prepare", *source.split(), "--no-images", "--images", "i", "--out", "x"])
    assert done.exit_code == 2 and "Give one of --images and --no-images" in done.stderr


def test_regions_have_their_place(gaze_alone):
    (case_index, *_) = np.flatnonzero(gaze_alone.cases["regions"].to_numpy() > 0).tolist()
    region = gaze_alone.regions(case_index)[0]
    mask = on_canvas(gaze_alone.geometry(case_index, 64), region)
    assert mask.mean() == pytest.approx(region.mask.pixels().mean(), rel=0.15)
