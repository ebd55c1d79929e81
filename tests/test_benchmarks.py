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


def test_gaze_helps_in_the_stored_results():
    content = json.loads((ROOT / "benchmarks" / "results" / "gaze_helps.json").read_text(encoding="utf-8"))
    headline, best = content["headline"], content["details"]["recipes"][content["headline"]["best_recipe"]]
    assert content["details"]["synthetic"] and content["details"]["settings"]["seeds"] >= 5
    assert headline["auc_gain_low"] > 0
    for rival in ("over_centre_bias", "over_gradcam_of_control"):
        # A divergence is better when it is smaller.
        assert best[rival]["cc"]["low"] > 0 and best[rival]["nss"]["low"] > 0 and best[rival]["kld"]["high"] < 0
        assert best[rival]["peak_in_finding"]["low"] > 0


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("heatmap", {"full_vs_scipy": 500, "small_vs_numpy": 5, "egd_vs_reference": 100, "two_threads": 1.7}),
        (
            "resize",
            {
                "area_vs_opencv": 10,
                "area_vs_pillow": 5,
                "area_vs_torch": 5,
                "bilinear_vs_torch": 5,
                "bilinear_vs_pillow": 5,
                "two_threads": 1.7,
            },
        ),
        ("prepare", {"vs_baseline": 20}),
        ("loader", {"vs_dataloader": 15}),
        ("training", {"vs_baseline_fp32": 1.5, "vs_baseline_bf16": 1.5}),
        (
            "inference",
            {"cpp_vs_onnxruntime": 1.1, "cpp_vs_baseline": 4.5, "cpp_vs_torchscript": 2.0, "bf16_vs_fp32": 1.3},
        ),
    ],
)
def test_the_stored_results_hold_what_is_claimed(name, least):
    # Less a tenth for the noise of the machine that measured.
    content = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))
    assert all(content["headline"][key] >= 0.9 * value for key, value in least.items()), content["headline"]
    assert content["machine"]["versions"]["egaze"] and content["machine"]["commit"]


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("resize", {"area_over_memcpy": 1.5}),
        ("loader", {"rss_growth_mb": 5, "wait_share": 0.01, "startup_ms": 50}),
        ("inference", {"file_over_model": 1.5, "cold_start_s": 1.0}),
        ("bf16", {"probs_worst": 0.025, "auc_worst": 0.001}),
    ],
)
def test_the_stored_results_stay_below_what_is_claimed(name, most):
    content = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))
    assert all(content["headline"][key] <= value for key, value in most.items()), content["headline"]
