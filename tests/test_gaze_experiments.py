"""The experiments on synthetic gaze: that each trial trains what its name says."""

import importlib
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest

from egaze.targets import GazeControl

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


@pytest.fixture
def trials(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return importlib.import_module("gaze_trials")


@pytest.fixture
def baseline(trials):
    return importlib.import_module("egd_baseline")


def flat(part, name=""):
    if isinstance(part, dict):
        return {key: value for item in part for key, value in flat(part[item], f"{name}.{item}").items()}
    if isinstance(part, tuple) and part and isinstance(part[0], dict):
        return {key: value for at, item in enumerate(part) for key, value in flat(item, f"{name}.{at}").items()}
    return {name: part}


def test_the_path_leads_from_joint_to_egd_baseline_one_part_at_a_time(baseline):
    recipes = [flat(asdict(baseline.variant(baseline.Trial(name, 250, 0, 30)))) for name in baseline.PATH]
    first, last = (
        flat(asdict(baseline.resolved(baseline.Trial(name, 250, 0, 30)))) for name in ("joint", "egd-baseline")
    )
    changed = []
    for before, after in pairwise(recipes):
        changed += [key for key in after if after[key] != before[key]]
        assert changed and before != after
    assert len(changed) == len(set(changed))
    names = {".name", ".description", ".stages.0.name"}
    assert recipes[0] == first and recipes[-1] == last
    assert set(changed) == {key for key in last if first[key] != last[key]}
    parts = tuple(f".{key}" for step in baseline.STEPS.values() for key in step)
    assert all(key.startswith(parts) for key in set(changed) - names)


def test_parts_alone_and_the_run_without_gaze(baseline):
    joint = flat(asdict(baseline.variant(baseline.Trial("joint", 250, 0, 30))))
    for name, (step,) in baseline.ALONE.items():
        only = flat(asdict(baseline.variant(baseline.Trial(name, 250, 0, 30))))
        changed = {key for key in only if only[key] != joint[key]}
        assert changed and all(any(key.startswith(f".{part}") for part in baseline.STEPS[step]) for key in changed)
    egd, without = (
        baseline.variant(baseline.Trial(name, 250, 0, 30)) for name in ("egd-baseline", baseline.EGD_WITHOUT_GAZE)
    )
    assert not without.trains_heatmap
    assert replace(without, stages=egd.stages) == egd
    assert baseline.variant(baseline.Trial("encoder-only", 250, 0, 30)).name == "encoder-only"


def test_a_variant_has_the_seeds_that_are_done(baseline):
    plan = baseline.QUICK
    done = {trial: None for trial in plan.trials(("joint",), (plan.radiographs,)) if trial.seed != 0}
    variants = baseline.Variants(None, None, plan, done)
    assert variants.seeds("joint") == 0 == variants.seeds("encoder-only")
    done[baseline.Trial("joint", plan.radiographs, 0, plan.epochs[plan.radiographs])] = None
    assert variants.seeds("joint") == len(plan.seeds)
    assert variants.differences({"joint": "encoder-only"}) == {} == variants.rows(["joint"])


def test_controls_change_the_gaze_and_nothing_else(trials):
    own = trials.resolved(trials.Trial("class-generators", 250, 0, 30))
    controls = []
    for name in trials.CONTROLS:
        recipe = trials.resolved(trials.Trial(name, 250, 0, 30))
        assert recipe.control.is_on and replace(recipe, control=GazeControl()) == own
        controls.append(recipe.control)
    assert len(set(controls)) == 6


def test_an_outcome_is_kept_for_its_recipe_study_and_splits(trials, study, tmp_path):
    trial = trials.Trial("joint", 250, 0, 30)
    recipe = trials.resolved(trial)
    others = [
        (replace(recipe, batch_size=recipe.batch_size + 1), study),
        (recipe, study.with_splits(replace(study.splits, split_index=study.splits.split_index[::-1].copy()))),
    ]
    kept = trial.stored_in(tmp_path, recipe, study)
    assert kept == trial.stored_in(tmp_path, recipe, replace(study))
    assert len({kept, *(trial.stored_in(tmp_path, *other) for other in others)}) == 3
