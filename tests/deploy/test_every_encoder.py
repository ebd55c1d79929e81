"""Every encoder of the catalogue is exported, and its file predicts in Python and C++ what the model predicts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from egaze.models.catalogue import encoder_names

PROJECT = Path(__file__).parents[2]
PATTERN = os.environ.get("EGAZE_ALL_ENCODERS", "")


@pytest.mark.skipif(not PATTERN, reason="it takes hours; EGAZE_ALL_ENCODERS=1 or a pattern of names runs it")
def test_every_encoder_is_exported_and_predicts_the_same(c_library):
    pattern = "*" if PATTERN == "1" else PATTERN
    results = PROJECT / "build" / "encoders.jsonl"
    results.parent.mkdir(exist_ok=True)
    command = [sys.executable, PROJECT / "tests" / "deploy" / "encoder_trial.py", c_library.path, results, pattern]
    subprocess.run(command, check=True)
    lines = {line["encoder"]: line for line in map(json.loads, results.read_text().splitlines())}
    names = encoder_names(pattern)
    assert set(names) <= set(lines)
    assert {name: lines[name]["failure"] for name in names if lines[name]["failure"]} == {}
