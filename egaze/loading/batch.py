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
        has_gaze: (N,) bool.
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

    def to(self, device: torch.device) -> Batch:
        """Copy to a device, without waiting for the copy where the memory is pinned."""
        return Batch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))
