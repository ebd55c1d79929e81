"""Published figures on EGD-CXR, to print beside one's own."""

from __future__ import annotations

from dataclasses import dataclass

from egaze.metrics.resampling import Estimate

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Published:
    """AUCs that a paper reports on EGD-CXR: by class name, and their mean as "macro".

    Attributes:
        split_seeds: of the data set's published splits (8:1:1 by patient), those that it may have been measured on:
            one, or both where it does not say.
    """

    name: str
    source: str
    split_seeds: tuple[int, ...]
    auc: dict[str, Estimate]


PUBLISHED = (
    Published(
        "encoder only, no gaze",
        "Karargyris et al. 2021, seed-42 split",
        (42,),
        {
            "macro": Estimate(0.8609, _NAN, _NAN),
            "normal": Estimate(0.898, _NAN, _NAN),
            "chf": Estimate(0.885, _NAN, _NAN),
            "pneumonia": Estimate(0.800, _NAN, _NAN),
        },
    ),
    Published(
        "U-Net with gaze",
        "Karargyris et al. 2021, seed-42 split",
        (42,),
        {
            "macro": Estimate(0.8613, _NAN, _NAN),
            "normal": Estimate(0.906, _NAN, _NAN),
            "chf": Estimate(0.889, _NAN, _NAN),
            "pneumonia": Estimate(0.789, _NAN, _NAN),
        },
    ),
    Published(
        "U-Net with heatmap generators",
        "Watanabe et al. 2022, split not stated",
        (42, 1),
        {
            "macro": Estimate(0.913, 0.860, 0.966),
            "chf": Estimate(0.962, 0.933, 0.989),
            "pneumonia": Estimate(0.859, 0.732, 0.957),
        },
    ),
    Published("GazeGNN", "seed-1 split, best epoch picked on test", (1,), {"macro": Estimate(0.923, _NAN, _NAN)}),
)
