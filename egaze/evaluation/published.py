"""Which published figures may stand beside a study's."""

from __future__ import annotations

from typing import Any

from egaze.evaluation.figures import figure
from egaze.metrics.published import PUBLISHED
from egaze.study import Study
from egaze.study.published import published_split_seed


def published_figures(study: Study, side: str) -> list[dict[str, Any]]:
    """[{name, source, auc: {"macro" or class: figure}}] of the test side of EGD-CXR's published splits; none of any
    other study, split or side, whose figures theirs cannot be compared with."""
    seed = published_split_seed(study) if side == "test" else None
    return [
        {"name": paper.name, "source": paper.source, "auc": {key: figure(value) for key, value in paper.auc.items()}}
        for paper in PUBLISHED
        if seed in paper.split_seeds
    ]
