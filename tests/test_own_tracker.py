"""docs/own-tracker.md's commands, run as its reader would."""

import json
import re
import shlex
from glob import glob
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from PIL import Image

from egaze.cli import cli
from egaze.gaze.formats import GAZE_FORMATS
from egaze.study import open_study

PAGE = (Path(__file__).parent.parent / "docs" / "own-tracker.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`(\S+)`:\n\n```\w+\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
BLOCK_OF_COMMANDS = re.compile(r"^```\n(egaze .*?)^```", flags=re.DOTALL | re.MULTILINE)

BLOCK = (
    "START\t{0} \tLEFT\tSAMPLES\tEVENTS\nSAMPLES\tGAZE\tLEFT\tRATE\t 500.00\n{1}"
    "EFIX L   {0}\t{2}\t100\t  {3}\t  {4}\t   1063\nEND\t{2} \tSAMPLES\n"
)


def asc():
    """A recording of two pictures, as edf2asc writes it."""
    text = "** CONVERTED FROM reader.edf\nMSG\t1 DISPLAY_COORDS 0 0 1919 1079\n"
    for name, begin, x, y in (("one", 10, 800.0, 500.0), ("two", 910, 1200.0, 700.0)):
        samples = "".join(f"{begin + 2 * n}\t  {x}\t  {y}\t 1000.0\t...\n" for n in range(50))
        text += f"MSG\t{begin - 5} IMAGE {name}.png\n" + BLOCK.format(begin, samples, begin + 98, x, y)
    return text + "MSG\t1020 CLEAR\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, content in FILE.findall(PAGE):
        (tmp_path / name).write_text(content, encoding="utf-8")
    for name in ("reader-1.asc", "reader-2.asc"):
        (tmp_path / name).write_text(asc())
    for name in ("one", "two"):
        pixels = np.random.default_rng(0).integers(0, 255, (2000, 2000), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png", compress_level=0)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_page_runs(folder):
    lines = "".join(BLOCK_OF_COMMANDS.findall(PAGE)).replace("\\\n", " ").splitlines()
    assert len(lines) == 12 and all(line.startswith("egaze ") for line in lines)
    outputs = []
    for line in lines:
        # As the shell does, but only now that earlier commands have written the files.
        words = [word for part in shlex.split(line)[1:] for word in sorted(glob(part)) or [part]]
        words += ["--workers", "1"] if words[0] == "synthesize" else []
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == 0, (words, result.output, result.exception)
        outputs.append(result.output)
    shown = re.search(r"how it was read:\n\n```\n(.*?)```", PAGE, flags=re.DOTALL)[1]
    assert outputs[4] == shown
    gaze = pl.read_csv(folder / "gaze" / "fixations.csv")
    assert gaze["case_id"].to_list() == ["one", "two"] and "pixels_per_degree" in gaze.columns
    # The picture's 1000 px on the screen, from 460, are the radiograph's 2000.
    assert gaze["x_px"].to_list() == pytest.approx([(800.5 - 460) * 2 - 0.5, (1200.5 - 460) * 2 - 0.5])
    readings = pl.read_csv(folder / "readings" / "fixations.csv")
    assert readings["case_id"].to_list() == ["reader-1-one", "reader-1-two", "reader-2-one"]
    (own,) = json.loads((folder / "own" / "recordings.json").read_text())
    assert (own["samples"], own["valid"], own["on_picture_frac"]) == (3, 2, 1.0)
    assert len(open_study(folder / "study").fixations(1, 64)) == 1
    assert "accuracy 0." in outputs[1] and outputs[1].endswith("0 of 5 recordings marked; none is left out\n")
    assert all(len(open_study(folder / "lab-study").fixations(case, 64)) > 5 for case in range(6))


def test_the_page_names_every_format():
    named = re.findall(r"^\| `([a-z][a-z0-9-]+)` \|", PAGE, flags=re.MULTILINE)
    assert sorted(named) == sorted(name for name in GAZE_FORMATS if name != "lab_csv")
