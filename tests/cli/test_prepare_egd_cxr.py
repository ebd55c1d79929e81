"""`egaze prepare egd-cxr`: its options reach the source and the study's record."""

import json

import click
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.sources.egd_cxr import EgdCxr, source
from egaze.sources.synthetic import synthesize
from egaze.sources.synthetic.reader import READER_VERSION

TWIN = {"twin_reader_version": READER_VERSION, "twin_gaze_quality": 1.0}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return synthesize(tmp_path_factory.mktemp("small") / "twin", cases=6, seed=2, long_side_px=64, eye_gaze=True)


def prepare(small, out, *options):
    words = ["prepare", "egd-cxr", "--gaze", str(small.tables), "--images", str(small.images), *options]
    result = CliRunner().invoke(cli, [*words, "--out", str(out), "--size", "32", "--workers", "1"])
    assert result.exit_code == 0, result.output
    return result.stdout, json.loads((out / "study.json").read_text())["sources"][0]


def test_samples_and_recalibration_are_recorded(small, tmp_path):
    said, facts = prepare(small, tmp_path / "a", "--gaze-table", "eye-gaze", "--recalibrate")
    assert facts["options"] == {"gaze_table": "eye-gaze", "recalibrate": True} | TWIN
    expected = EgdCxr(small.tables, small.images, gaze_table="eye-gaze", recalibrate=True).hygiene
    assert facts["hygiene"] == expected and expected["sessions_without_calibration"] == 0
    for reason in ("samples dropped duplicate", "samples kept", "screen map equal", "boxes kept", "phrases kept"):
        assert f" {expected[reason.replace(' ', '_')]:,} {reason}\n" in said
    assert "published split" not in said

    said, facts = prepare(small, tmp_path / "b")
    assert facts["options"] == {"gaze_table": "fixations", "recalibrate": False} | TWIN
    assert "fixations kept" in said and "samples kept" not in said


def test_the_choices_are_the_source_s():
    context = click.Context(cli)
    command = cli.get_command(context, "prepare").get_command(context, "egd-cxr")
    option = next(option for option in command.params if option.name == "gaze_table")
    assert tuple(option.type.choices) == tuple(source.GAZE_TABLES)


def test_the_published_split_is_reported(small, tmp_path, monkeypatch):
    """On a sheet of the published size; here the twin's size is declared to be that."""
    monkeypatch.setattr("egaze.study.published_splits.is_published_sheet", lambda images, patients: images == 6)
    said, _ = prepare(small, tmp_path / "a")
    lines = said.splitlines()[:2]
    assert [line.split(" train ")[0] for line in lines] == [
        "published split, seed 42: differ:",
        "published split, seed 1: differ:",
    ]
