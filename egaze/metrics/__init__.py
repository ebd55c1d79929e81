"""Metrics of classification, calibration and agreement with gaze: pure functions of arrays.

One rule holds for values that are not defined:

- Where the data do not define a metric (cases of one class, no case at all, no fixation on the map, an empty mask), the
  function returns NaN, in every attribute of an `Estimate` or a `Comparison`, and a `StatisticsWarning` gives the
  reason. `egaze.metrics.estimate.noting` turns these warnings into the notes of a stored result, in which NaN is null.
- Where only the interval is not defined, `low`, `high` and `p_value` are NaN, also with a warning.
- A limit that is defined by convention is an ordinary value: `cc` and `nss` of a constant map are 0, its AUCs are 0.5.
- `RegionGaze`, `AreaVisits` and `EventAgreement` have several attributes: those that are NaN without a warning are
  explained by the others.
- Arguments that no data could make valid (shapes that differ, values that are not finite, options out of range) raise
  ValueError, as does choosing a setting (a threshold, a temperature) from no cases.
- No function returns None.
"""

from egaze.metrics.areas import (
    AreaVisits,
    area_visits,
    areas_of_fixations,
    areas_of_grid,
    areas_of_masks,
    stationary_entropy,
    transition_entropy,
    transition_matrix,
)
from egaze.metrics.auc import average_precision_ci, bootstrap_auc, bootstrap_test, delong_test, roc_auc_ci
from egaze.metrics.calibration import (
    brier_scores,
    expected_calibration_error,
    fit_temperature,
    log_losses,
    reliability_curve,
    scale_by_temperature,
)
from egaze.metrics.crossed import crossed_mean_ci
from egaze.metrics.estimate import Comparison, Estimate, StatisticsWarning
from egaze.metrics.event_agreement import EventAgreement, event_agreement
from egaze.metrics.intervals import mean_ci, mean_cis, wilson_ci
from egaze.metrics.localisation import energy_inside, iou_at_area_match, pointing_game, region_mask
from egaze.metrics.multiclass_auc import confusion_matrix, macro_auc, macro_auc_ci, multiclass_ci
from egaze.metrics.multilabel_auc import enough_cases, multilabel_ci
from egaze.metrics.operating_point import OperatingPoint, at_threshold, specificity_threshold, youden_threshold
from egaze.metrics.paired import holm
from egaze.metrics.reader_kappa import model_kappa_ci, readers_kappa_ci
from egaze.metrics.roc_curve import RocCurve, roc_curve_band
from egaze.metrics.saccades import KScale, Saccades, k_coefficient, saccades_between
from egaze.metrics.saliency import auc_borji, auc_judd, cc, information_gain, kld, nss, shuffled_auc, sim
from egaze.metrics.scanpath import RegionGaze, region_gaze
from egaze.metrics.scanpath_similarity import (
    MultiMatch,
    areas_in_time,
    edit_similarity,
    grid_substitution,
    multimatch,
    scanmatch,
)

__all__ = [
    "AreaVisits",
    "Comparison",
    "Estimate",
    "EventAgreement",
    "KScale",
    "MultiMatch",
    "OperatingPoint",
    "RegionGaze",
    "RocCurve",
    "Saccades",
    "StatisticsWarning",
    "area_visits",
    "areas_in_time",
    "areas_of_fixations",
    "areas_of_grid",
    "areas_of_masks",
    "at_threshold",
    "auc_borji",
    "auc_judd",
    "average_precision_ci",
    "bootstrap_auc",
    "bootstrap_test",
    "brier_scores",
    "cc",
    "confusion_matrix",
    "crossed_mean_ci",
    "delong_test",
    "edit_similarity",
    "energy_inside",
    "enough_cases",
    "event_agreement",
    "expected_calibration_error",
    "fit_temperature",
    "grid_substitution",
    "holm",
    "information_gain",
    "iou_at_area_match",
    "k_coefficient",
    "kld",
    "log_losses",
    "macro_auc",
    "macro_auc_ci",
    "mean_ci",
    "mean_cis",
    "model_kappa_ci",
    "multiclass_ci",
    "multilabel_ci",
    "multimatch",
    "nss",
    "pointing_game",
    "readers_kappa_ci",
    "region_gaze",
    "region_mask",
    "reliability_curve",
    "roc_auc_ci",
    "roc_curve_band",
    "saccades_between",
    "scale_by_temperature",
    "scanmatch",
    "shuffled_auc",
    "sim",
    "specificity_threshold",
    "stationary_entropy",
    "transition_entropy",
    "transition_matrix",
    "wilson_ci",
    "youden_threshold",
]
