"""Making a model's training step quicker without changing what it computes."""

from __future__ import annotations

import torch
from torch import nn


def quicken(model: nn.Module, device: torch.device) -> nn.Module:
    """Change the model in place; its numbers stay the same but for the order of sums.

    On the processor convolutions and norms work with channels last, and copy before and after in any other order. An
    activation whose gradient needs its input saves a copy of it when it works in place, everywhere.
    """
    for module in model.modules():
        if isinstance(module, (nn.SiLU, nn.Hardswish)):
            module.inplace = False
    # Not measured on a GPU, where it depends on the precision.
    return model.to(memory_format=torch.channels_last) if device.type == "cpu" else model
