"""A model's weights in a safetensors file, which holds numbers only and can run nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from egaze.errors import SharedModelError
from egaze.models import DualHeadUNet

# The largest encoders have some 3,000 tensors, which take less than 1 MiB.
_LARGEST_HEADER_BYTES = 8 << 20
_LENGTH_BYTES = 8
_TYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}


def write_weights(path: Path, model: DualHeadUNet) -> None:
    """Write all parameters and buffers of a model. Raises OSError."""
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    # The library's own writer of files hides the system's error.
    path.write_bytes(safetensors.torch.save(state, {"format": "pt"}))


def load_shared_weights(path: Path, build: Callable[[], DualHeadUNet]) -> DualHeadUNet:
    """Load a file into the model that `build` makes, in evaluation mode.

    Names, shapes and types are compared before anything of the size of the model is allocated, so that no more memory
    is needed than the file has bytes, whatever it and the recipe say.

    Raises:
        SharedModelError: the file is missing, damaged or no safetensors file; its tensors are not exactly those of the
            model; or a value is not finite.
    """
    _require_header(path)
    with torch.device("meta"):
        wanted = build().state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            for name in wanted.keys() - names:
                raise SharedModelError(f"{path}: tensor {name} of the recipe's model is missing")
            for name in names - wanted.keys():
                raise SharedModelError(f"{path}: tensor {name!r} has no place in the recipe's model")
            for name, tensor in wanted.items():
                found = file.get_slice(name)
                described, expected = (
                    _words(found.get_dtype(), found.get_shape()),
                    _words(_TYPES[tensor.dtype], tensor.shape),
                )
                if described != expected:
                    raise SharedModelError(f"{path}: tensor {name} is {described}, the recipe's model has {expected}")
            model = build()
            state = {name: file.get_tensor(name) for name in wanted}
    except SafetensorError as error:
        raise SharedModelError(f"{path}: not a safetensors file, or damaged ({_one_line(error)})") from error
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise SharedModelError(f"{path}: tensor {name} has values that are not finite")
    model.load_state_dict(state)
    return model.eval()


def _require_header(path: Path) -> None:
    """Check the length that the file begins with: that of the header, which describes all tensors."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    except OSError as error:
        raise SharedModelError(f"{path}: cannot be read: {error.strerror or type(error).__name__}") from error
    if size < _LENGTH_BYTES or not 2 <= length <= min(size - _LENGTH_BYTES, _LARGEST_HEADER_BYTES):
        raise SharedModelError(
            f"{path}: not a safetensors file, or damaged: a header of {length:,} bytes in a file of {size:,}; at most "
            f"{_LARGEST_HEADER_BYTES:,} are read"
        )


def _words(dtype: str, shape: torch.Size | list[int]) -> str:
    return f"{dtype} {list(shape)}"


def _one_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]
