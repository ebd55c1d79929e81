"""The registry of metrics of agreement with gaze.

Every table of an evaluation, a report and a comparison has a row for each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from egaze.metrics.saliency import EPS, auc_borji, auc_judd, cc, information_gain, kld, nss, shuffled_auc, sim
from egaze.registry import Registry


@dataclass(frozen=True, slots=True, eq=False)
class Gaze:
    """What the map of a case is compared with. Positions are in pixels of the map; integers are pixel centres.

    Attributes:
        heatmap: (H, W) float32, the reader's heatmap, with a largest value of 1.
        x_px, y_px: (F,) the reader's fixations on the part shown, at least one of them on the map.
        centre_bias: (H, W) float64, the mean of the training heatmaps, summing to 1.
        other_x_px, other_y_px: (G,) fixations on training cases of other patients, possibly none.
    """

    heatmap: NDArray[np.float32]
    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]
    centre_bias: NDArray[np.float64]
    other_x_px: NDArray[np.float32]
    other_y_px: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GazeMetric:
    """A metric of how well a map agrees with gaze.

    Attributes:
        title: its name in tables.
        function: takes a map, (H, W) float64, finite and nowhere negative, and the gaze, and returns a finite number,
            or NaN where the metric is not defined. The map is the predicted heatmap, the centre bias, or the heatmap of
            other readers' gaze.
        unit: empty for a pure number.
        more_is_better: whether a larger value is better; otherwise a smaller one is.
        against: whether the map is compared with the reader's heatmap, so that the value depends on its sigma, or with
            the fixations themselves.
        remark: what else the value depends on, shown beside tables.
        digits: decimals shown in tables, 0 to 10.
        over_centre_bias: whether it is itself a difference from the centre bias, whose own value is 0.
        undefined: the reason recorded where it is NaN; it follows a count, as in "3 cases have no ...".

    Raises:
        ValueError: another `against`, or `digits` out of range.
    """

    title: str
    function: Callable[[NDArray[np.float64], Gaze], float]
    unit: str = ""
    more_is_better: bool = True
    against: Literal["heatmap", "fixations"] = "fixations"
    remark: str = ""
    digits: int = 3
    over_centre_bias: bool = False
    undefined: str = "cases lack what it needs"

    def __post_init__(self) -> None:
        if self.against not in ("heatmap", "fixations"):
            raise ValueError(f"against must be heatmap or fixations, got {self.against!r}")
        if not 0 <= self.digits <= 10:
            raise ValueError(f"digits must be 0 to 10, got {self.digits}")


def _shuffled_auc(prediction: NDArray[np.float64], gaze: Gaze) -> float:
    return shuffled_auc(prediction, gaze.x_px, gaze.y_px, gaze.other_x_px, gaze.other_y_px)


#: Metrics by the names they have in metrics.json and predictions.parquet, in the order of tables. Other packages add
#: metrics by entry points in the group `egaze.metrics`.
GAZE_METRICS: Registry[GazeMetric] = Registry(
    "egaze.metrics",
    "metric",
    {
        "cc": GazeMetric(
            "CC", lambda map_, gaze: cc(map_, gaze.heatmap), against="heatmap", remark="0 for a constant map"
        ),
        "sim": GazeMetric("SIM", lambda map_, gaze: sim(map_, gaze.heatmap), against="heatmap"),
        "kld": GazeMetric(
            "KL divergence",
            lambda map_, gaze: kld(map_, gaze.heatmap),
            unit="nats",
            more_is_better=False,
            against="heatmap",
            remark=f"eps {EPS}",
        ),
        "nss": GazeMetric(
            "NSS",
            lambda map_, gaze: nss(map_, gaze.x_px, gaze.y_px),
            unit="standard deviations",
            remark="0 for a constant map",
        ),
        "auc_judd": GazeMetric(
            "AUC-Judd",
            lambda map_, gaze: auc_judd(map_, gaze.x_px, gaze.y_px),
            remark="equal values share a threshold, without jitter",
        ),
        "auc_borji": GazeMetric(
            "AUC-Borji",
            lambda map_, gaze: auc_borji(map_, gaze.x_px, gaze.y_px),
            remark="100 draws, thresholds in steps of 0.1",
        ),
        "shuffled_auc": GazeMetric(
            "shuffled AUC",
            _shuffled_auc,
            remark="against all fixations on training cases of other patients",
            undefined="cases have no fixations on training cases of other patients to compare with",
        ),
        "information_gain": GazeMetric(
            "information gain",
            lambda map_, gaze: information_gain(map_, gaze.centre_bias, gaze.x_px, gaze.y_px),
            unit="bits per fixation",
            remark=f"over the centre bias, eps {EPS}",
            over_centre_bias=True,
        ),
    },
    fits=lambda item: isinstance(item, GazeMetric),
)
