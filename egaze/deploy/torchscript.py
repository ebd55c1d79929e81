"""The one place that calls torch.jit, which torch has deprecated and still carries."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from egaze import _core
from egaze.errors import ModelFileError


def script(module: nn.Module, dtype: torch.dtype = torch.float32) -> bytes:
    """A module in evaluation mode as a frozen TorchScript archive, batch normalisation folded.

    Its weights are cast to `dtype` at last, so that folding has rounded nothing.
    """
    with _quiet(), torch.no_grad():
        frozen = torch.jit.freeze(torch.jit.script(module.eval()))
        if dtype != torch.float32:
            _cast_constants(frozen.graph, dtype)
        buffer = io.BytesIO()
        torch.jit.save(frozen, buffer)
    return buffer.getvalue()


def load(path: Path, content: bytes, device: torch.device) -> torch.jit.ScriptModule:
    """Load the content of a model file that `read_model` checked.

    Raises:
        ModelFileError: torch cannot load it, or made of it what no exported model does.
    """
    try:
        with _quiet():
            module = torch.jit.load(io.BytesIO(content), map_location=device)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelFileError(f"{path}: cannot be loaded: {first_line(error)}", "model_failed") from error
    # The text was checked; this is what TorchScript made of it.
    allowed = set(_core.model_operators())
    foreign = {node.kind() for node in _nodes(module.graph)} - allowed
    if foreign or module._c._method_names() != ["forward"]:
        what = ", ".join(sorted(foreign)) or "has other methods than forward"
        raise ModelFileError(f"{path}: its program does what no exported model does: {what}", "model_operator")
    return module


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _nodes(block: Any) -> Iterator[Any]:
    """A graph's nodes, those of nested blocks among them."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _cast_constants(graph: Any, dtype: torch.dtype) -> None:
    for node in _nodes(graph):
        if node.kind() == "prim::Constant" and node.hasAttribute("value") and node.kindOf("value") == "t":
            value = node.t("value")
            if value.dtype == torch.float32:
                node.t_("value", value.to(dtype))
                node.output().inferTypeFrom(node.t("value"))


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=r".*torch\.jit\..* is deprecated")
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=r".*torch\.jit\..* is deprecated")
        yield
