"""Which published figures may stand beside a study's."""

from __future__ import annotations

from egaze.metrics.published import PUBLISHED, Published
from egaze.study import Study
from egaze.study.published import published_split_seed


def published_figures(study: Study, side: str) -> tuple[Published, ...]:
    """The papers that report on this side of this split: of EGD-CXR's published splits, and the test side alone."""
    seed = published_split_seed(study) if side == "test" else None
    return tuple(paper for paper in PUBLISHED if seed in paper.split_seeds)
