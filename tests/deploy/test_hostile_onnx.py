"""Hundreds of forged ONNX files: each is refused with one line, or harmless, in bounded resources."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from deploy.onnx_files import parsed, sealed, small_file
from deploy.onnx_forgeries import KINDS

TESTS = Path(__file__).parents[1]
# Every third file is tried; EGAZE_HOSTILE_MODELS=all tries all.
STEP = 1 if os.environ.get("EGAZE_HOSTILE_MODELS") == "all" else 3
MAX_CPU_S = 10


@pytest.fixture(scope="module")
def good() -> bytes:
    return small_file()


@pytest.fixture(scope="module")
def trials(good, tmp_path_factory) -> dict[str, tuple[str, dict[str, object]]]:
    """The expected code and the result of each trial, by the name of the file."""
    folder = tmp_path_factory.mktemp("hostile")
    forged = [("good", 0, good, "ok")]
    for kind, forge in KINDS.items():
        forged += [(kind, number, *file) for number, file in enumerate(islice(forge(good), 0, None, STEP))]
    expected = {}
    for kind, number, content, code in forged:
        path = folder / f"{kind.replace(' ', '-')}-{number}.onnx"
        path.write_bytes(content)
        expected[str(path)] = f"{kind}/{number}", code
    command = [sys.executable, TESTS / "deploy" / "onnx_trial.py"]
    done = subprocess.run(command, input="\n".join(expected), capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"the process ended with {done.returncode} in {lines[-1:]}: {done.stderr[-2000:]}"
    shutil.rmtree(folder)
    tried = [json.loads(line) for line in lines if line.startswith("{")]
    assert {each["path"] for each in tried} == set(expected)
    return {expected[each["path"]][0]: (expected[each["path"]][1], each) for each in tried}


def test_there_are_files_of_every_kind(trials):
    assert len(trials) > 400 / STEP
    assert {name.partition("/")[0] for name in trials} == {"good", *KINDS}


@pytest.mark.parametrize("kind", ["good", *KINDS])
def test_no_file_does_harm(trials, kind):
    wrong = []
    for name, (expected, tried) in trials.items():
        if not name.startswith(f"{kind}/"):
            continue
        wrong += [f"{name}: {fault}" for fault in tried["faults"]]
        if (expected == "" and tried["code"] == "ok") or expected not in ("", "any", tried["code"]):
            wrong.append(f"{name}: {tried['code']}, expected {expected or 'a refusal'}: {tried['message']}")
        if tried["cpu_s"] > MAX_CPU_S:
            wrong.append(f"{name}: took {tried['cpu_s']:.0f} s")
    assert not wrong, "\n".join(wrong)


def test_the_official_library_writes_the_same_bytes(good):
    assert parsed(good).SerializeToString() == good
    assert sealed(parsed(good)) == good
