"""Figures of films that several runs answer, each film by one of them: the folds of a set, from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.evaluation.classification import BINS, Scored, calibration_figures
from egaze.evaluation.figures import figure
from egaze.metrics import confusion_matrix, scale_by_temperature, wilson_ci
from egaze.metrics.notes import noting


def answered_once(
    class_names: tuple[str, ...],
    scored: Scored,
    run_of: NDArray[np.int64],
    runs: Sequence[dict[str, Any] | None],
    notes: list[str],
) -> dict[str, Any]:
    """Confusion, calibration and operating points, as a run's classification has them.

    Every film is judged with the thresholds and at the temperature that the run which answers it chose on its own
    validation films. So counts add up over the runs, and a point has as many `thresholds` as there are runs.

    Args:
        class_names: in the order of the classes.
        scored: the labelled films.
        run_of: (N,) which run answers each of them.
        runs: the classification in each run's own metrics.
        notes: gets what cannot be pooled, and why.
    """
    predicted = scored.class_probs.argmax(axis=1)
    return {
        "confusion": {
            "classes": list(class_names),
            "matrix": confusion_matrix(scored.labels, predicted, len(class_names)).tolist(),
        },
        "calibration": _calibration(class_names, scored, run_of, runs, notes),
        "operating_points": {name: _operating_points(name, runs, notes) for name in class_names},
    }


def _calibration(
    class_names: tuple[str, ...],
    scored: Scored,
    run_of: NDArray[np.int64],
    runs: Sequence[dict[str, Any] | None],
    notes: list[str],
) -> dict[str, Any]:
    temperatures = [None if run is None else run["calibration"]["temperature"] for run in runs]
    after = None
    if None in temperatures:
        missing = sum(temperature is None for temperature in temperatures)
        notes.append(f"calibration: {missing} of {len(runs)} runs have no temperature, so none is applied")
    else:
        after = np.empty_like(scored.class_probs)
        for number, temperature in enumerate(temperatures):
            own = run_of == number
            after[own] = scale_by_temperature(scored.class_probs[own], temperature)
    before = scale_by_temperature(scored.class_probs, 1.0)  # of sum 1
    return {
        "temperatures": temperatures,
        "fitted_on": "validation",
        "bins": BINS,
        "before": calibration_figures(class_names, scored, before, notes),
        "after": None if after is None else calibration_figures(class_names, scored, after, notes),
    }


def _operating_points(
    name: str, runs: Sequence[dict[str, Any] | None], notes: list[str]
) -> list[dict[str, Any]] | None:
    of_runs = [None if run is None else run["classes"][name]["operating_points"] for run in runs]
    if missing := sum(points is None for points in of_runs):
        notes.append(f"{name}: {missing} of {len(runs)} runs have no operating points, so none are pooled")
        return None
    pooled = []
    for points in zip(*of_runs, strict=True):  # type: ignore[arg-type]
        counts = {
            key: sum(point[key] for point in points)
            for key in ("true_positives", "false_negatives", "true_negatives", "false_positives")
        }
        positives = counts["true_positives"] + counts["false_negatives"]
        negatives = counts["true_negatives"] + counts["false_positives"]
        with noting(notes, name):
            sensitivity = wilson_ci(counts["true_positives"], positives)
            specificity = wilson_ci(counts["true_negatives"], negatives)
        pooled.append(
            {
                **{key: points[0][key] for key in ("name", "rule", "chosen_on")},
                "thresholds": [point["threshold"] for point in points],
                "sensitivity": figure(sensitivity),
                "specificity": figure(specificity),
                **counts,
            }
        )
    return pooled
