"""One rule for values that are not defined: NaN and a warning that says why, whichever function is asked."""

import inspect
import math
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from egaze import metrics
from egaze.metrics import KScale, StatisticsWarning
from egaze.metrics.gaze_metrics import GAZE_METRICS, Gaze
from egaze.metrics.over_seeds import aucs_over_seeds, mean_over_seeds
from egaze.metrics.paired import paired_aucs, paired_mean

MAP, NO_MASK = np.arange(12.0).reshape(3, 4), np.zeros((3, 4), bool)
ONE_CLASS = ([1, 1, 1], [0.1, 0.2, 0.3])
NO_CASE: tuple[list[int], list[float]] = ([], [])
OFF_THE_MAP = ([-5.0], [2.0])
CLASS_PROBS = np.full((3, 2), 0.5)

UNDEFINED = {
    "at_threshold": [(*NO_CASE, 0.5)],
    "auc_borji": [(MAP, *OFF_THE_MAP), (MAP, [], [])],
    "auc_judd": [(MAP, *OFF_THE_MAP), (MAP, [], [])],
    "average_precision_ci": [ONE_CLASS, NO_CASE],
    "bootstrap_auc": [ONE_CLASS, NO_CASE],
    "bootstrap_test": [(*ONE_CLASS, ONE_CLASS[1])],
    "crossed_mean_ci": [([], [], [])],
    "delong_test": [(*ONE_CLASS, ONE_CLASS[1])],
    "edit_similarity": [([], [])],
    "energy_inside": [(MAP, NO_MASK)],
    "event_agreement": [([], [], [], [])],
    "expected_calibration_error": [NO_CASE],
    "information_gain": [(MAP, MAP, *OFF_THE_MAP)],
    "iou_at_area_match": [(MAP, NO_MASK)],
    "k_coefficient": [([], [], KScale(0.2, 0.1, 3.0, 1.0)), ([0.2], [1.0], KScale.of([0.2], [1.0]))],
    "macro_auc": [(ONE_CLASS[0], CLASS_PROBS), ([], CLASS_PROBS[:0])],
    "macro_auc_ci": [(ONE_CLASS[0], CLASS_PROBS), ([], CLASS_PROBS[:0])],
    "mean_ci": [([],)],
    "mean_cis": [(np.zeros((0, 2)),)],
    "model_kappa_ci": [([1, 0], np.full((2, 2), np.nan)), ([1, 1], np.ones((2, 2)))],
    "multilabel_ci": [(np.ones((3, 2)), CLASS_PROBS), (np.zeros((0, 2)), CLASS_PROBS[:0])],
    "multimatch": [(([1, 2], [1, 2], [0.1, 0.2]), ([1, 2, 3], [1, 2, 3], [0.1, 0.2, 0.3]), (4, 4))],
    "multiclass_ci": [(ONE_CLASS[0], CLASS_PROBS), ([], CLASS_PROBS[:0])],
    "nss": [(MAP, *OFF_THE_MAP), (MAP, [], [])],
    "pointing_game": [(MAP, NO_MASK)],
    "readers_kappa_ci": [(np.full((2, 2), np.nan),), (np.ones((3, 2)),)],
    "roc_auc_ci": [ONE_CLASS, NO_CASE],
    "roc_curve_band": [ONE_CLASS],
    "scanmatch": [([], [], [[1.0]])],
    "shuffled_auc": [(MAP, *OFF_THE_MAP, [1], [1]), (MAP, [1], [1], [], [])],
    "stationary_entropy": [([0, 0],), ([],)],
    "transition_entropy": [(np.zeros((2, 2)),)],
    "wilson_ci": [(0, 0)],
}
OVER_SEEDS = [
    (aucs_over_seeds, ([0, 0, 0], CLASS_PROBS[None])),
    (aucs_over_seeds, (np.zeros(0, int), CLASS_PROBS[None, :0])),
    (mean_over_seeds, (np.zeros((2, 0)),)),
    (paired_aucs, ([0, 0, 0], CLASS_PROBS[None], CLASS_PROBS[None])),
    (paired_mean, (np.zeros((2, 0)), np.zeros((2, 0)))),
]
ALWAYS_DEFINED = {
    "area_visits": "its attributes explain each other",
    "areas_in_time": "areas",
    "areas_of_fixations": "areas",
    "areas_of_grid": "areas",
    "areas_of_masks": "areas",
    "brier_scores": "one value per case",
    "cc": "0 for a constant map",
    "confusion_matrix": "counts",
    "enough_cases": "counts",
    "fit_temperature": "chooses a setting",
    "grid_substitution": "scores of a grid",
    "holm": "an undefined p-value stays as it is",
    "kld": "a map of zeros is taken as uniform",
    "log_losses": "one value per case",
    "region_gaze": "its attributes explain each other",
    "region_mask": "a mask",
    "reliability_curve": "bins without cases are left out",
    "scale_by_temperature": "probabilities",
    "saccades_between": "one value per step, a step of 0 has no direction",
    "sim": "a map of zeros is taken as uniform",
    "specificity_threshold": "chooses a setting",
    "transition_matrix": "counts",
    "youden_threshold": "chooses a setting",
}


def numbers(result):
    """The floating-point values of a result, its thresholds and grids left out."""
    if isinstance(result, (list, tuple)):
        return [number for item in result for number in numbers(item)]
    if is_dataclass(result):
        named = [field.name for field in fields(result) if field.name not in ("threshold", "band_fall_out")]
        return [number for name in named for number in numbers(getattr(result, name))]
    if isinstance(result, np.ndarray):
        return result.ravel().tolist()
    return [result] if isinstance(result, float) else []


def test_every_public_function_is_under_the_rule():
    functions = {name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))}
    assert functions == UNDEFINED.keys() | ALWAYS_DEFINED.keys()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        *((getattr(metrics, name), arguments) for name, examples in UNDEFINED.items() for arguments in examples),
        *OVER_SEEDS,
    ],
)
def test_an_undefined_value_is_nan_and_says_why(function, arguments):
    with pytest.warns(StatisticsWarning) as warned:
        result = function(*arguments)
    assert numbers(result) and all(math.isnan(number) for number in numbers(result))
    reason = str(warned[0].message)
    assert any(words in reason for words in ("needs cases", "not defined", "lies on the map", "empty mask"))


@pytest.mark.parametrize("name", GAZE_METRICS)
def test_metrics_of_the_registry_give_nan_or_a_number(name):
    metric, nowhere = GAZE_METRICS[name], np.array([-5.0], np.float32)
    truth, centre_bias = MAP.astype(np.float32) / 11, np.full(MAP.shape, 1 / 12)
    gaze = Gaze(truth, nowhere, nowhere, centre_bias, nowhere[:0], nowhere[:0])
    if metric.against == "heatmap":
        assert math.isfinite(metric.function(MAP, gaze))
        return
    with pytest.warns(StatisticsWarning, match="no fixation"):
        assert math.isnan(metric.function(MAP, gaze))
    on_map = np.array([1.0], np.float32)
    assert math.isfinite(metric.function(MAP, Gaze(truth, on_map, on_map, centre_bias, on_map, on_map)))


def test_options_are_checked_before_the_data():
    for function in (metrics.roc_auc_ci, metrics.bootstrap_auc, metrics.average_precision_ci):
        with pytest.raises(ValueError, match=r"level must be in \(0, 1\), got 95"):
            function(*ONE_CLASS, level=95)
    with pytest.raises(ValueError, match="at least 100 resamples, got 3"):
        metrics.mean_ci([], resamples=3)
