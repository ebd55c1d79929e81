"""The one place that calls torch.jit, which torch has deprecated and still carries."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from egaze.errors import ModelFileError


def script(module: nn.Module) -> bytes:
    """A module in evaluation mode as a frozen TorchScript archive, batch normalisation folded."""
    with _quiet(), torch.no_grad():
        frozen = torch.jit.freeze(torch.jit.script(module.eval()))
        buffer = io.BytesIO()
        torch.jit.save(frozen, buffer)
    return buffer.getvalue()


def load(path: Path, device: torch.device) -> torch.jit.ScriptModule:
    """Load an archive. Raises ModelFileError when torch cannot."""
    try:
        with _quiet():
            return torch.jit.load(str(path), map_location=device)
    except (RuntimeError, ValueError, OSError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelFileError(f"{path}: torch cannot load it: {first_line}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=r".*torch\.jit\..* is deprecated")
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=r".*torch\.jit\..* is deprecated")
        yield
