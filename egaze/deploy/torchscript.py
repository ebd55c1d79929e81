"""Tracing and loading TorchScript programs.

All calls of torch.jit, which torch has deprecated but still includes, are in this module.
"""

from __future__ import annotations

import copy
import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from egaze import _core
from egaze.deploy.graph import compute_in, nodes
from egaze.deploy.straight_line import straighten
from egaze.errors import EgazeError, ModelFileError

# Folding batch normalisation changes the order of sums, and so the last digits.
_TOLERANCE = 1e-4


def script(module: nn.Module, dtype: torch.dtype = torch.float32, *, input_shape: tuple[int, int]) -> bytes:
    """Trace a module in evaluation mode and return it as a frozen TorchScript archive.

    Its program is a straight line of operators for any number of images of one size, with batch normalisation folded
    into convolutions. After the first convolution it computes in `dtype`. Weights are cast after they were folded.

    Args:
        module: a module that maps (N, 1, H, W) float32 images to a tuple of tensors.
        dtype: float32 or bfloat16.
        input_shape: height and width of the images, in pixels.

    Raises:
        EgazeError: torch cannot trace the module, or the program's outputs differ from the module's: the module takes
            different steps for different images, or its weights multiply rounding errors.
    """
    module = copy.deepcopy(module).eval().requires_grad_(False)
    images = _random_images(3, input_shape)
    _bare_batch_norms(module)
    try:
        with _quiet(), torch.no_grad():
            return _trace(module, images, dtype)
    except EgazeError:
        raise
    except Exception as error:  # torch raises many classes, depending on the model
        raise EgazeError(f"the model cannot be exported: {one_line(error)}") from error


def _random_images(count: int, shape: tuple[int, int]) -> Tensor:
    """Draw (count, 1, H, W) images in [0, 1] with structures of several sizes.

    Images of noise alone look the same to an encoder's last layers, which would then multiply rounding errors.
    """
    generator = torch.Generator().manual_seed(0)
    images = 0.1 * torch.rand(count, 1, *shape, generator=generator)
    for cells, share in ((2, 0.4), (4, 0.3), (16, 0.2)):
        images += share * functional.interpolate(torch.rand(count, 1, cells, cells, generator=generator), shape)
    return images


def _trace(module: nn.Module, images: Tensor, dtype: torch.dtype) -> bytes:
    traced = torch.jit.trace(module, images[:2], check_trace=False)  # type: ignore[no-untyped-call]  # torch has no types for it
    frozen = torch.jit.freeze(traced)
    straighten(frozen.graph, images[:1])
    # The traced program always takes the branches that these two images took. Other images and another number of images
    # show whether the module would take others.
    for given in (images[2:], images):
        _require_same(frozen(given), module(given))
    if dtype != torch.float32:
        compute_in(frozen.graph, dtype)
    buffer = io.BytesIO()
    torch.jit.save(frozen, buffer)
    return buffer.getvalue()


def _require_same(outputs: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    for ours, theirs in zip(outputs, expected, strict=True):
        difference = (ours - theirs).abs().max().item() if ours.shape == theirs.shape else math.inf
        if not difference <= _TOLERANCE:
            raise EgazeError(
                f"the model cannot be exported: the program's predictions differ from the model's by {difference:.1g}, "
                f"more than {_TOLERANCE:g}. Either the model takes different steps for different images, or its "
                "weights multiply rounding errors"
            )


def load(path: Path, content: bytes, device: torch.device) -> torch.jit.ScriptModule:
    """Load the content of a model file that `read_model` has checked.

    Raises:
        ModelFileError: torch cannot load it, or the loaded program does something that no exported model does.
    """
    try:
        with _quiet():
            module: torch.jit.ScriptModule = torch.jit.load(  # type: ignore[no-untyped-call]  # not annotated whole
                io.BytesIO(content), map_location=device
            )
    except Exception as error:  # torch raises many classes, depending on the file
        raise ModelFileError(f"{path}: cannot be loaded: {one_line(error)}", "model_failed") from error
    # `csrc/archive` has checked the program's text. This checks the graph that TorchScript made of it.
    if foreign := _foreign(module):
        raise ModelFileError(f"{path}: its program {foreign}, which no exported model does", "model_operator")
    return module


def one_line(error: BaseException) -> str:
    """Write an error of torch on one line without control characters: the first and the last line of its message."""
    lines = [line for line in str(error).splitlines() if line.strip(" \t\r~^")] or [type(error).__name__]
    text = lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:1000])


def _foreign(module: torch.jit.ScriptModule) -> str:
    """Say what the program does that no exported program does, or return "". `model_program.cpp` has the same rules."""
    if module._c._method_names() != ["forward"]:
        return "has methods beside forward"
    allowed = set(_core.model_operators())
    for node in nodes(module.graph):
        if node.kind() not in allowed:
            return f"does '{node.kind()}'"
        if _is_random(node):
            return "has random results"
    # A constant that changes would carry one radiograph's content into the next radiograph's prediction.
    aliases: Any = module.graph.alias_db()  # torch's own stub lacks has_writers
    constants = (node.output() for node in nodes(module.graph) if node.kind() == "prim::Constant")
    return "changes a constant" if any(map(aliases.has_writers, constants)) else ""


def _is_random(node: Any) -> bool:
    """Whether a node is dropout in training mode, or attention with dropout."""
    place = {"aten::dropout": 2, "aten::scaled_dot_product_attention": 4}.get(node.kind())
    return place is not None and list(node.inputs())[place].toIValue() not in (False, 0.0)


class _BatchNorm(nn.Module):
    """Batch normalisation in evaluation mode, without torch's check of the input's shape.

    A traced check between a convolution and its batch normalisation would prevent folding.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        return functional.batch_norm(
            x, norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False, eps=norm.eps
        )


def _bare_batch_norms(module: nn.Module) -> None:
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            setattr(module, name, _BatchNorm(child))
        else:
            _bare_batch_norms(child)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=r".*torch\.jit\..* is deprecated")
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=r".*torch\.jit\..* is deprecated")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]  # torch's __all__ lacks it
        yield
