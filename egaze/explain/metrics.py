"""How well the maps of one radiograph agree with its reader's gaze and with its finding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from egaze.gaze import Fixations
from egaze.metrics import cc, energy_inside, iou_at_area_match, nss, pointing_game, sim

Map = NDArray[np.floating]
#: Metrics of one case by name.
CaseMetrics = dict[str, float]

#: Titles of a map's metrics in tables, by KEY, where the metric's name is MAP_KEY. Higher is better unless the title
#: says "less".
METRIC_TITLES = {
    "gaze_cc": "CC with gaze",
    "gaze_sim": "SIM with gaze",
    "gaze_nss": "NSS at fixations",
    "pointing": "peak in finding",
    "iou": "IoU at area match",
    "energy_inside": "energy in finding",
    "deletion_area": "deletion area (less)",
    "insertion_area": "insertion area (more)",
}
#: Titles of the maps in tables.
MAP_TITLES = {"grad_cam": "Grad-CAM", "predicted": "predicted gaze", "gaze": "reader's gaze", "random": "random order"}


def gaze_metrics(maps: Mapping[str, Map], gaze: Map, fixations: Fixations) -> CaseMetrics:
    """Compute CC, similarity and NSS of each map, named MAP_gaze_cc and so on.

    Args:
        maps: (H, W) arrays by name, not negative.
        gaze: (H, W) heatmap of the reader.
        fixations: in pixels of the maps; at least one must lie on them and on the part that was shown.
    """
    seen = fixations.taken(fixations.on_shown)
    metrics: CaseMetrics = {}
    for name, values in maps.items():
        metrics[f"{name}_gaze_cc"] = cc(values, gaze)
        metrics[f"{name}_gaze_sim"] = sim(values, gaze)
        metrics[f"{name}_gaze_nss"] = nss(values, seen.x_px, seen.y_px)
    return metrics


def finding_metrics(maps: Mapping[str, Map], finding: NDArray[np.bool_], tolerance_px: float) -> CaseMetrics:
    """Compute pointing game, IoU at area match and energy inside the finding of each map.

    "finding_area_frac" is the finding's share of the radiograph, which is what chance scores in the pointing game and
    in energy.

    Args:
        maps: (H, W) arrays by name, not negative.
        finding: (H, W) mask with at least one true pixel.
        tolerance_px: tolerance of the pointing game.
    """
    metrics = {"finding_area_frac": float(finding.mean())}
    for name, values in maps.items():
        metrics[f"{name}_pointing"] = pointing_game(values, finding, tolerance_px=tolerance_px)
        metrics[f"{name}_iou"] = iou_at_area_match(values, finding)
        metrics[f"{name}_energy_inside"] = energy_inside(values, finding)
    return metrics
