"""Figures of radiographs that several runs answer, each radiograph by one of them: the folds of a set, from one
seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from egaze.evaluation.classification import BINS, Scored, calibration_figures, confusion
from egaze.evaluation.results import Calibration, Classification, ClassOperatingPoint
from egaze.metrics import scale_by_temperature, wilson_ci
from egaze.metrics.notes import noting


def answered_once(
    of_set: Classification,
    class_names: tuple[str, ...],
    scored: Scored,
    run_of: NDArray[np.int64],
    runs: Sequence[Classification | None],
    notes: list[str],
) -> Classification:
    """A set's classification with what it lacks: confusion, calibration and operating points.

    Every radiograph is judged with the thresholds and at the temperature that the run which answers it chose on its own
    validation radiographs. So counts add up over the runs, and a point has as many `thresholds` as there are runs.

    Args:
        of_set: the set's own.
        class_names: in the order of the classes.
        scored: the labelled radiographs.
        run_of: (N,) which run answers each of them.
        runs: the classification in each run's own evaluation.
        notes: gets what cannot be pooled, and why.
    """
    calibration = _calibration(class_names, scored, run_of, runs, notes)
    classes = {
        name: replace(of_set.classes[name], operating_points=_operating_points(name, runs, notes))
        for name in class_names
    }
    return replace(of_set, classes=classes, confusion=confusion(class_names, scored), calibration=calibration)


def _calibration(
    class_names: tuple[str, ...],
    scored: Scored,
    run_of: NDArray[np.int64],
    runs: Sequence[Classification | None],
    notes: list[str],
) -> Calibration:
    temperatures = [None if run is None or run.calibration is None else run.calibration.temperatures[0] for run in runs]
    known = [temperature for temperature in temperatures if temperature is not None]
    after = None
    if missing := len(runs) - len(known):
        notes.append(f"calibration: {missing} of {len(runs)} runs have no temperature, so none is applied")
    else:
        after = np.empty_like(scored.class_probs)
        for number, temperature in enumerate(known):
            own = run_of == number
            after[own] = scale_by_temperature(scored.class_probs[own], temperature)
    before = scale_by_temperature(scored.class_probs, 1.0)  # of sum 1
    return Calibration(
        temperatures=tuple(temperatures),
        fitted_on="validation",
        bins=BINS,
        before=calibration_figures(class_names, scored, before, notes),
        after=None if after is None else calibration_figures(class_names, scored, after, notes),
    )


def _operating_points(
    name: str, runs: Sequence[Classification | None], notes: list[str]
) -> tuple[ClassOperatingPoint, ...] | None:
    of_runs = [points for run in runs if run is not None and (points := run.classes[name].operating_points) is not None]
    if missing := len(runs) - len(of_runs):
        notes.append(f"{name}: {missing} of {len(runs)} runs have no operating points, so none are pooled")
        return None
    pooled = []
    for points in zip(*of_runs, strict=True):
        found, missed = (sum(getattr(point, key) for point in points) for key in ("true_positives", "false_negatives"))
        passed, alarms = (sum(getattr(point, key) for point in points) for key in ("true_negatives", "false_positives"))
        with noting(notes, name):
            sensitivity, specificity = wilson_ci(found, found + missed), wilson_ci(passed, passed + alarms)
        pooled.append(
            replace(
                points[0],
                thresholds=tuple(threshold for point in points for threshold in point.thresholds),
                sensitivity=sensitivity,
                specificity=specificity,
                true_positives=found,
                false_negatives=missed,
                true_negatives=passed,
                false_positives=alarms,
            )
        )
    return tuple(pooled)
