"""Measures of a study's gaze: each value from the study's own tables, and the command that writes them."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from PIL import Image
from study.ready_made import Cases

from egaze.cli import cli
from egaze.evaluation.gaze_measures import READING_MEASURES, measure_gaze
from egaze.gaze import Fixations
from egaze.metrics import multimatch
from egaze.sources import Case, Region
from egaze.study import prepare_study


def reading(case_id, image, reader_id, fixations, regions=()):
    return Case(case_id, image.stem, image, fixations, label="normal", reader_id=reader_id, regions=regions)


@pytest.fixture(scope="module")
def two_readers(tmp_path_factory):
    """Six radiographs of 80 x 40 px, each read by two readers, and one reading of relative durations."""
    folder, generator = tmp_path_factory.mktemp("two_readers"), np.random.default_rng(0)
    regions = (Region("left", "box", -0.5, -0.5, 39.5, 39.5), Region("right", "box", 39.5, -0.5, 79.5, 39.5))
    cases = []
    for number in range(6):
        path = folder / f"r{number}.png"
        Image.fromarray(generator.integers(0, 65536, (40, 80), dtype=np.uint16)).save(path)
        for reader in ("a", "b"):
            count = 6 + number
            x, y = generator.uniform(0, 79, count), generator.uniform(0, 39, count)
            fixations = Fixations(
                x,
                y,
                generator.uniform(0.1, 0.6, count),
                np.arange(count) * 0.7,
                pixels_per_degree=np.full((count, 2), 10.0),
            )
            cases.append(reading(f"{number}{reader}", path, reader, fixations, regions))
    x = [10.0, 60.0, 60.0, 10.0, 10.0]
    known = Fixations(x, [20.0] * 5, [0.2, 0.3, 0.4, 0.1, 0.5], [0.0, 0.5, 1.0, 1.5, 2.0], np.full((5, 2), 10.0))
    cases.append(reading("known", folder / "r5.png", None, known, regions))
    return prepare_study([Cases(cases)], folder / "study", size_px=64, workers=1, fit="letterbox")


def row(table, case_id, **more):
    return table.filter(pl.col("case_id") == case_id, *(pl.col(name) == value for name, value in more.items()))


def test_a_known_reading(two_readers):
    measures = measure_gaze(two_readers, rows=1, columns=2, resamples=200)
    (known,) = row(measures.readings, "known").to_dicts()
    assert (known["fixations"], known["fixations_not_shown"], known["reader_id"]) == (5, 0, None)
    assert known["dwell_s"] == pytest.approx(1.5) and known["fixation_s"] == pytest.approx(0.3)
    assert known["saccade_deg"] == pytest.approx((5 + 0 + 5 + 0) / 4)
    assert known["saccade_frac"] == pytest.approx(25 / np.hypot(40, 80))
    assert known["cells_visited_frac"] == 1 and known["transition_entropy_bits"] == 0
    assert known["stationary_entropy_bits"] == pytest.approx(-(0.4 * np.log2(0.4) + 0.6 * np.log2(0.6)))
    (left,) = row(measures.regions, "known", region="left").to_dicts()
    assert (left["fixations"], left["entries"], left["revisits"], left["first_entry_s"]) == (3, 2, 1, 0)
    assert left["dwell_s"] == pytest.approx(0.8) and left["dwell_frac"] == pytest.approx(0.8 / 1.5)
    steps = row(measures.transitions, "known").select("from_region", "to_region", "transitions").rows()
    assert sorted(steps) == [("left", "right", 1), ("right", "left", 1)]


def test_k_is_0_over_all_readings(two_readers):
    """It tells readings apart, and not the study from others."""
    measures = measure_gaze(two_readers, resamples=200)
    k = measures.readings["k_coefficient"]
    assert k.null_count() == 0 and abs(k.mean()) < 0.4 and k.std() > 0.1


def test_readers_are_paired_and_compared(two_readers):
    measures = measure_gaze(two_readers, resamples=200)
    assert len(measures.readings) == 13 and len(measures.pairs) == 6 + 2  # the radiograph with the known reading
    pair = row(measures.pairs, "0a").to_dicts()[0]
    assert (pair["other_case_id"], pair["reader_id"], pair["other_reader_id"]) == ("0b", "a", "b")
    index = {name: two_readers.case_ids.index(name) for name in ("0a", "0b")}
    paths = [two_readers.fixations(case, 64) for case in index.values()]
    expected = multimatch(*[(path.x_px, path.y_px, path.duration_s) for path in paths], (64, 64))
    assert pair["multimatch_position"] == pytest.approx(expected.position)


def test_means_have_intervals_over_readers_and_patients(two_readers):
    measures = measure_gaze(two_readers, resamples=400)
    assert measures.means.keys() == READING_MEASURES.keys()
    mean = measures.means["fixation_s"]
    assert (mean.readings, mean.readers) == (13, 2)
    assert mean.over_patients.value == pytest.approx(measures.readings["fixation_s"].mean())
    both, patients = mean.over_readers_and_patients, mean.over_patients
    assert both.has_interval and both.value == pytest.approx(
        measures.readings.drop_nulls("reader_id")["fixation_s"].mean()
    )
    assert both.high - both.low > patients.high - patients.low


def test_what_is_not_known_is_null(tmp_path):
    path = tmp_path / "r.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 65536, (40, 40), dtype=np.uint16)).save(path)
    relative = Fixations([5, 30, 20], [5, 30, 9], [1, 4, 2], duration_unit="relative")
    shown = np.array([[-0.5, -0.5, 39.5, 39.5]] * 2 + [[30.0, 30.0, 39.5, 39.5]])
    zoomed = Fixations([5, 30, 20], [5, 30, 9], [0.1, 0.4, 0.2], [0, 1, 2], shown_px=shown)
    away = np.array([[-0.5, -0.5, 39.5, 39.5], [30.0, 30.0, 39.5, 39.5], [-0.5, -0.5, 39.5, 39.5]])
    returned = Fixations([5, 6, 7], [5, 6, 7], [0.1, 0.4, 0.2], [0, 1, 2], shown_px=away)
    one = Fixations([5], [5], [0.1], [0])
    made = {"relative": relative, "zoomed": zoomed, "one": one, "returned": returned}
    regions = (Region("all", "box", -0.5, -0.5, 39.5, 39.5),)
    cases = [reading(name, path, "a", gaze, regions) for name, gaze in made.items()]
    study = prepare_study([Cases(cases)], tmp_path / "study", size_px=32, workers=1)
    measures = measure_gaze(study, resamples=200)
    (of,) = row(measures.readings, "relative").to_dicts()
    assert of["duration_unit"] == "relative" and of["dwell_s"] is of["fixation_s"] is of["saccade_deg"] is None
    assert of["saccade_frac"] > 0 and of["fixations"] == 3
    # No step leads to the fixation off the part shown.
    (of,) = row(measures.readings, "zoomed").to_dicts()
    assert (of["fixations"], of["fixations_not_shown"]) == (2, 1)
    assert of["saccade_frac"] == pytest.approx(25 * np.sqrt(2) / np.hypot(40, 40))
    # A fixation off the part shown is no fixation in a region, but the gaze comes back from it.
    (of,) = row(measures.readings, "returned").to_dicts()
    assert of["fixations"] == 2 and of["saccade_frac"] is of["transition_entropy_bits"] is None
    (of,) = row(measures.regions, "returned").to_dicts()
    assert (of["fixations"], of["entries"], of["revisits"], of["dwell_frac"]) == (2, 2, 1, 1)
    assert of["dwell_s"] == pytest.approx(0.3)
    (of,) = row(measures.readings, "one").to_dicts()
    assert of["k_coefficient"] is of["saccade_frac"] is of["transition_entropy_bits"] is None
    assert of["stationary_entropy_bits"] == 0
    assert any("K coefficient" in note for note in measures.notes)
    assert measures.means["fixations"].over_readers_and_patients is None


def test_the_command_writes_its_tables(two_readers, tmp_path):
    words = ["gaze", "measure", str(two_readers.path), "--out", str(tmp_path / "out"), "--grid", "1x2"]
    said = CliRunner().invoke(cli, words)
    assert said.exit_code == 0, said.output
    assert "13 readings" in said.output and "over readers and patients" in said.output
    readings = pl.read_csv(tmp_path / "out" / "readings.csv", schema_overrides={"case_id": pl.String})
    assert len(readings) == 13 and readings.columns[:2] == ["case_id", "reader_id"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"{name}.csv" for name in ("readings", "regions", "transitions", "pairs")),
        "means.json",
    }
    means = json.loads((tmp_path / "out" / "means.json").read_text(encoding="utf-8"))
    assert means["means"]["fixations"]["readings"] == 13 and means["study"] == two_readers.digest()
    for grid, match in (("4", "rows and columns such as 4x4"), ("99x1", "got 99x1"), ("0x2", "such as 4x4")):
        failed = CliRunner().invoke(cli, [*words[:-1], grid])
        assert failed.exit_code == 2 and match in failed.output
