"""Where the model's evidence for its own answer lies, for the gallery."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from egaze.explain import grad_cam, to_film_size
from egaze.loading import DeviceLoader
from egaze.report.encode import HEATMAP_PX
from egaze.study import Study
from egaze.training.run import Run

_BATCH = 16


def grad_cams(
    run: Run, study: Study, cases: NDArray[np.int64], progress: Callable[[int, int], None] | None = None
) -> NDArray[np.float32]:
    """(K, h, w) Grad-CAM of each case's likeliest class on the model's canvas, at least 0, in logits.

    Raises:
        RunError: the run has no checkpoint, or one that does not fit its recipe.
    """
    model = run.load_model()
    loader = DeviceLoader(
        study,
        cases,
        batch_size=_BATCH,
        size_px=run.recipe.input_size_px,
        target=run.recipe.heatmap,
        threads=os.cpu_count() or 1,
    )
    maps = []
    for step, batch in enumerate(loader):
        evidence = grad_cam(model, batch.image)
        maps.append(to_film_size(evidence, (HEATMAP_PX, HEATMAP_PX)).numpy())
        if progress:
            progress(step + 1, len(loader))
    return np.concatenate(maps)
