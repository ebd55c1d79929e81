"""The one place that calls torch.jit, which torch has deprecated and still carries."""

from __future__ import annotations

import copy
import io
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


def script(module: nn.Module, dtype: torch.dtype = torch.float32, *, input_shape: tuple[int, int]) -> bytes:
    """A module in evaluation mode as a frozen TorchScript archive: one straight line of operators for images of one
    size, any number of them, batch normalisation folded.

    It computes in `dtype` behind its first convolution. Weights are cast at last, so that folding has rounded nothing.

    Args:
        module: (N, 1, H, W) float32 to two tensors.
        dtype: float32 or bfloat16.
        input_shape: (H, W) in pixels of the images.

    Raises:
        EgazeError: a module whose steps follow from what the image shows.
    """
    module = copy.deepcopy(module).eval().requires_grad_(False)
    images = torch.rand(3, 1, *input_shape, generator=torch.Generator().manual_seed(0))
    _bare_batch_norms(module)
    with _quiet(), torch.no_grad():
        traced = torch.jit.trace(module, images[:2], check_trace=False)  # type: ignore[no-untyped-call]  # torch has no types for it
        frozen = torch.jit.freeze(traced)
        straighten(frozen.graph, images[:1])
        # Tracing takes every branch as these images do; another one, and three, may tell.
        for given in (images[2:], images):
            if not all(map(_close, frozen(given), module(given))):
                raise EgazeError(
                    "the model's steps follow from what the image shows, so that it cannot be written down"
                )
        if dtype != torch.float32:
            compute_in(frozen.graph, dtype)
        buffer = io.BytesIO()
        torch.jit.save(frozen, buffer)
    return buffer.getvalue()


def _close(ours: Tensor, theirs: Tensor) -> bool:
    # Folding changes the order of sums.
    return ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=0, atol=1e-4)


def load(path: Path, content: bytes, device: torch.device) -> torch.jit.ScriptModule:
    """Load the content of a model file that `read_model` checked.

    Raises:
        ModelFileError: torch cannot load it, or made of it what no exported model does.
    """
    try:
        with _quiet():
            module: torch.jit.ScriptModule = torch.jit.load(  # type: ignore[no-untyped-call]  # not annotated whole
                io.BytesIO(content), map_location=device
            )
    except Exception as error:  # of any class: the file decides which
        raise ModelFileError(f"{path}: cannot be loaded: {one_line(error)}", "model_failed") from error
    # The text was checked; this is what TorchScript made of it.
    if foreign := _foreign(module):
        raise ModelFileError(f"{path}: its program {foreign}, which no exported model does", "model_operator")
    return module


def one_line(error: BaseException) -> str:
    """An error of torch on one line without control characters: what was being done, and what went wrong."""
    lines = [line for line in str(error).splitlines() if line.strip(" \t\r~^")] or [type(error).__name__]
    text = lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:1000])


def _foreign(module: torch.jit.ScriptModule) -> str:
    """What a program does that no exported one does; empty for nothing. `model_program.cpp` asks the same."""
    if module._c._method_names() != ["forward"]:
        return "has methods beside forward"
    allowed = set(_core.model_operators())
    for node in nodes(module.graph):
        if node.kind() not in allowed:
            return f"does '{node.kind()}'"
        if _is_random(node):
            return "answers by chance"
    # A constant that changes would carry one radiograph into the next one's answers.
    aliases: Any = module.graph.alias_db()  # torch's own stub lacks has_writers
    constants = (node.output() for node in nodes(module.graph) if node.kind() == "prim::Constant")
    return "changes a constant" if any(map(aliases.has_writers, constants)) else ""


def _is_random(node: Any) -> bool:
    """Whether a step is dropout that trains, or attention with dropout."""
    place = {"aten::dropout": 2, "aten::scaled_dot_product_attention": 4}.get(node.kind())
    return place is not None and list(node.inputs())[place].toIValue() not in (False, 0.0)


class _BatchNorm(nn.Module):
    """torch's in evaluation mode, without the check of its input's shape: between a convolution and its batch
    normalisation a check keeps the two from being folded."""

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
