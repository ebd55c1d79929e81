"""`egaze synthesize` from outside."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.cli.synthesize import FULL_SIZE_PX, MAX_GAZE_QUALITY, command
from egaze.sources.synthetic.plan import FULL_LONG_SIDE_PX
from egaze.sources.synthetic.reader import MAX_GAZE_QUALITY as MAX_QUALITY
from egaze.sources.synthetic.reader import READER_VERSION
from egaze.sources.synthetic.twin import LAYOUTS


def test_it_writes_a_twin_and_says_what_to_do_next(tmp_path: Path) -> None:
    out = tmp_path / "a twin"
    result = CliRunner().invoke(cli, ["synthesize", str(out), "--cases", "3", "--long-side-px", "64", "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert f"egaze prepare egd-cxr --gaze '{out}/gaze' --images '{out}/images' --out STUDY" in result.stdout
    assert "1 Normal, 1 CHF, 1 pneumonia" in result.stdout
    assert result.stderr == ""
    assert len(list((out / "images").rglob("*.dcm"))) == 3


@pytest.mark.parametrize("layout", ["egd-cxr", "reflacx", "mimic-cxr", "vindr-cxr", "table"])
def test_the_next_command_it_prints_reads_the_twin(tmp_path: Path, layout: str) -> None:
    out = tmp_path / "twin"
    common = ["--cases", "3", "--long-side-px", "64", "--workers", "1"]
    result = CliRunner().invoke(cli, ["synthesize", str(out), "--layout", layout, *common])
    assert result.exit_code == 0, result.output
    words = shlex.split(result.stdout.partition("next:")[2])
    assert words[:3] == ["egaze", "prepare", layout]
    study = str(tmp_path / "study")
    read = CliRunner().invoke(cli, [study if word == "STUDY" else word for word in words[1:]])
    assert read.exit_code == 0, read.output
    assert (tmp_path / "study" / "study.json").is_file()
    assert f"synthetic reader: version {READER_VERSION}, gaze quality 1.0\n" in read.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ["--cases", "0"],
        [],
        ["--cases", "3", "--difficulty", "2"],
        ["--cases", "3", "--gaze-quality", "5"],
        ["--cases", "3", "--layout", "png"],
    ],
)
def test_wrong_usage_exits_with_2(tmp_path: Path, wrong: list[str]) -> None:
    result = CliRunner().invoke(cli, ["synthesize", str(tmp_path / "out"), *wrong])
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_one_line_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from egaze.cli import main; main()",
            "synthesize",
            str(tmp_path),
            "--cases",
            "1",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert len(run.stderr.strip().splitlines()) == 1
    assert "already exists" in run.stderr


def test_help_shows_an_example_and_the_constants_agree() -> None:
    result = CliRunner().invoke(cli, ["synthesize", "--help"])
    assert "Example:" in result.stdout
    assert FULL_SIZE_PX == FULL_LONG_SIDE_PX
    assert MAX_GAZE_QUALITY == MAX_QUALITY
    layout = next(option for option in command.params if option.name == "layout")
    assert set(layout.type.choices) == set(LAYOUTS)
