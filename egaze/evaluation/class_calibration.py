"""Measuring the calibration of one independent class, whose probability is a sigmoid of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.evaluation.means import RESAMPLES
from egaze.evaluation.results import ClassCalibration, ClassCalibrationState
from egaze.metrics import (
    Estimate,
    expected_calibration_error,
    fit_temperature,
    log_losses,
    mean_ci,
    reliability_curve,
    scale_by_temperature,
)
from egaze.metrics.calibration import to_logits
from egaze.metrics.estimate import noting

if TYPE_CHECKING:
    from egaze.evaluation.classification import ScoredClass

#: The number of bins of reliability curves and of the expected calibration error.
BINS = 10


def class_calibration(
    name: str, scored: ScoredClass, chosen_on: ScoredClass, notes: list[str]
) -> ClassCalibration | None:
    """Measure one class on radiographs, at a temperature that is fitted on validation radiographs.

    Returns:
        None if no radiograph is known to have the class, or none not to have it.
    """
    if not scored.has_both:
        return None
    temperature = None
    if chosen_on.has_both:
        with noting(notes, f"{name}, temperature"):
            temperature = fit_temperature(chosen_on.is_class, to_logits(_both(chosen_on.probs)))
    return ClassCalibration(
        temperature=temperature,
        fitted_on="validation",
        bins=BINS,
        before=_state(name, scored, _both(scored.probs), notes),
        after=None
        if temperature is None
        else _state(name, scored, scale_by_temperature(_both(scored.probs), temperature), notes),
    )


def _both(probs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) probabilities of the class's absence and presence."""
    return np.stack([1.0 - probs, probs], axis=1)


def _state(name: str, scored: ScoredClass, both: NDArray[np.float64], notes: list[str]) -> ClassCalibrationState:
    with noting(notes, f"{name}, calibration"):
        brier = mean_ci((both[:, 1] - scored.is_class) ** 2, scored.patients, resamples=RESAMPLES)
        log_loss = mean_ci(log_losses(scored.is_class, both), scored.patients, resamples=RESAMPLES)
    return ClassCalibrationState(
        brier=brier,
        log_loss=log_loss,
        expected_calibration_error=Estimate(expected_calibration_error(scored.is_class, both[:, 1], bins=BINS)),
        reliability=tuple(reliability_curve(scored.is_class, both[:, 1], bins=BINS)),
    )
