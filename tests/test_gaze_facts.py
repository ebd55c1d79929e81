"""The facts of gaze without radiographs: each figure on gaze made so that it is known."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from egaze.sources import Mask
from egaze.sources.siim_gaze.gaze import GazeRecord

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


@pytest.fixture
def experiment(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return importlib.import_module("gaze_facts")


def reading(number, x, y, weight=None):
    x, y = np.atleast_1d(np.array(x, float)), np.atleast_1d(np.array(y, float))
    weight = np.ones(len(x)) if weight is None else np.array(weight, float)
    return GazeRecord(number, f"1.{number}", x, y, weight)


def quarter():
    pixels = np.zeros((64, 64), bool)
    pixels[:32, 40:] = True
    return (Mask.of(pixels),)


def test_points_on_one_side_are_uneven(experiment):
    assert experiment.asymmetry(reading(1, [0.1, 0.9], [0.5, 0.5])) == 0
    assert experiment.asymmetry(reading(1, [0.1, 0.9], [0.5, 0.5], weight=[3, 1])) == 0.5
    assert experiment.asymmetry(reading(1, [0.9], [0.5])) == 1


def test_coverage_is_the_share_within_reach(experiment):
    one = experiment.coverage(reading(1, 0.5, 0.5))
    assert one == pytest.approx(np.pi * 0.05**2, rel=0.2)
    assert experiment.coverage(reading(1, [0.5, 0.5, 2.0], [0.5, 0.5, 0.5])) == one


@pytest.mark.filterwarnings("ignore:all resamples give the same value")
def test_gaze_and_masks(experiment):
    records = [reading(number, [0.8, 0.8, 0.2], [0.2, 0.3, 0.2], weight=[2, 1, 1]) for number in range(12)]
    masks = {record.image_id: quarter() for record in records}
    found = experiment.findings(records, masks)
    assert found["dwell_in_own"]["value"] == found["dwell_in_others"]["value"] == 0.75
    assert found["dwell_in_mirrored"]["value"] == 0.25
    assert found["mask_area_frac"]["value"] == pytest.approx(0.5 * 24 / 64)
    assert found["peak_in_own"]["value"] == 1


def test_a_reading_is_left_out_of_the_mean_that_judges_it(experiment):
    rng = np.random.default_rng(0)
    records = [reading(number, rng.uniform(0.7, 0.8, 9), rng.uniform(0.2, 0.3, 9)) for number in range(12)]
    records.append(reading(99, rng.uniform(0.1, 0.2, 9), rng.uniform(0.7, 0.8, 9)))
    maps = experiment.maps_of(records, [np.ones(9, bool)] * 13)
    positive = np.arange(13) < 6
    of_all = experiment.centre_bias(records, maps, positive)["nss"]["value"]
    of_others = experiment.centre_bias(records[:12], maps[:12], positive[:12])["nss"]["value"]
    # The stray reading scores below 0 under the others' mean, which does not know it.
    assert 13 * of_all - 12 * of_others < 0


def test_scores_are_of_folds_that_did_not_see_the_reading(experiment):
    rng = np.random.default_rng(0)
    positive = np.arange(200) < 80
    noise = rng.normal(size=(200, 60))
    from sklearn.metrics import roc_auc_score

    assert 0.35 < roc_auc_score(positive, experiment.out_of_folds(noise, positive, penalty=1.0)) < 0.65
    noise[:, 0] += 2 * positive
    assert roc_auc_score(positive, experiment.out_of_folds(noise, positive, penalty=1.0)) > 0.75


def test_the_regression_is_the_penalised_one(experiment):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    features, label = rng.normal(size=(90, 3)), rng.random(90) < 0.4
    expected = LogisticRegression(C=1 / 5.0, tol=1e-10).fit(features, label)
    weights = experiment.logistic(np.column_stack([features, np.ones(90)]), label.astype(float), 5.0)
    np.testing.assert_allclose(weights, [*expected.coef_[0], expected.intercept_[0]], atol=1e-5)


@pytest.mark.realdata
def test_real_gaze(experiment, real_data):
    records, masks, axes = experiment.read(real_data / "siim_gaze", first=150)
    found = experiment.facts(records, masks, resamples=50)
    assert found["readings"]["all"] == 150 and axes.startswith("axes are swapped")
    assert found["findings"]["own_less_others"]["low"] > 0
    assert found["halves"]["nss"]["value"] > found["centre_bias"]["nss"]["value"] > 1
    assert found["classes"]["log_dwell_and_asymmetry"]["low"] > 0.6
