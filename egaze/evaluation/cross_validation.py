"""Results of cross-validation that depend on each fold's own run: confusion, calibration and operating points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from egaze.evaluation.class_calibration import BINS
from egaze.evaluation.classification import Scored, calibration_state, confusion
from egaze.evaluation.results import Calibration, Classification, ClassOperatingPoint
from egaze.metrics import scale_by_temperature, wilson_ci
from egaze.metrics.estimate import noting


def add_fold_results(
    of_set: Classification,
    class_names: tuple[str, ...],
    scored: Scored,
    run_of: NDArray[np.int64],
    runs: Sequence[Classification | None],
    notes: list[str],
) -> Classification:
    """Add operating points and, of exclusive classes, confusion and calibration to a set's classification, for the runs
    of one seed.

    Each radiograph is predicted by one run, and judged with the thresholds and the temperature that this run chose on
    its own validation radiographs. Counts are summed over the runs, so an operating point has one threshold per run.

    Args:
        of_set: the set's own classification.
        class_names: class names in order.
        scored: the labelled radiographs.
        run_of: (N,) index of the run that predicts each of them.
        runs: the classification in each run's own evaluation.
        notes: receives what cannot be pooled, and why.
    """
    classes = {
        name: replace(of_set.classes[name], operating_points=_operating_points(name, runs, notes))
        for name in class_names
    }
    if of_set.label_kind == "independent":
        return replace(of_set, classes=classes)
    calibration = _calibration(class_names, scored, run_of, runs, notes)
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
    before = scale_by_temperature(scored.class_probs, 1.0)  # normalised to a sum of 1
    return Calibration(
        temperatures=tuple(temperatures),
        fitted_on="validation",
        bins=BINS,
        before=calibration_state(class_names, scored, before, notes),
        after=None if after is None else calibration_state(class_names, scored, after, notes),
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
