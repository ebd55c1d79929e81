"""What a fixed road gives, from tables to a report, stays what it was, to the bit.

tests/golden.json holds it, with the machine that it was recorded on. Training's sums depend on the processor and on
torch, so that elsewhere only the study is compared. A change that is meant to change a figure records it anew,
`EGAZE_RECORD_GOLDEN=1 pytest tests/test_golden.py`, and the difference of the file shows what has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from egaze import _core
from egaze.evaluation import open_evaluation
from egaze.report import write_report
from egaze.serialize import to_json

GOLDEN = Path(__file__).parent / "golden.json"
RECORDS = os.environ.get("EGAZE_RECORD_GOLDEN") == "1"


def machine():
    versions = {name: version(name) for name in ("egaze", "torch", "timm", "numpy", "scipy", "polars")}
    return {"processor": processor(), "simd": _core.simd_level(), "python": platform.python_version(), **versions}


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def of_log(run):
    """Without what differs from run to run: the time and the cost."""
    return [
        {key: value for key, value in replace(entry, cost=None).to_line().items() if key != "seconds"}
        for entry in run.log()
    ]


def of_evaluation(run):
    evaluation = open_evaluation(run.path / "evaluation" / "test")
    metrics, rows = to_json(evaluation.metrics), evaluation.predictions.to_dicts()
    return {"metrics": metrics, "predictions": rows, "heatmaps": digest(evaluation.heatmaps.tobytes())}


def of_report(run, tmp_path):
    """What the page's script draws from: the first block in full but for pictures, the radiographs' by their
    digests."""
    page = write_report(run, tmp_path / "report.html").read_text(encoding="utf-8")
    blocks = dict(re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', page, flags=re.DOTALL))
    data = json.loads(blocks.pop("report-data"))
    data["colours"] = digest(data["colours"].encode())
    return {"data": data, "radiographs": {name: digest(text.encode()) for name, text in blocks.items()}}


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def golden():
    return {} if RECORDS else json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found(study, run, model_file, tmp_path_factory):
    values = {
        "machine": machine(),
        "study": study.digest(),
        "log": of_log(run),
        "evaluation": of_evaluation(run),
        "export": digest(model_file.read_bytes()),
        "report": of_report(run, tmp_path_factory.mktemp("golden")),
    }
    if RECORDS:
        GOLDEN.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return json.loads(json.dumps(values))


def test_the_study_is_the_same_everywhere(golden, found):
    if RECORDS:
        pytest.skip("recorded")
    assert found["study"] == golden["study"]


@pytest.mark.parametrize("part", ["log", "evaluation", "export", "report"])
def test_what_follows_is_the_same_on_the_machine_that_recorded_it(golden, found, part):
    if RECORDS:
        pytest.skip("recorded")
    if differ := [
        f"{key}: {found['machine'][key]}" for key in found["machine"] if found["machine"][key] != golden["machine"][key]
    ]:
        pytest.skip(f"recorded on another machine; here {', '.join(differ)}")
    assert found[part] == golden[part]
