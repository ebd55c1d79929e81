"""How well a model classifies and how well its maps agree with gaze: pure functions on arrays."""

from egaze.evaluation.classification import bootstrap_auc, delong_test, macro_auc, roc_auc_ci
from egaze.evaluation.interval import Comparison, Interval, mean_ci
from egaze.evaluation.localisation import energy_inside, iou_at_area_match, pointing_game, region_mask
from egaze.evaluation.saliency import cc, kld, nss, sim

__all__ = [
    "Comparison",
    "Interval",
    "bootstrap_auc",
    "cc",
    "delong_test",
    "energy_inside",
    "iou_at_area_match",
    "kld",
    "macro_auc",
    "mean_ci",
    "nss",
    "pointing_game",
    "region_mask",
    "roc_auc_ci",
    "sim",
]
