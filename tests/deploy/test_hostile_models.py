"""Hundreds of forged model files, each opened in its own process: none does harm, and Python, C++ and C agree on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from deploy import hostile_archives, hostile_programs
from deploy.scripted_models import make_model, members_of, packed

TESTS = Path(__file__).parents[1]
# Every second file is tried, and every fiftieth with egaze-run, which takes longest to start. EGAZE_HOSTILE_MODELS=all
# tries all files in every way.
ALL = os.environ.get("EGAZE_HOSTILE_MODELS") == "all"
STEP, STEP_OF_RUNNER = (1, 1) if ALL else (2, 50)


def files() -> Iterator[tuple[str, bytes, str]]:
    """Yield each file's name, content and expected code: "" is any refusal, and "any" is a refusal or "ok"."""
    members = members_of(make_model())
    program = members[hostile_archives.PROGRAM].decode()
    yield "good/0", packed(members), "ok"
    for kind, forge in hostile_archives.KINDS.items():
        for number, (content, code) in enumerate(forge(members)):
            yield f"{kind}/{number}", content, code
    for kind, write in hostile_programs.KINDS.items():
        for number, text in enumerate(write(program)):
            yield f"{kind}/{number}", packed({**members, hostile_archives.PROGRAM: text.encode()}), "any"


@pytest.fixture(scope="module")
def trials(tmp_path_factory, runner, c_library) -> dict[str, tuple[str, dict[str, object]]]:
    """The expected code and the result of each trial, by the name of the file."""
    folder = tmp_path_factory.mktemp("hostile")
    expected = {}
    for name, content, code in islice(files(), 0, None, STEP):
        path = folder / f"{name.replace('/', '-')}.pt"
        path.write_bytes(content)
        expected[str(path)] = name, code
    script = TESTS / "deploy" / "hostile_trial.py"
    command = [sys.executable, script, TESTS, c_library.path, runner, str(STEP_OF_RUNNER)]
    done = subprocess.run(command, input="\n".join(expected), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    shutil.rmtree(folder)  # 70 MB
    tried = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["path"] for each in tried} == set(expected)
    return {expected[each["path"]][0]: (expected[each["path"]][1], each) for each in tried}


def test_there_are_files_of_every_kind(trials):
    assert len(trials) > 400
    assert {name.partition("/")[0] for name in trials} == {"good", *hostile_archives.KINDS, *hostile_programs.KINDS}


@pytest.mark.parametrize("kind", ["good", *hostile_archives.KINDS, *hostile_programs.KINDS])
def test_no_file_does_harm_and_all_entry_points_agree(trials, kind):
    wrong = []
    for name, (expected, tried) in trials.items():
        if not name.startswith(f"{kind}/"):
            continue
        wrong += [f"{name}: {fault}" for fault in tried["faults"]]
        if (expected == "" and tried["code"] == "ok") or expected not in ("", "any", tried["code"]):
            wrong.append(f"{name}: {tried['code']}, expected {expected or 'a refusal'}")
    assert not wrong, "\n".join(wrong)
