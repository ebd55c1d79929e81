"""A study as an ordinary map-style data set of torch, for training loops of one's own."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from egaze import _core
from egaze.errors import StudyError
from egaze.imaging import to_input
from egaze.loading.augment import identity
from egaze.study import Study, open_study
from egaze.targets import KERNEL, BatchTarget, FixationHeatmap


class StudySample(TypedDict):
    """A case of a `StudyDataset`, which torch's `default_collate` makes batches of.

    Attributes:
        image: (1, S, S) float32 in [0, 1].
        labels: of exclusive labels a scalar int64, the class's index or -1 without a label; of independent ones (C,)
            float32, from 0 (absent) to 1 (present), NaN where a class teaches nothing.
        heatmap: (1, S, S) float32 in [0, 1]; zeros without gaze.
        has_gaze: a scalar bool, whether the heatmap shows gaze.
        case_id: of the case.
    """

    image: Tensor
    labels: Tensor
    heatmap: Tensor
    has_gaze: Tensor
    case_id: str


class StudyDataset(Dataset[StudySample]):
    """The cases of a study or of one of its splits, in the study's order, for `torch.utils.data.DataLoader`.

    A case is the same whenever and wherever it is read: nothing is random, and workers, forked or spawned, share
    nothing but files. Images and heatmaps are those of `DeviceLoader` without augmentation, to the bit. That loader is
    faster, and augments images and gaze together.

    Args:
        study: an open study.
        split: "train", "validation" or "test"; None for all cases.
        size_px: side of the images and heatmaps; None for the study's.
        target: what gaze becomes; None for `FixationHeatmap()`.

    Raises:
        ValueError: a size below 1.
        StudyError: an unknown or empty split, a target that cannot be made from this study, or, when the data set is
            unpickled in a spawned worker, a study that has changed.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from egaze import open_study
        >>> study = open_study("study")
        >>> dataset = study.as_dataset("train", size_px=32)
        >>> len(dataset) == len(study.splits.indices("train"))
        True
        >>> batch = next(iter(DataLoader(dataset, batch_size=4)))
        >>> batch["image"].shape, batch["labels"].dtype, len(batch["case_id"])
        (torch.Size([4, 1, 32, 32]), torch.int64, 4)
    """

    def __init__(
        self, study: Study, split: str | None = None, *, size_px: int | None = None, target: BatchTarget | None = None
    ) -> None:
        self._cases = np.arange(len(study)) if split is None else study.splits.indices(split)
        self._size_px = study.image_size_px if size_px is None else size_px
        if self._size_px < 1:
            raise ValueError(f"size_px must be at least 1, got {size_px}")
        self._target = FixationHeatmap() if target is None else target
        self._open(study)

    def _open(self, study: Study) -> None:
        """Make what each process needs for itself, so that a forked worker asks polars for nothing."""
        self._study, self._digest = study, study.digest()
        self._gaze = self._target.for_batches(study, self._size_px)
        if self._gaze.class_heatmaps is not None:
            raise ValueError("a data set has one heatmap a case: heatmaps of single classes need a DeviceLoader")
        self._values, self._case_ids = study.labels.values, study.case_ids

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, index: int) -> StudySample:
        case_index = int(self._cases[range(len(self))[index]])
        gaze, shape = self._gaze, (self._size_px, self._size_px)
        image, heatmap = (np.empty((1, 1, *shape), dtype=np.float32) for _ in range(2))
        view = identity(1)
        _core.sample_batch(
            self._study.images,
            np.array([case_index]),
            view.to_image_px(self._size_px, self._study.image_size_px),
            view.intensity,
            view.noise_key,
            view.cutouts_px(self._size_px),
            gaze.fixations,
            gaze.offsets,
            image,
            heatmap,
            normalize="max",
            threads=1,
            **KERNEL,
        )
        has_gaze = bool(gaze.has_gaze[case_index])
        if has_gaze and gaze.finished is not None:
            heatmap[0, 0] = gaze.finished(case_index) / np.float32(255)
        elif has_gaze and gaze.same_for_all is not None:
            heatmap[0, 0] = to_input(gaze.same_for_all, shape)
        return {
            "image": torch.from_numpy(image[0]),
            "labels": torch.tensor(self._values[case_index]),
            "heatmap": torch.from_numpy(heatmap[0]),
            "has_gaze": torch.tensor(has_gaze),
            "case_id": self._case_ids[case_index],
        }

    def __getstate__(self) -> dict[str, Any]:  # the attributes, whatever their types
        kept = {name: self.__dict__[name] for name in ("_cases", "_size_px", "_target", "_digest")}
        return {**kept, "_study": self._study.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        study = open_study(state.pop("_study"), check_images=False)
        if study.digest() != state["_digest"]:
            raise StudyError(f"{study.path}: has changed since the data set was made of it")
        self.__dict__.update(state)
        self._open(study)
