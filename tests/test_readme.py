"""The README's commands and Python run as written, in the order in which a reader meets them.

Only their scale is changed, by `SMALLER`: fewer and smaller radiographs, a small model, one epoch. The C++ part is
built in deploy/test_install.py; `make demo` and `make test` are what continuous integration runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TINY_RADIOGRAPHS = "--cases 40 --long-side-px 128"
TINY_MODEL = "--set model.encoder=resnet18 --set input_size_px=64 --set stages.epochs=1"
SMALLER = {
    "--cases 300": TINY_RADIOGRAPHS,
    "--recipe joint": f"--recipe joint {TINY_MODEL}",
    " --set model.weights=imagenet": "",  # would be downloaded
}


def blocks(section: str, language: str) -> list[str]:
    """The code of one language within the section of that heading."""
    (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE)
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(code: str, folder: Path) -> str:
    """Run shell commands with this Python's egaze; stops at the first that fails."""
    for large, small in SMALLER.items():
        code = code.replace(large, small)
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-euc", code], cwd=folder, env={**os.environ, "PATH": programs}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the whole road was gone."""
    folder = tmp_path_factory.mktemp("road")
    (commands,) = blocks("The whole road, without any credential", "sh")
    run(commands, folder)
    return folder


def test_every_snippet_is_run():
    sections = re.findall(r"^## (.*)$", README, re.MULTILINE)
    languages = ("sh", "python", "cpp", "cmake")
    found = {(section, language) for section in sections for language in languages if blocks(section, language)}
    assert found == {
        ("Two commands", "sh"),
        ("The whole road, without any credential", "sh"),
        ("Your own radiographs and gaze", "sh"),
        ("With PhysioNet access", "sh"),
        ("Python", "python"),
        *(("C++", language) for language in ("cpp", "cmake", "sh")),
    }
    assert len(re.findall(r"^```\w", README, re.MULTILINE)) == sum(len(blocks(*key)) for key in found)


def test_continuous_integration_runs_the_two_commands():
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands, packages = blocks("Two commands", "sh")
    for target in re.findall(r"^make \w+", commands, re.MULTILINE):
        assert re.search(rf"^\s*{target}\b", steps, re.MULTILINE), target
    if shutil.which("apt-get"):
        listed = subprocess.run(["apt-cache", "policy", *packages.split()[2:]], capture_output=True, text=True).stdout
        assert "Unable to locate" not in listed


def test_the_road_ends_in_answers(road):
    assert (road / "run" / "report.html").is_file()
    assert list((road / "pictures").rglob("overlay.png"))
    assert list((road / "explanations").rglob("explanation.png"))
    assert len(list((road / "answers").glob("*.npy"))) == 40


def test_one_s_own_table(road):
    begin, prepare = blocks("Your own radiographs and gaze", "sh")
    run(begin, road)
    cases = road / "mine" / "cases.csv"
    header, *rows = cases.read_text(encoding="utf-8").splitlines()
    assert len(rows) == 40
    label, patient = (header.split(",").index(name) for name in ("label", "patient_id"))
    filled = []
    for number, row in enumerate(rows):
        cells = row.split(",")
        cells[label], cells[patient] = ("normal", "abnormal")[number % 2], f"patient-{number}"
        filled.append(",".join(cells))
    cases.write_text("\n".join([header, *filled]) + "\n", encoding="utf-8")
    assert "40 cases" in run(prepare, road)


def test_physionet_s_folders(tmp_path):
    run(
        f"egaze synthesize egd {TINY_RADIOGRAPHS} && mv egd/gaze egd-cxr-1.0.0 && mv egd/images mimic-cxr-2.0.0\n"
        f"egaze synthesize re {TINY_RADIOGRAPHS} --layout reflacx --seed 1 && mv re/gaze reflacx-1.0.0\n"
        "cp -rn re/images/. mimic-cxr-2.0.0",
        tmp_path,
    )
    for commands in blocks("With PhysioNet access", "sh"):
        run(commands, tmp_path)
    radiographs = (tmp_path / "radiographs.txt").read_text(encoding="utf-8").splitlines()
    assert radiographs and all((tmp_path / "mimic-cxr-2.0.0" / radiograph).is_file() for radiograph in radiographs)
    assert (tmp_path / "run" / "evaluation").is_dir() and (tmp_path / "both" / "study.json").is_file()


def test_python(road):
    (code,) = blocks("Python", "python")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=road, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1.1") and "normal" in done.stdout
    assert (road / "heatmap.npy").is_file()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reads pyproject.toml by tomllib")
def test_the_addresses_are_the_packages():
    import tomllib

    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    assert f"git clone {urls['Repository']} " in README
    assert urls["Issues"] in README


def test_the_documents_that_it_links_to_exist():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target
