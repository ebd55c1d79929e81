"""Published results on EGD-CXR, to be shown beside those of a run."""

from __future__ import annotations

from dataclasses import dataclass

from egaze.metrics.estimate import Estimate

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Published:
    """The AUCs that a paper reports on EGD-CXR.

    Attributes:
        name: of the model.
        source: the paper and what it says of the split.
        split_seeds: the seeds of the published splits (8:1:1 by patient) that may have been used: one, or both where
            the paper does not state it.
        auc: by class name, and their mean as "macro".
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
