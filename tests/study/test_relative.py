"""Durations that are in no unit of time, from a table to the study and what is made of it."""

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from PIL import Image

from egaze.cli import cli
from egaze.errors import StudyError
from egaze.sources import Table
from egaze.study import open_study, prepare_study
from egaze.study.layout import sha256_file
from egaze.targets import EgdHeatmap, FixationHeatmap

GAZE = "x_px,y_px,{column}\n{name}-0,5,6,3\n{name}-0,9,8,700\n{name}-1,4,14,1\n"


@pytest.fixture
def tables(tmp_path):
    """Makes two radiographs' tables, with durations in a column of that name."""
    Image.fromarray(np.full((30, 20), 90, np.uint8)).save(tmp_path / "radiograph.png")

    def make(name, column):
        rows = [f"{name}-{number},radiograph.png,{name},chf" for number in range(2)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["case_id,image,patient_id,label", *rows]))
        (tmp_path / f"{name}-gaze.csv").write_text("case_id," + GAZE.format(name=name, column=column))
        return tmp_path / f"{name}.csv", tmp_path / f"{name}-gaze.csv"

    return make


def prepare(out, *tables):
    return prepare_study([Table(*paths) for paths in tables], out, size_px=32, trust_gaze=True)


def test_a_study_knows_which_durations_are_relative(tables, tmp_path):
    study = open_study(prepare(tmp_path / "mixed", tables("a", "duration_s"), tables("b", "duration_relative")).path)
    assert study.is_relative.tolist() == [False, False, True, True]
    assert study.duration_s.dtype == np.float32 and study.duration_s.tolist() == [3, 700, 1, 3, 700, 1]
    units = [study.fixations(case_index, 32).duration_unit for case_index in range(4)]
    assert units == ["s", "s", "relative", "relative"]
    assert [source["options"] for source in study.manifest["sources"]] == [{}, {"durations": "relative"}]
    rows = pl.read_parquet(study.path / "fixations.parquet")
    assert rows["duration_s"].to_list() == [3, 700, 1, None, None, None]
    assert rows["duration_relative"].to_list() == [None, None, None, 3, 700, 1]


def test_a_study_with_seconds_has_no_column_of_relative_durations(tables, tmp_path):
    study = prepare(tmp_path / "seconds", tables("a", "duration_s"))
    assert "duration_relative" not in study.gaze.columns and not study.is_relative.any()
    assert "relative" not in (study.path / "study.json").read_text(encoding="utf-8")


def test_weights_do_not_depend_on_the_unit(tables, tmp_path):
    seconds = prepare(tmp_path / "seconds", tables("a", "duration_s"))
    relative = prepare(tmp_path / "relative", tables("a", "duration_relative"))
    assert relative.is_relative.all()
    of_both = [FixationHeatmap().for_batches(study, 32) for study in (seconds, relative)]
    np.testing.assert_array_equal(*(gaze.fixations for gaze in of_both))
    np.testing.assert_array_equal(*(EgdHeatmap().heatmap(study, [0], 32) for study in (seconds, relative)))


@pytest.mark.parametrize("damage", ["both", "neither", "within a case"])
def test_a_forged_table_of_durations_is_refused(tables, tmp_path, damage):
    study = prepare(tmp_path / "mixed", tables("a", "duration_s"), tables("b", "duration_relative"))
    path = study.path / "fixations.parquet"
    rows = pl.read_parquet(path).with_row_index("row")
    seconds, relative = pl.col("duration_s"), pl.col("duration_relative")
    new = {
        "both": [seconds.fill_null(1)],
        "neither": [relative * pl.lit(None)],
        "within a case": [
            pl.when(pl.col("row") == 3).then(1).otherwise(seconds).alias("duration_s"),
            pl.when(pl.col("row") == 3).then(None).otherwise(relative).alias("duration_relative"),
        ],
    }[damage]
    rows.with_columns(new).drop("row").cast({"duration_s": pl.Float32, "duration_relative": pl.Float32}).write_parquet(
        path
    )
    manifest = json.loads((study.path / "study.json").read_text(encoding="utf-8"))
    manifest["files"]["fixations.parquet"] = sha256_file(path)
    (study.path / "study.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(StudyError, match=r"fixations\.parquet: a case's durations must be all seconds or all relative"):
        open_study(study.path)


def run(*words):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_commands_report_relative_durations(tables, tmp_path):
    cases, gaze = tables("b", "duration_relative")
    assert "duration_relative" in run("prepare", "table", "--help")
    assert "duration_relative" in run("new-table", tmp_path / "new")
    said = "durations of 2 cases are relative, and not shown as time"
    prepared = run("prepare", "table", cases, "--fixations", gaze, "--out", tmp_path / "study", "--workers", 1)
    assert said in prepared and said in run("study", "show", tmp_path / "study")
    drawn = run(
        "heatmaps", tmp_path / "study", "--out", tmp_path / "out", "--workers", 1, "--temporal", "--movie", "gif",
        "--fps", 3,
    )  # fmt: skip
    assert "without onsets, whose fixations are played one after the other: 2" in drawn
    assert "cases with relative durations, played at a constant pace: 2" in drawn
    assert "cases with relative durations, which are not shown as time: 2" in drawn
    facts = json.loads((tmp_path / "out" / "heatmaps.json").read_text(encoding="utf-8"))
    assert facts["unit"] == "relative duration per pixel"
    index = pl.read_csv(tmp_path / "out" / "index.csv")
    assert index["dwell_time_s"].to_list() == [None, None] and index["fixations"].to_list() == [2, 1]
    refused = CliRunner().invoke(
        cli, ["heatmaps", str(tmp_path / "study"), "--out", str(tmp_path / "none"), "--temporal", "--window-s", "2"]
    )
    assert refused.exit_code == 1 and "so a window of 2 s has no meaning" in str(refused.exception)
    assert not (tmp_path / "none").exists()


def test_pictures_of_both_kinds_say_which_is_which(tables, tmp_path):
    from egaze.pictures import HeatmapOptions, write_pictures

    study = prepare(tmp_path / "mixed", tables("a", "duration_s"), tables("b", "duration_relative"))
    summary = write_pictures(study, tmp_path / "out", range(4), kinds=["array"])
    assert (summary.relative, summary.paced) == (2, 0)
    facts = json.loads((tmp_path / "out" / "heatmaps.json").read_text(encoding="utf-8"))
    assert facts["unit"] == "s per pixel; relative duration per pixel in cases without dwell_time_s"
    assert pl.read_csv(tmp_path / "out" / "index.csv")["dwell_time_s"].to_list() == [703, 1, None, None]
    write_pictures(study, tmp_path / "count", [3], options=HeatmapOptions(weight="count"), kinds=["array"])
    facts = json.loads((tmp_path / "count" / "heatmaps.json").read_text(encoding="utf-8"))
    assert facts["unit"] == "fixations per pixel"
