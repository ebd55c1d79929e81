"""The README says what the benchmarks' results say."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def load(name):
    sys.path.insert(0, str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def test_the_readme_s_table_is_drawn_from_the_results():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert load("render").with_table(readme) == readme, "run `python benchmarks/render.py`"


def test_the_experiments_tables_are_drawn_from_the_results():
    page = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    assert load("render").with_experiments(page) == page, "run `python benchmarks/render.py`"


def test_the_inference_tables_are_drawn_from_the_results():
    page = (ROOT / "docs" / "inference.md").read_text(encoding="utf-8")
    assert load("render").with_inference(page) == page, "run `python benchmarks/render.py`"


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks" / "results").glob("*.json")), ids=lambda path: path.stem)
def test_stored_results_say_where_they_are_from(path):
    """Their figures are not judged here: they change with the machine that measures, not with the code."""
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["headline"] and content["machine"]["versions"]["egaze"] and content["machine"]["commit"]
