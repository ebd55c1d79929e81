"""What study.json says of the quality of gaze, and of that of the samples it was found in."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from egaze.cli import cli
from egaze.errors import TableError
from egaze.sources import Table
from egaze.study import open_study

HEAD = "case_id,x_px,y_px,duration_s,onset_s\n"


@pytest.fixture
def folder(tmp_path):
    """A good reading, one with gaze lost for most of the time, and one that is mostly off the radiograph."""
    rows = [f"good,{n},9,0.3,{n / 3}" for n in range(30)]
    rows += [f"lost,9,9,0.3,{n * 2}" for n in range(10)]
    rows += [f"off,{9 if n < 4 else 90},9,0.3,{n / 3}" for n in range(10)]
    (tmp_path / "fixations.csv").write_text(HEAD + "\n".join(rows) + "\n")
    cases = [f"{name},r.png,p,{reader}" for name, reader in (("good", "b"), ("lost", "b"), ("off", "a"))]
    (tmp_path / "cases.csv").write_text("case_id,image,patient_id,reader_id\n" + "\n".join(cases) + "\n")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8)).save(tmp_path / "r.png")
    marked = {"name": "s1", "file": "/home/x/s1.asc", "quality": {"lost_frac": 0.4}, "marks": ["40 % lost"]}
    (tmp_path / "recordings.json").write_text(json.dumps([marked, {"name": "s2", "quality": None, "marks": []}]))
    return tmp_path


def prepare(folder, *words):
    paths = ("--fixations", folder / "fixations.csv", "--out", folder / "study", "--size", "32")
    result = CliRunner().invoke(cli, ["prepare", "table", *map(str, (folder / "cases.csv", *paths, *words))])
    assert result.exit_code == 0, result.output
    return result.output


def test_it_is_told_by_reader_and_marks_what_passes_a_limit(folder):
    said = prepare(folder)
    quality = open_study(folder / "study").manifest["gaze"]["quality"]
    a, b = quality["readers"]
    assert (a["reader_id"], a["readings"], a["fixations"], a["on_radiograph_frac"]) == ("a", 1, 10, 0.4)
    assert b["readings"] == 2 and b["fixations"] == 20 and b["fixation_s"] == pytest.approx(0.3)
    good, lost = 9 / (29 / 3 + 0.3), 3 / 18.3
    assert b["fixated_frac"] == pytest.approx((good + lost) / 2, abs=1e-5)
    assert [item["case_id"] for item in quality["marked"]] == ["lost", "off"]
    assert "marked: lost: 16 % of the time is in fixations, below 50 %" in said
    assert "marked: off: 40 % of the fixations lie on the part of the radiograph that was shown, below 50 %" in said
    assert open_study(folder / "study").manifest["counts"]["with_gaze"] == 3


def test_the_samples_quality_is_kept_without_paths(folder):
    said = prepare(folder, "--recordings", folder / "recordings.json")
    (source,) = open_study(folder / "study").manifest["sources"]
    assert [item["name"] for item in source["options"]["recordings"]] == ["s1", "s2"]
    assert source["options"]["recordings"][0]["quality"] == {"lost_frac": 0.4}
    assert "marked: s1: 40 % lost" in said and "/home" not in (folder / "study" / "study.json").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "holds an object, expected the list"),
        ('[{"quality": null, "marks": []}]', "recording 1 has no name"),
        ('[{"name": "a", "quality": 3, "marks": []}]', "recording 1 has no quality or marks: import it again"),
        ('[{"name": "a", "quality": null, "marks": [3]}]', "recording 1: marks must be text"),
    ],
)
def test_what_is_no_recordings_file_is_refused(folder, content, message):
    (folder / "recordings.json").write_text(content)
    with pytest.raises(TableError, match=message):
        Table(folder / "cases.csv", folder / "fixations.csv", recordings=folder / "recordings.json")
