"""Which published figures may stand beside a study's."""

from __future__ import annotations

from egaze.metrics.literature import PUBLISHED, Published
from egaze.study import Study
from egaze.study.published_splits import published_split_seed


def published_figures(study: Study, split: str) -> tuple[Published, ...]:
    """The papers that report on this split: of EGD-CXR's published splits, and the test split alone."""
    seed = published_split_seed(study) if split == "test" else None
    return tuple(paper for paper in PUBLISHED if seed in paper.split_seeds)
