"""Making a model's training step quicker without changing what it learns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn


def quicken(model: nn.Module, device: torch.device) -> nn.Module:
    """Change the model in place for training; what it computes stays the same but for rounding.

    - An activation whose gradient needs its input works beside it: in place it would save a copy first.
    - On the processor convolutions and norms work with channels last, and copy before and after in any other order.
    - On the processor bfloat16's gradients of large or striding depthwise convolutions take oneDNN 3.12 up to ten
      times as long as float32's, so under autocast these are computed in float32.
    """
    for module in model.modules():
        if isinstance(module, (nn.SiLU, nn.Hardswish)):
            module.inplace = False
        if device.type == "cpu" and isinstance(module, nn.Conv2d) and _is_slow_in_half(module):
            computed = partial(_in_full_precision, module.forward)
            module.forward = computed  # type: ignore[method-assign]  # of this module alone, not of its class
    # Not measured on a GPU, where it depends on the precision.
    return model.to(memory_format=torch.channels_last) if device.type == "cpu" else model


def _is_slow_in_half(convolution: nn.Conv2d) -> bool:
    is_depthwise = convolution.groups == convolution.in_channels > 1
    return is_depthwise and (max(convolution.kernel_size) > 3 or max(convolution.stride) > 1)


def _in_full_precision(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    if not torch.is_autocast_enabled("cpu"):
        return forward(x)
    with torch.autocast("cpu", enabled=False):
        return forward(x.float()).to(x.dtype)
