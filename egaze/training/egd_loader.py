"""Batches with the heatmap that the EGD-CXR baseline's published code trains on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from egaze.gaze import Fixations
from egaze.loading import Batch, DeviceLoader
from egaze.loading.egd_target import egd_target
from egaze.study import Study


class EgdLoader:
    """A device loader whose batches hold `egd_target`'s heatmaps, about .118 to .843, in place of its own.

    The heatmaps are of whole films stretched to the canvas, so the loader's views must leave films where they are.
    All are made at once and kept on the device, a byte a pixel.

    Args:
        loader: whose batches to change.
        study: the loader's, its films stretched.
        cases: indices of all the cases that the loader gives.
        size_px: the loader's.
        device: the loader's.
        threads: the heatmaps do not depend on it.
    """

    def __init__(
        self,
        loader: DeviceLoader,
        study: Study,
        cases: NDArray[np.int64],
        *,
        size_px: int,
        device: torch.device,
        threads: int = 1,
    ) -> None:
        self._loader = loader
        targets = np.zeros((len(cases), 1, size_px, size_px), dtype=np.uint8)
        rows = np.full(len(study), -1, dtype=np.int64)
        rows[cases] = np.arange(len(cases))
        for case_index in cases[study.has_gaze[cases]]:
            targets[rows[case_index], 0] = _target(study, int(case_index), size_px, threads)
        self._targets = torch.from_numpy(targets).to(device)
        self._rows = torch.from_numpy(rows).to(device)

    def __len__(self) -> int:
        return len(self._loader)

    def set_epoch(self, epoch: int) -> None:
        """See `DeviceLoader.set_epoch`."""
        self._loader.set_epoch(epoch)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._loader:
            yield replace(batch, heatmap=self._targets[self._rows[batch.case_index]].float() / 255.0)


def _target(study: Study, case_index: int, size_px: int, threads: int) -> NDArray[np.uint8]:
    part = slice(study.offsets[case_index], study.offsets[case_index + 1])
    x_px, y_px = (study.gaze[name][part].to_numpy() for name in ("x_px", "y_px"))
    fixations = Fixations(x_px, y_px, study.duration_s[part])
    film_shape = int(study.cases["height_px"][case_index]), int(study.cases["width_px"][case_index])
    return egd_target(fixations, film_shape, size_px, threads=threads)
