"""How far the maps of one radiograph agree with its reader's gaze, with its finding and with each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from egaze.gaze import Fixations
from egaze.metrics import cc, energy_inside, iou_at_area_match, nss, pointing_game, sim

Map = NDArray[np.floating]
Numbers = dict[str, float]

#: What tables call a map's numbers, which are named MAP_KEY; more is better unless they say less.
MEASURES = {
    "gaze_cc": "CC with gaze",
    "gaze_sim": "SIM with gaze",
    "gaze_nss": "NSS at fixations",
    "pointing": "peak in finding",
    "iou": "IoU at area match",
    "energy_inside": "energy in finding",
    "deletion_area": "deletion area (less)",
    "insertion_area": "insertion area (more)",
}
#: What tables call the maps.
MAPS = {"grad_cam": "Grad-CAM", "predicted": "predicted gaze", "gaze": "reader's gaze", "random": "random order"}


def with_gaze(maps: Mapping[str, Map], gaze: Map, fixations: Fixations) -> Numbers:
    """CC, similarity and NSS of each map, named MAP_gaze_cc and so on.

    Args:
        maps: (H, W) each, not negative, by name.
        gaze: (H, W) the reader's heatmap.
        fixations: in pixels of the maps, one of them at least on them and on the part that was shown.
    """
    seen = fixations.taken(fixations.on_shown)
    numbers: Numbers = {}
    for name, values in maps.items():
        numbers[f"{name}_gaze_cc"] = cc(values, gaze)
        numbers[f"{name}_gaze_sim"] = sim(values, gaze)
        numbers[f"{name}_gaze_nss"] = nss(values, seen.x_px, seen.y_px)
    return numbers


def with_finding(maps: Mapping[str, Map], finding: NDArray[np.bool_], tolerance_px: float) -> Numbers:
    """Pointing game, IoU at area match and energy inside of each map, and what chance scores at the first and third.

    Args:
        maps: (H, W) each, not negative, by name.
        finding: (H, W), somewhere true.
        tolerance_px: of the pointing game.
    """
    numbers = {"finding_area_frac": float(finding.mean())}
    for name, values in maps.items():
        numbers[f"{name}_pointing"] = pointing_game(values, finding, tolerance_px=tolerance_px)
        numbers[f"{name}_iou"] = iou_at_area_match(values, finding)
        numbers[f"{name}_energy_inside"] = energy_inside(values, finding)
    return numbers
