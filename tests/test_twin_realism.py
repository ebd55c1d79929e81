"""Measures of how the synthetic reader's gaze compares with radiologists': each on gaze made so that it is known."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from egaze.sources.siim_gaze.gaze import GazeRecord

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
#: The readings of a test are few.
FEW = "ignore::egaze.metrics.estimate.StatisticsWarning"


@pytest.fixture
def experiment(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return importlib.import_module("twin_realism")


def reading(x, y, weight=None):
    x, y = np.array(x, float), np.array(y, float)
    return GazeRecord(1, "1.1", x, y, np.ones(len(x)) if weight is None else np.array(weight, float))


def test_steps_are_of_the_points_in_order(experiment):
    found = experiment.steps([reading([0.1, 0.2, 0.9, 0.9], [0.5, 0.5, 0.5, 0.6]), reading([0.5], [0.5])])
    assert found["step_frac"].tolist() == pytest.approx([0.1])
    assert found["long_steps_frac"].tolist() == pytest.approx([1 / 3]) == found["crossings_frac"].tolist()


def test_a_revisit_is_to_a_place_left_since(experiment):
    assert experiment.revisits(reading([0.1, 0.11, 0.9], [0.1] * 3)) == 0
    assert experiment.revisits(reading([0.1, 0.9, 0.1, 0.1], [0.1] * 4)) == 0.25
    assert experiment.revisits(reading([-0.2, 0.9, 0.01], [0.1] * 3)) == pytest.approx(1 / 3)


def test_thirds_are_of_dwell_from_top_to_bottom(experiment):
    one = reading([0.5] * 4, [-0.1, 0.4, 0.9, 1.2], weight=[1, 2, 3, 4])
    np.testing.assert_allclose(experiment.thirds([one]), [[0.1, 0.2, 0.7]])


@pytest.mark.filterwarnings(FEW)
def test_dwell_in_findings_is_against_chance_and_the_other_side(experiment):
    finding = np.zeros((10, 10), bool)
    finding[:5, 6:] = True
    looked = reading([0.8, 0.8, 0.8, 0.2], [0.2] * 4)
    missed = reading([0.2, 0.2], [0.2, 0.9])
    of = experiment.Readings([looked, missed, looked], [finding, finding, None], np.ones(3, bool))
    found = experiment.of_findings(of, 0.0, resamples=20)
    assert found["findings"] == 2 and found["area_frac"] == pytest.approx(0.2)
    assert found["dwell_in_own"]["value"] == pytest.approx(0.375) and found["missed_frac"]["value"] == 0.5
    assert found["own_over_mirrored"]["value"] == pytest.approx(0.375 / 0.375)
    assert found["own_over_chance"]["value"] == pytest.approx(0.375 / 0.2)
    others = experiment.Readings([looked] * 3, [finding] * 3, np.array([True, True, False]))
    assert experiment.of_findings(others, 0.0, 20)["findings"] == 2


def test_the_twins_medians_are_held_against_the_real_quartiles(experiment):
    real = {"quartiles": {"a": {"q25": 1, "median": 2, "q75": 3}, "b": {"q25": 1, "median": 2, "q75": 3}}}
    twin = {"quartiles": {"a": {"median": 3}, "b": {"median": 3.1}}}
    density = {"density": np.arange(9.0).reshape(3, 3)}
    found = experiment.compared(real | density, twin | density)
    assert found["within_quartiles"] == {"a": True, "b": False}
    assert found["cc_of_mean_maps"] == pytest.approx(1)


def test_a_synthetic_reading_is_a_record_in_fractions(experiment):
    plan = experiment.plan_cases(3, seed=1, long_side_px=64)[0]
    radiograph = experiment.draw_radiograph(plan, 1, 0.5)
    scanpath, others = experiment.draw_reading(plan, radiograph, 1, 1.0)
    record = experiment.record(plan, scanpath)
    assert len(record) == scanpath.valid.sum() and len(others) == 4
    # The first fixation is near the middle of the screen, where the radiograph is.
    assert abs(record.x_frac[0] - 0.5) < 0.15 and abs(record.y_frac[0] - 0.5) < 0.2


@pytest.mark.realdata
def test_the_twin_is_like_real_gaze(experiment, real_data, monkeypatch):
    monkeypatch.setattr(experiment, "QUALITIES", {"1": 1.0})
    of_real, axes = experiment.real(None)
    assert axes.startswith("axes are swapped")
    of_twin = experiment.synthetic(24)["1"]
    within = experiment.within(experiment.of_readings(of_real.records), experiment.of_readings(of_twin.records))
    for name in ("points", "step_frac", "long_steps_frac", "coverage_frac"):
        assert within[name], name
