"""Hundreds of hostile model files, each loaded in its own process: none does harm, and all interfaces agree."""

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
# By default, every second file is tried, and a few of them in egaze-run, which takes longest to start.
# EGAZE_HOSTILE_MODELS=all tries every file in every interface.
ALL = os.environ.get("EGAZE_HOSTILE_MODELS") == "all"
STEP, STEP_OF_RUNNER = (1, 1) if ALL else (2, 50)


def files() -> Iterator[tuple[str, bytes, str]]:
    """Yield (name, content, expected code) of every file; "" expects any refusal, and "any" expects nothing."""
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
def said(tmp_path_factory, runner, c_library) -> dict[str, tuple[str, dict[str, object]]]:
    """Maps each file's name to the expected code and the result of the trial."""
    folder = tmp_path_factory.mktemp("hostile")
    due = {}
    for name, content, code in islice(files(), 0, None, STEP):
        path = folder / f"{name.replace('/', '-')}.pt"
        path.write_bytes(content)
        due[str(path)] = name, code
    script = TESTS / "deploy" / "hostile_trial.py"
    command = [sys.executable, script, TESTS, c_library.path, runner, str(STEP_OF_RUNNER)]
    done = subprocess.run(command, input="\n".join(due), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    shutil.rmtree(folder)  # 70 MB
    tried = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["path"] for each in tried} == set(due)
    return {due[each["path"]][0]: (due[each["path"]][1], each) for each in tried}


def test_there_are_many_of_every_kind(said):
    assert len(said) > 400
    assert {name.partition("/")[0] for name in said} == {"good", *hostile_archives.KINDS, *hostile_programs.KINDS}


@pytest.mark.parametrize("kind", ["good", *hostile_archives.KINDS, *hostile_programs.KINDS])
def test_no_file_does_harm_and_all_interfaces_agree(said, kind):
    wrong = []
    for name, (due, tried) in said.items():
        if not name.startswith(f"{kind}/"):
            continue
        wrong += [f"{name}: {fault}" for fault in tried["faults"]]
        if (due == "" and tried["code"] == "ok") or due not in ("", "any", tried["code"]):
            wrong.append(f"{name}: {tried['code']}, due {due or 'a refusal'}")
    assert not wrong, "\n".join(wrong)
