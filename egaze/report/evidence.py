"""Where the model's evidence for its own answer lies, for the gallery."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from egaze.loading import DeviceLoader
from egaze.models import grad_cam
from egaze.report.answers import Answers

_BATCH = 4  # gradients keep every layer of a batch in memory


def grad_cams(
    answers: Answers, rows: NDArray[np.int64], progress: Callable[[int], None] | None = None
) -> NDArray[np.float32]:
    """(K, h, w) Grad-CAM of the likeliest class of these rows' films, by the run that answers each.

    On the encoder's own feature map, at least 0, in logits: a few hundred bytes a film.

    Raises:
        RunError: a run has no checkpoint, or one that does not fit its recipe.
    """
    found: dict[int, NDArray[np.float32]] = {}
    for number, run in enumerate(answers.runs):
        places = np.flatnonzero(answers.run_of[rows] == number)
        if not len(places):
            continue
        model = run.load_model()
        loader = DeviceLoader(
            answers.study,
            answers.case_index[rows[places]],
            batch_size=_BATCH,
            size_px=run.recipe.input_size_px,
            target=run.recipe.heatmap,
            threads=os.cpu_count() or 1,
        )
        done = 0
        for batch in loader:
            for evidence in grad_cam(model, batch.image).numpy():
                found[int(places[done])] = evidence
                done += 1
            if progress:
                progress(len(found))
    return np.stack([found[place] for place in range(len(rows))])
