"""What a training step gets."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """N samples on one device.

    Attributes:
        image: (N, 1, H, W) float32 in [0, 1].
        heatmap: (N, 1, H, W) float32 in [0, 1], zeros without gaze.
        has_gaze: (N,) bool, whether the heatmap is one of gaze; nowhere in batches without a target.
        label: (N,) int64, -1 without a label.
        has_label: (N,) bool.
        case_index: (N,) int64, the sample's place in the study.
    """

    image: Tensor
    heatmap: Tensor
    has_gaze: Tensor
    label: Tensor
    has_label: Tensor
    case_index: Tensor

    def __len__(self) -> int:
        return len(self.case_index)

    def first(self, count: int) -> Batch:
        """The first samples, sharing memory with this batch."""
        return Batch(*(tensor[:count] for tensor in self.tensors()))

    def empty_like(self, device: torch.device) -> Batch:
        """A batch of the same shapes on another device, not filled in."""
        return Batch(*(torch.empty_like(tensor, device=device) for tensor in self.tensors()))

    def copy_(self, source: Batch) -> None:
        """Fill in, without waiting for the copy where the source's memory is pinned."""
        for tensor, other in zip(self.tensors(), source.tensors(), strict=True):
            tensor.copy_(other, non_blocking=True)

    def tensors(self) -> list[Tensor]:
        """In the order of the attributes."""
        return [getattr(self, field.name) for field in fields(self)]
