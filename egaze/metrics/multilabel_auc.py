"""Areas under curves over several independent classes, each of which a case has, has not, or is not known to have.

The macro average is the mean over classes; the micro average is one curve over all pairs of a case and a class of which
it is known. Both are over the classes of which enough cases are known to have them, and enough not to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.estimate import Estimate, undefined, warn
from egaze.metrics.multiclass_auc import AVERAGES, MEASURES
from egaze.metrics.resampling import FEW, Statistic, bootstrap_interval, require_options

#: Why an average over classes is not defined.
TOO_FEW = f"an average over classes is not defined: no class has {FEW} cases with it and {FEW} without it"


def enough_cases(answers: ArrayLike) -> NDArray[np.bool_]:
    """(C,) whether at least 10 cases are known to have each class and 10 not to have it, so that it counts in averages.

    Args:
        answers: (N, C), 1 where a case has a class, 0 where it has not, NaN where that is not known.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import enough_cases
        >>> answers = np.repeat([[1.0, 0.0], [0.0, 0.0]], 12, axis=0)
        >>> enough_cases(answers).tolist()
        [True, False]
    """
    answers = np.asarray(answers, dtype=np.float64)
    least = np.minimum((answers == 1).sum(axis=0), (answers == 0).sum(axis=0))
    enough: NDArray[np.bool_] = least >= FEW
    return enough


def multilabel_ci(
    answers: ArrayLike,
    class_probs: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    measure: str = "roc_auc",
    average: str = "macro",
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """An average area over independent classes with a bootstrap interval over groups (patients).

    Args:
        answers: (N, C), 1 where a case has a class, 0 where it has not, NaN where that is not known.
        class_probs: (N, C) finite.
        groups: (N,) the patient of each case; when None, every case is a group of its own.
        measure: "roc_auc" or "average_precision".
        average: "macro", the mean over the classes of `enough_cases`, or "micro", one curve over all pairs of a case
            and one of these classes.
        method, level, resamples, seed: as for `bootstrap_auc`.

    Warns:
        StatisticsWarning: no class has enough cases, so that the area is NaN; or as `bootstrap_interval`.

    Raises:
        ValueError: shapes that differ, answers other than 0, 1 and NaN, scores that are not finite, an unknown measure,
            average or method, or a level or number of resamples out of range.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import multilabel_ci
        >>> generator = np.random.default_rng(0)
        >>> answers = generator.integers(0, 2, (60, 3)).astype(float)
        >>> answers[:5, 0] = np.nan
        >>> class_probs = 0.3 * np.nan_to_num(answers) + 0.7 * generator.random((60, 3))
        >>> area = multilabel_ci(answers, class_probs, resamples=500)
        >>> round(area.value, 2), area.low < area.value < area.high
        (0.83, True)
    """
    answers, class_probs = np.asarray(answers, dtype=np.float64), np.asarray(class_probs, dtype=np.float64)
    if measure not in MEASURES or average not in AVERAGES:
        raise ValueError(
            f"measure must be one of {', '.join(MEASURES)} and average one of {', '.join(AVERAGES)}, "
            f"got {measure!r} and {average!r}"
        )
    if answers.ndim != 2 or answers.shape != class_probs.shape:
        raise ValueError(f"answers and class_probs must both be (N, C), got {answers.shape} and {class_probs.shape}")
    known = ~np.isnan(answers)
    if not np.isin(answers[known], (0, 1)).all() or not np.isfinite(class_probs).all():
        raise ValueError("answers must be 0, 1 or NaN, and class_probs finite")
    require_options(method, level, resamples)
    counted = np.flatnonzero(enough_cases(answers))
    if not counted.size:
        return Estimate(undefined(TOO_FEW))
    if left_out := answers.shape[1] - counted.size:
        warn(f"averages leave out {left_out} of {answers.shape[1]} classes, which fewer than {FEW} cases have or lack")
    make = _macro if average == "macro" else _micro
    area = make(answers[:, counted], class_probs[:, counted], measure)
    return bootstrap_interval(
        area,
        float(area(np.ones((1, len(answers))))[0]),
        np.arange(len(answers)) if groups is None else groups,
        method=method,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def area_of_class(of_class: NDArray[np.float64], scores: NDArray[np.float64], measure: str = "roc_auc") -> Statistic:
    """The area under one class's curve, over the cases of which the class is known.

    Args:
        of_class: (N,) 1, 0 or NaN.
        scores: (N,).
        measure: one of MEASURES.
    """
    known = np.flatnonzero(~np.isnan(of_class))
    return MEASURES[measure](of_class[known] == 1, scores[known], known)


def _macro(answers: NDArray[np.float64], class_probs: NDArray[np.float64], measure: str) -> Statistic:
    areas = [area_of_class(*column, measure) for column in zip(answers.T, class_probs.T, strict=True)]
    return lambda weights: np.mean([area(weights) for area in areas], axis=0)


def _micro(answers: NDArray[np.float64], class_probs: NDArray[np.float64], measure: str) -> Statistic:
    cases, classes = np.nonzero(~np.isnan(answers))
    return MEASURES[measure](answers[cases, classes] == 1, class_probs[cases, classes], cases)
