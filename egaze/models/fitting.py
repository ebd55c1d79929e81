"""Finding the encoders that a file of weights fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import timm
import torch
from torch.overrides import TorchFunctionMode

from egaze.errors import EgazeError
from egaze.models.catalogue import encoder_names
from egaze.models.efficientnet_names import is_blocks_family
from egaze.models.weights import WeightsFile, match_tensors

# The first layers that a model creates never belong to its classifier, which a file may lack or have in another shape.
_FIRST_CONVOLUTIONS = 8
# For some models, timm creates a trial block of two layers first.
_MOST_UNFIT = 2
_NAMED = 3


def fitting_encoders(file: WeightsFile) -> list[str]:
    """List the catalogue's encoders for which the file has every tensor, in order.

    This takes a second or two: encoders are built without memory for their weights, and only as long as they fit.
    """
    return [name for name in encoder_names() if _has_first_layer(name, file) and _fits(name, file)]


def fitting_text(file: WeightsFile) -> str:
    """Say which encoders the file fits, such as "it fits resnet18, resnet18d"."""
    names = fitting_encoders(file)
    if not names:
        return "it fits no encoder of `egaze info --encoders`"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"it fits {', '.join(names[:_NAMED])}{more}"


class _Unfit(Exception):
    """Stops the building of a model that the file does not fit."""


class _ComparingConvolutions(TorchFunctionMode):
    """Raises `_Unfit` if the first convolutions that a model creates have shapes that the file lacks."""

    def __init__(self, shapes: set[tuple[int, ...]]) -> None:
        super().__init__()
        self._shapes, self._made, self._unfit = shapes, 0, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.empty and self._made < _FIRST_CONVOLUTIONS and _is_convolution(args):
            self._made += 1
            self._unfit += tuple(args[0]) not in self._shapes
            if self._unfit > _MOST_UNFIT:
                raise _Unfit
        return func(*args, **(kwargs or {}))


def _is_convolution(args: tuple[Any, ...]) -> bool:
    return len(args) == 1 and isinstance(args[0], tuple) and len(args[0]) == 4


def _has_first_layer(name: str, file: WeightsFile) -> bool:
    """Whether the file has a tensor named like the encoder's first layer in timm."""
    if is_blocks_family(file.tensors):
        return timm.get_pretrained_cfg_value(name, "first_conv") == "conv_stem"
    return all(
        f"{layer}.weight" in file.tensors for layer in _layers(timm.get_pretrained_cfg_value(name, "first_conv"))
    )


def _layers(first: str | Iterable[str] | None) -> Iterable[str]:
    return [first] if isinstance(first, str) else first or ()


def _fits(name: str, file: WeightsFile) -> bool:
    shapes = {tuple(tensor.shape) for tensor in file.tensors.values() if tensor.ndim == 4}
    # The weights of three colour channels can be summed into one grey channel.
    shapes |= {(shape[0], 1, *shape[2:]) for shape in shapes if shape[1] == 3}
    try:
        with torch.device("meta"), _ComparingConvolutions(shapes):
            encoder = timm.create_model(name, features_only=True, in_chans=1)
        match_tensors(encoder, file)
    except (_Unfit, EgazeError):
        return False
    return True
