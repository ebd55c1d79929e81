"""The metrics of agreement with gaze: every table of an evaluation, a report and a comparison has a row for each."""

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
    """What a case's map is compared with. Places are in pixels of the map, an integer being a pixel's centre.

    Attributes:
        heatmap: (H, W) float32, the reader's, largest value 1.
        x_px, y_px: (F,) the reader's fixations on what was shown, at least one of them on the map.
        centre_bias: (H, W) float64 of sum 1, the mean of the training heatmaps.
        other_x_px, other_y_px: (G,) fixations on training cases of other patients; there may be none.
    """

    heatmap: NDArray[np.float32]
    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]
    centre_bias: NDArray[np.float64]
    other_x_px: NDArray[np.float32]
    other_y_px: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GazeMetric:
    """How well a map agrees with gaze.

    Attributes:
        title: what tables call it.
        function: from a map, (H, W) float64, finite and not negative, and the gaze to a finite number, or None where
            it is not defined. The map is the predicted one, the centre bias, or that of other readers' gaze.
        unit: empty for a pure number.
        more_is_better: else less is.
        against: whether it compares a map with the reader's heatmap, and so depends on its sigma, or with the
            fixations themselves.
        remark: what else decides its value, said beside tables of it.
        digits: that tables show behind the decimal point.
        over_centre_bias: whether it is itself a difference from the centre bias, whose own value is 0.
        undefined: why it is None for some cases: "cases have no ...".
    """

    title: str
    function: Callable[[NDArray[np.float64], Gaze], float | None]
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


def _shuffled_auc(prediction: NDArray[np.float64], gaze: Gaze) -> float | None:
    if not len(gaze.other_x_px):
        return None
    return shuffled_auc(prediction, gaze.x_px, gaze.y_px, gaze.other_x_px, gaze.other_y_px)


#: By the names of metrics.json and predictions.parquet, in the order of tables; other packages add theirs as
#: `egaze.metrics`.
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
            undefined="cases have no fixations on training cases of others to compare with",
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
