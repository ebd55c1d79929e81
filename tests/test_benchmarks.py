"""The documents say what the benchmarks' stored results say; the results are whole, and told of when they are old.

How fast the code is depends on the machine, so no test compares a stored time with what is claimed: the documents quote
the worst of the stored runs, and `python benchmarks/NAME.py` adds one.
"""

import datetime
import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = sorted(
    path for folder in ("benchmarks", "experiments") for path in (ROOT / folder / "results").glob("*.json")
)
OLD = datetime.timedelta(days=180)


def load(name, folder="benchmarks"):
    sys.path.insert(0, str(ROOT / folder))
    spec = importlib.util.spec_from_file_location(f"{folder}_{name}", ROOT / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a dataclass looks its module up
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


@pytest.mark.parametrize(
    ("page", "folder", "drawn"),
    [
        ("README.md", "benchmarks", "with_results"),
        ("docs/performance.md", "benchmarks", "with_performance"),
        ("docs/experiments.md", "experiments", "with_experiments"),
        ("docs/inference.md", "benchmarks", "with_inference"),
        ("docs/reproducibility.md", "benchmarks", "with_reproducibility"),
        ("docs/scale.md", "benchmarks", "with_scale"),
        ("docs/fixations.md", "experiments", "with_fixations"),
    ],
)
def test_the_documents_are_drawn_from_the_results(page, folder, drawn):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert getattr(load("render", folder), drawn)(text) == text, f"run `python {folder}/render.py`"


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_stored_results_say_when_where_and_of_what_they_are(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["details"]
    days = [datetime.date.fromisoformat(run["date"]) for run in content["runs"]]
    assert days == sorted(days) and days
    for run in content["runs"]:
        assert run["headline"] and run["machine"]["processor"]
        assert run["machine"]["versions"]["egaze"] and run["machine"]["commit"]
    if (age := datetime.date.today() - days[-1]) > OLD:
        pytest.skip(f"the stored figures are {age.days} days old: run {path.parent.parent.name}/{path.stem}.py again")


def test_a_run_is_added_to_those_before_it(tmp_path, monkeypatch, capsys):
    harness = load("harness")
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    for number in range(harness.KEPT_RUNS + 2):
        harness.finish("speed", {"ratio": float(number)}, {"of": number}, ["numpy"], quick=False)
    harness.finish("speed", {"ratio": 0.1}, {}, [], quick=True)
    content = json.loads((tmp_path / "results" / "speed.json").read_text(encoding="utf-8"))
    assert [run["headline"]["ratio"] for run in content["runs"]] == [float(n) for n in range(2, harness.KEPT_RUNS + 2)]
    assert content["details"] == {"of": harness.KEPT_RUNS + 1}
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"ratio": 0.1}

    render = load("render")
    monkeypatch.setattr(render, "RESULTS", tmp_path / "results")
    assert (render.least("speed", "ratio"), render.most("speed", "ratio")) == (2.0, harness.KEPT_RUNS + 1.0)


def test_rivals_take_turns():
    harness = load("harness")
    asked = []
    samplers = {
        name: lambda name=name: asked.append(name) or {"ours": 1.0, "theirs": 3.0}[name] for name in ("ours", "theirs")
    }
    turns = harness.take_turns(samplers, 3)
    assert asked == ["ours", "theirs"] * 3
    assert turns.ratio("theirs", "ours") == 3.0


@pytest.mark.parametrize(("load_average", "is_told"), [(1.7, False), (12.3, True)])
def test_an_epoch_s_cost_says_when_the_machine_did_other_work(load_average, is_told):
    row = {"recipe": "joint", "precision": "fp32", "side_px": 224, "radiographs": 1083, "seconds": 41.23}
    row |= {"radiographs_per_s": 28.11, "waiting_frac": 0.001, "peak_memory_mb": 2989.0}
    machine = {"processor": "EPYC", "processors": 2}
    stored = {
        "runs": [{"date": "2026-12-01", "machine": machine, "headline": {"load": load_average}}],
        "details": {"epochs": [row]},
    }
    table = load("render_epoch").epoch_table(stored)
    assert "| `joint` | fp32 | 224 | 1,083 | 41 | 28.1 | 0.1% | 2,989 MB |" in table
    assert "Measured on 2026-12-01 on EPYC, 2 processors." in table
    assert ("**The machine did other work at the same time** (a load of up to 12)" in table) == is_told


def test_each_program_that_the_readme_names_has_its_statement():
    """Of its data, seeds and machine, and of how close a rerun comes."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {Path(program).stem for program in re.findall(r"`((?:benchmarks|experiments)/\w+\.py)`", readme)}
    page = (ROOT / "docs" / "reproducibility.md").read_text(encoding="utf-8")
    assert len(named) > 8 and [name for name in sorted(named) if f"/{name}.py` |" not in page] == []
