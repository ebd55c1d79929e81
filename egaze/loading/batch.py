"""The batch that a training step receives."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from egaze.labels import PRESENT, LabelKind


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A batch of N samples on one device.

    Attributes:
        image: (N, 1, H, W) float32 in [0, 1].
        heatmap: (N, 1, H, W) float32 in [0, 1]; zeros for samples without gaze.
        has_gaze: (N,) bool, whether the heatmap shows gaze; all false if the loader has no target.
        label: of exclusive labels (N,) int64 class index, -1 for samples without a label; of independent ones (N, C)
            float32, from 0 (absent) to 1 (present), NaN where a class is not known.
        has_label: (N,) bool, whether any class is known.
        case_index: (N,) int64 index of the sample in the study.
        class_heatmap: (N, M, H, W) float32 in [0, 1], heatmaps that each teach one class; None, as the next two are, if
            the loader's target has none.
        class_heatmap_index: (N, M) int64, the class of each of them; -1 for one that teaches nothing.
        gaze_is_named: (N,) bool, whether gaze teaches by some of them, and not as a whole.
    """

    image: Tensor
    heatmap: Tensor
    has_gaze: Tensor
    label: Tensor
    has_label: Tensor
    case_index: Tensor
    class_heatmap: Tensor | None = None
    class_heatmap_index: Tensor | None = None
    gaze_is_named: Tensor | None = None

    @property
    def label_kind(self) -> LabelKind:
        """What the labels are."""
        return "exclusive" if self.label.ndim == 1 else "independent"

    @property
    def present_classes(self) -> Tensor:
        """(N, C) bool, of independent labels the classes that are present."""
        return self.label > PRESENT

    @property
    def shows_class(self) -> Tensor:
        """(N,) bool, whether a sample has a class that its gaze may be about: a label, or a present class."""
        return self.has_label if self.label_kind == "exclusive" else self.present_classes.any(dim=1)

    def __len__(self) -> int:
        return len(self.case_index)

    def first(self, count: int) -> Batch:
        """Return the first `count` samples, sharing memory with this batch."""
        return Batch(*(tensor[:count] for tensor in self.tensors()))

    def empty_like(self, device: torch.device) -> Batch:
        """Allocate an uninitialised batch of the same shapes on another device."""
        return Batch(*(torch.empty_like(tensor, device=device) for tensor in self.tensors()))

    def copy_(self, source: Batch) -> None:
        """Copy `source` into this batch, without waiting for the copy if the source's memory is pinned."""
        for tensor, other in zip(self.tensors(), source.tensors(), strict=True):
            tensor.copy_(other, non_blocking=True)

    def tensors(self) -> list[Tensor]:
        """Return the tensors that there are, in the order of the attributes."""
        return [tensor for field in fields(self) if (tensor := getattr(self, field.name)) is not None]
