"""Areas under curves over several classes, each against the others.

The macro average is the mean over classes; the micro average is one curve over all pairs of a case and a class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.auc import ONE_CLASS
from egaze.metrics.estimate import Estimate, undefined, warn
from egaze.metrics.resampling import Statistic, bootstrap_interval, require_options
from egaze.metrics.weighted_areas import weighted_auc, weighted_average_precision

MEASURES = {"roc_auc": weighted_auc, "average_precision": weighted_average_precision}
AVERAGES = ("macro", "micro")


def macro_auc(labels: ArrayLike, class_probs: ArrayLike) -> float:
    """The mean one-versus-rest AUC over the classes that some cases have and some have not, in [0, 1].

    Args:
        labels: (N,) class numbers, 0 to C - 1; or (N, C), 1 where a case has a class, 0 where it has not, and NaN where
            that is not known. An AUC is that of the cases of which its class is known.
        class_probs: (N, C).

    Warns:
        StatisticsWarning: all cases are of one class, or there is none, so that the AUC is NaN.

    Example:
        >>> from egaze.metrics import macro_auc
        >>> labels = [0, 1, 2, 1]
        >>> class_probs = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.5, 0.3, 0.2], [0.4, 0.2, 0.4]]
        >>> round(macro_auc(labels, class_probs), 3)
        0.806
    """
    answers, class_probs = np.asarray(labels), np.asarray(class_probs, dtype=np.float64)
    if answers.ndim == 1:
        answers = (answers[:, None] == np.arange(class_probs.shape[1])).astype(np.float64)
    areas = []
    for of_class, probs in zip(answers.T, class_probs.T, strict=True):
        known = ~np.isnan(of_class)
        is_class = of_class[known] == 1
        if 0 < is_class.sum() < len(is_class):
            areas.append(weighted_auc(is_class, probs[known])(np.ones((1, len(is_class)))))
    return float(np.mean(areas, axis=0)[0]) if areas else undefined(ONE_CLASS)


def macro_auc_ci(
    labels: ArrayLike,
    class_probs: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean one-versus-rest AUC with a bootstrap interval over groups (patients), stratified by class.

    Args:
        labels: (N,) class numbers, 0 to C - 1.
        class_probs: (N, C) finite.
        groups, method, level, resamples, seed: as for `multiclass_ci`.

    Warns:
        StatisticsWarning: as `multiclass_ci`.

    Raises:
        ValueError: as `multiclass_ci`.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import macro_auc_ci
        >>> labels = np.repeat([0, 1, 2], 10)
        >>> class_probs = np.eye(3)[labels] * 0.3 + np.random.default_rng(0).dirichlet([1, 1, 1], 30) * 0.7
        >>> area = macro_auc_ci(labels, class_probs, resamples=500)
        >>> round(area.value, 3), area.low < area.value < area.high
        (0.943, True)
    """
    return multiclass_ci(labels, class_probs, groups, method=method, level=level, resamples=resamples, seed=seed)


def multiclass_ci(
    labels: ArrayLike,
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
    """An average area over all classes with a bootstrap interval over groups (patients), stratified by class.

    Args:
        labels: (N,) class numbers, 0 to C - 1.
        class_probs: (N, C) finite.
        groups: (N,) the patient of each case; when None, every case is a group of its own.
        measure: "roc_auc" or "average_precision".
        average: "macro", the mean over the classes that some cases have and some have not, or "micro", one curve over
            all N x C pairs of a case and a class, of which N are true.
        method, level, resamples, seed: as for `bootstrap_auc`.

    Warns:
        StatisticsWarning: all cases are of one class, or there is none, so that the area is NaN; the macro average
            leaves classes out; fewer than 10 patients of a class; or resamples that do not define the area.

    Raises:
        ValueError: shapes that do not match, scores that are not finite, an unknown measure, average or method, or a
            level or number of resamples out of range.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import multiclass_ci
        >>> labels = np.repeat([0, 1, 2], 10)
        >>> class_probs = np.eye(3)[labels] * 0.3 + np.random.default_rng(0).dirichlet([1, 1, 1], 30) * 0.7
        >>> area = multiclass_ci(labels, class_probs, measure="average_precision", average="micro", resamples=500)
        >>> round(area.value, 3), area.low < area.value < area.high
        (0.9, True)
    """
    labels, class_probs = np.asarray(labels), np.asarray(class_probs, dtype=np.float64)
    if measure not in MEASURES or average not in AVERAGES:
        raise ValueError(
            f"measure must be one of {', '.join(MEASURES)} and average one of {', '.join(AVERAGES)}, "
            f"got {measure!r} and {average!r}"
        )
    if labels.ndim != 1 or class_probs.ndim != 2 or len(labels) != len(class_probs):
        raise ValueError(f"labels must be (N,) and class_probs (N, C), got {labels.shape} and {class_probs.shape}")
    if not np.isfinite(class_probs).all():
        raise ValueError("class_probs must be finite")
    require_options(method, level, resamples)
    macro = _macro(labels, class_probs, measure)
    if macro is None:
        return Estimate(undefined(ONE_CLASS))
    missing = sum(not (labels == number).any() for number in range(class_probs.shape[1]))
    if average == "macro" and missing:
        warn(f"the macro average leaves out {missing} of {class_probs.shape[1]} classes, which no case has")
    area = macro if average == "macro" else _micro(labels, class_probs, measure)
    return bootstrap_interval(
        area,
        float(area(np.ones((1, len(labels))))[0]),
        np.arange(len(labels)) if groups is None else groups,
        strata=labels,
        method=method,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """The number of cases by class (rows) and predicted class (columns).

    Args:
        labels: (N,) class numbers.
        predicted: (N,) class numbers.
        classes: the number of classes.

    Returns:
        (classes, classes) int64 counts.

    Raises:
        ValueError: shapes that differ, or a class number outside 0 to classes - 1.

    Example:
        >>> from egaze.metrics import confusion_matrix
        >>> print(confusion_matrix(labels=[0, 1, 2, 1], predicted=[0, 1, 0, 2], classes=3))
        [[1 0 0]
         [0 1 1]
         [1 0 0]]
    """
    labels, predicted = np.asarray(labels, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if labels.ndim != 1 or labels.shape != predicted.shape:
        raise ValueError(f"labels and predicted must both be (N,), got {labels.shape} and {predicted.shape}")
    if not np.isin(np.concatenate([labels, predicted]), np.arange(classes)).all():
        raise ValueError(f"class numbers must be 0 to {classes - 1}, got {np.unique([labels, predicted])[:5]}")
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def _macro(labels: NDArray[np.integer], class_probs: NDArray[np.float64], measure: str) -> Statistic | None:
    present = [number for number in range(class_probs.shape[1]) if 0 < (labels == number).sum() < len(labels)]
    areas = [MEASURES[measure](labels == number, class_probs[:, number]) for number in present]
    if not areas:
        return None
    return lambda weights: np.mean([area(weights) for area in areas], axis=0)


def _micro(labels: NDArray[np.integer], class_probs: NDArray[np.float64], measure: str) -> Statistic:
    classes = class_probs.shape[1]
    positive = labels[:, None] == np.arange(classes)
    return MEASURES[measure](positive.ravel(), class_probs.ravel(), np.repeat(np.arange(len(labels)), classes))
