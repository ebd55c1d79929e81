"""The reader on the twin, with every trap, and the road from there to a study and a heatmap in degrees."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from egaze.cli import cli
from egaze.gaze import rasterize_fixations
from egaze.sources import EgdCxr, Reflacx
from egaze.study import open_study, prepare_study


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def readings(reflacx_twin):
    tables = sorted((reflacx_twin.tables / "main_data").glob("metadata_phase_*.csv"))
    return [row for table in tables for row in rows_of(table)]


@pytest.fixture(scope="module")
def apart(reflacx_twin):
    return Reflacx(reflacx_twin.tables, reflacx_twin.images)


@pytest.fixture(scope="module")
def merged(reflacx_twin):
    return Reflacx(reflacx_twin.tables, reflacx_twin.images, readers="merged")


def test_every_reading_is_a_case(apart, readings):
    cases = apart.cases()
    dropped = apart.hygiene.get("readings_dropped_without_gaze_or_label", 0)
    assert len(cases) + dropped == len(readings) == 31 and apart.synthetic
    assert {case.case_id for case in cases} <= {row["id"] for row in readings}
    assert all(case.image_path.is_file() and case.reader_id == case.case_id for case in cases)
    assert {case.split for case in cases} == {"train", "validation", "test"}
    assert apart.hygiene["readings_with_discarded_gaze"] == sum(case.fixations is None for case in cases) + dropped == 2


def test_main_data_itself_is_the_same_dataset_and_as_synthetic(apart, reflacx_twin):
    source = Reflacx(reflacx_twin.tables / "main_data", reflacx_twin.images / "files")
    assert source.synthetic and source.hygiene == apart.hygiene
    assert [case.image_path for case in source.cases()] == [case.image_path for case in apart.cases()]


def test_every_fixation_read_is_kept_or_dropped_for_one_reason(apart, merged, reflacx_twin):
    tables = (reflacx_twin.tables / "main_data").glob("*/fixations.csv")
    read = sum(len(rows_of(table)) for table in tables)
    for source in (apart, merged):
        counted = {name: count for name, count in source.hygiene.items() if name.startswith("fixations")}
        assert sum(counted.values()) == read and min(counted.values()) > 0
        kept = sum(len(case.fixations) for case in source.cases() if case.fixations is not None)
        assert kept == counted["fixations_kept"]
        assert 0 < source.hygiene["kept_fixations_outside_radiograph"] < kept / 10


def test_a_case_holds_what_its_tables_say(apart, reflacx_twin, readings):
    image_size = {row["id"]: (float(row["image_size_x"]), float(row["image_size_y"])) for row in readings}
    zoomed = early = 0
    for case in apart.cases():
        folder = reflacx_twin.tables / "main_data" / case.case_id
        spoken = rows_of(folder / "timestamps_transcription.csv") if case.fixations is not None else []
        assert [phrase.text for phrase in case.phrases] == [row["word"] for row in spoken]
        drawn = rows_of(folder / "anomaly_location_ellipses.csv")
        ticks = sum(value == "True" for row in drawn for value in row.values())
        assert len(case.regions) == 1 + ticks and case.regions[0].name == "chest"
        if case.fixations is None:
            assert not (folder / "fixations.csv").exists()
            continue
        gaze, (width_px, height_px) = case.fixations, image_size[case.case_id]
        assert (np.diff(gaze.onset_s) >= 0).all()
        whole = (gaze.shown_px == [-0.5, -0.5, width_px - 0.5, height_px - 0.5]).all(axis=1)
        assert whole.any(), "each reading begins on the whole radiograph"
        assert len(gaze) < 13 or not whole.all(), "and zooms in once at least where it is not over before"
        if not whole.all():
            # A zoomed radiograph has fewer of its pixels in a degree.
            assert gaze.pixels_per_degree[~whole].mean() < gaze.pixels_per_degree[whole].mean()
        assert ((gaze.window_frac > 0) & (gaze.window_frac < 1)).all()
        zoomed += int((~whole).sum())
        early += int((gaze.onset_s < 0).sum())
    assert zoomed > 60 and early > 0


def test_radiographs_of_several_readers_are_merged(apart, merged):
    by_id = {case.case_id: case for case in apart.cases()}
    cases = merged.cases()
    assert len(cases) == 15
    several = [case for case in cases if "+" in case.reader_id]
    assert len(several) == 4 and all(case.reader_id.count("+") == 4 for case in several)
    for case in cases:
        own = [by_id[reading] for reading in case.reader_id.split("+") if reading in by_id]
        parts = [one.fixations for one in own if one.fixations is not None]
        np.testing.assert_array_equal(case.fixations.duration_s, np.concatenate([part.duration_s for part in parts]))
        assert (case.fixations.onset_s is None) == (len(parts) > 1) == (case.phrases == ())
        assert case.split == own[0].split
    assert sum(len(case.fixations) for case in several) > 4 * 30 * 4


def test_labels_follow_the_radiographs_classes(merged, reflacx_twin):
    """The twin's readers are as sure as a sign is strong: what they call normal has no finding drawn into it."""
    labels = {case.case_id: case.label for case in merged.cases()}
    drawn = {}
    for path in reflacx_twin.findings.iterdir():
        with Image.open(path) as mask:
            drawn[path.stem] = np.asarray(mask).any()
    assert drawn.keys() == labels.keys()
    called = [radiograph for radiograph, label in labels.items() if label is not None]
    assert len(called) >= 12 and {labels[radiograph] for radiograph in called} == set(merged.class_names)
    assert np.mean([(labels[radiograph] != "normal") == drawn[radiograph] for radiograph in called]) > 0.9
    strict = Reflacx(reflacx_twin.tables, reflacx_twin.images, readers="merged", certainty=5)
    assert [case.label for case in strict.cases()].count("normal") >= list(labels.values()).count("normal")


def test_round_trip_to_a_study_and_a_heatmap_in_degrees(reflacx_twin, tmp_path):
    source = Reflacx(reflacx_twin.tables, reflacx_twin.images, phases=(1, 3))
    study = prepare_study([source], tmp_path / "study", size_px=64, workers=2)
    cases = source.cases()
    assert study.case_ids == [case.case_id for case in cases] and study.class_names == source.class_names
    assert study.manifest["sources"][0]["hygiene"] == source.hygiene
    indices = {"train": 0, "validation": 1, "test": 2}
    assert study.splits.split_index.tolist() == [indices[case.split] for case in cases]
    index = next(i for i, case in enumerate(cases) if case.fixations is not None)
    gaze = study.fixations(index, 64)
    np.testing.assert_allclose(gaze.onset_s, cases[index].fixations.onset_s)
    # Degrees follow the radiograph onto the canvas, each fixation with its own zoom.
    shape = np.array([study.cases["width_px"][index], study.cases["height_px"][index]])
    np.testing.assert_allclose(gaze.pixels_per_degree, cases[index].fixations.pixels_per_degree * 64 / shape, rtol=1e-5)
    assert len(np.unique(gaze.pixels_per_degree[:, 0])) > 1
    heatmap = rasterize_fixations(gaze, (64, 64), sigma_deg=1)
    expected = rasterize_fixations(gaze, (64, 64), sigma_px=gaze.pixels_per_degree)
    np.testing.assert_array_equal(heatmap, expected)
    assert heatmap.sum() == pytest.approx(gaze.duration_s.sum(), rel=0.2) and heatmap.max() > 0


def test_the_options_of_the_command_reach_the_source(reflacx_twin, tmp_path):
    places = ["--gaze", str(reflacx_twin.tables), "--images", str(reflacx_twin.images)]
    options = ["--phase", "1", "--phase", "3", "--readers", "merged", "--certainty", "5"]
    out = tmp_path / "study"
    result = CliRunner().invoke(cli, ["prepare", "reflacx", *places, *options, "--out", str(out), "--size", "16"])
    assert result.exit_code == 0, result.output
    source = Reflacx(reflacx_twin.tables, reflacx_twin.images, phases=(1, 3), readers="merged", certainty=5)
    study = open_study(out)
    assert study.case_ids == [case.case_id for case in source.cases()]
    assert study.cases["label"].to_list() == [case.label for case in source.cases()]
    assert f"{source.hygiene['fixations_kept']:,} fixations kept\n" in result.stdout


@pytest.mark.parametrize("wrong", [["--phase", "4"], ["--readers", "mean"], ["--certainty", "0"]])
def test_a_wrong_option_is_wrong_usage(reflacx_twin, tmp_path, wrong):
    places = ["--gaze", str(reflacx_twin.tables), "--images", str(reflacx_twin.images)]
    result = CliRunner().invoke(cli, ["prepare", "reflacx", *places, *wrong, "--out", str(tmp_path / "study")])
    assert result.exit_code == 2 and "Usage:" in result.stderr


def test_both_datasets_make_one_study(twin, reflacx_twin, tmp_path):
    sources = [EgdCxr(twin.tables, twin.images), Reflacx(reflacx_twin.tables, reflacx_twin.images, readers="merged")]
    study = prepare_study(sources, tmp_path / "study", size_px=16, workers=2)
    assert study.class_names == EgdCxr.class_names and len(study) == 48 + 15
