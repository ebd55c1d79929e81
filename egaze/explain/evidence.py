"""Where a run's evidence for its own answers lies, without anything that it is compared with."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from egaze.loading import DeviceLoader
from egaze.models import grad_cam
from egaze.study import Study
from egaze.training import Run

_BATCH_SIZE = 4  # gradients keep every layer of a batch in memory


def evidence_maps(
    run: Run, study: Study, cases: NDArray[np.int64], progress: Callable[[int], None] | None = None
) -> NDArray[np.float32]:
    """(K, h, w) Grad-CAM of each radiograph's likeliest class by the run's best model, for K cases of the study.

    It is on the encoder's coarsest feature map, at least 0, in logits: a few hundred bytes a radiograph.

    Args:
        run: whose model it is.
        study: the run's.
        cases: (K,) places in it, one at least.
        progress: called with how many are done.

    Raises:
        RunError: there is no checkpoint, or one that does not fit the run's recipe.
    """
    model, recipe = run.load_model(), run.recipe
    loader = DeviceLoader(
        study,
        cases,
        batch_size=_BATCH_SIZE,
        size_px=recipe.input_size_px,
        target=None,
        threads=os.cpu_count() or 1,
    )
    found: list[NDArray[np.float32]] = []
    for batch in loader:
        found.extend(grad_cam(model, batch.image).numpy())
        if progress:
            progress(len(found))
    return np.stack(found)
