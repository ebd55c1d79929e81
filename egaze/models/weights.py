"""Reading an encoder's weights from a file."""

from __future__ import annotations

import logging
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from torch import Tensor, nn

from egaze.errors import EgazeError
from egaze.models.efficientnet_names import is_blocks_family, timm_names
from egaze.study.layout import sha256_file

logger = logging.getLogger(__name__)

# timm's largest encoders have 5 GB.
_LARGEST_BYTES = 8 << 30
# Keys under which training programs store the state dict, and prefixes that they add to its names.
_NESTED = ("state_dict", "model")
_PREFIXES = ("module.", "model.")


class UnfitWeightsError(EgazeError):
    """The weights belong to another encoder."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The content of a file of weights.

    Attributes:
        path: path of the file.
        sha256: SHA-256 of the file in hex.
        tensors: tensors by name, without the prefix `module.` or `model.`.
    """

    path: Path
    sha256: str
    tensors: dict[str, Tensor]


def read_weights(path: str | Path) -> WeightsFile:
    """Read a safetensors file, or a state dict that `torch.save` wrote, without running any code in it.

    Names may have the prefix `module.` or `model.`, and the state dict may be stored under the key `state_dict` or
    `model`.

    Raises:
        EgazeError: there is no such file, it has more than 8 GiB, or it does not contain weights.

    Example:
        >>> import torch
        >>> from egaze.models import DualHeadUNet, read_weights
        >>> model = DualHeadUNet("mobilenetv3_small_050")
        >>> torch.save(model.encoder.state_dict(), "encoder.pt")
        >>> weights = read_weights("encoder.pt")
        >>> len(weights.tensors) == len(model.encoder.state_dict())
        True
        >>> again = DualHeadUNet("mobilenetv3_small_050", weights="encoder.pt")
        >>> again.weights_sha256 == weights.sha256
        True
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if not path.is_file() or size > _LARGEST_BYTES:
            raise EgazeError(f"{path}: not a weights file: it must be a file of at most {_LARGEST_BYTES >> 30} GiB")
        sha256 = sha256_file(path)
        content = _read(path)
    except FileNotFoundError as error:
        raise EgazeError(
            f"{path}: no such weights file; expected 'none', 'imagenet', timm's name of pretrained weights, or a file"
        ) from error
    except OSError as error:
        raise EgazeError(f"{path}: cannot be read: {error.strerror or type(error).__name__}") from error
    return WeightsFile(path, sha256, _named_tensors(path, content))


def load_weights(encoder: nn.Module, file: WeightsFile) -> list[str]:
    """Copy a file's tensors into a timm encoder; a first layer for three colour channels is summed into one for grey.

    The file's names are timm's, or those of the `_conv_stem`/`_blocks` family of EfficientNets.

    Returns:
        Names of the file's tensors that the encoder does not use: those of the classifier. They are also logged.

    Raises:
        UnfitWeightsError: a tensor is missing, has another shape or type, or belongs to another encoder.
        EgazeError: a tensor has values that are not finite.
    """
    matched, ignored = match_tensors(encoder, file)
    wanted = encoder.state_dict()
    found = {own: _finite(file.path, name, tensor.to(wanted[own].dtype)) for own, (name, tensor) in matched.items()}
    encoder.load_state_dict(found, strict=False)
    if ignored:
        logger.info("%s: left out %d tensors of the classifier: %r", file.path.name, len(ignored), ignored)
    return ignored


def pretrained_cfg(encoder: nn.Module) -> Mapping[str, Any]:
    """Return timm's description of the encoder's pretrained weights and their expected input."""
    return cast(Mapping[str, Any], encoder.pretrained_cfg)


def match_tensors(encoder: nn.Module, file: WeightsFile) -> tuple[dict[str, tuple[str, Tensor]], list[str]]:
    """Find each of the encoder's tensors in a file by name and shape, without looking at values.

    Returns:
        The file's name and tensor for each of the encoder's names, with a first layer summed over colour; and the
        file's names that the encoder does not use.

    Raises:
        UnfitWeightsError: see `load_weights`.
    """
    wanted = encoder.state_dict()
    first = pretrained_cfg(encoder).get("first_conv") or ()
    first_layers = {f"{name}.weight" for name in ([first] if isinstance(first, str) else first)}
    found: dict[str, tuple[str, Tensor]] = {}
    used_parts: set[str] = set()
    ignored = []
    translated = timm_names(file.tensors, wanted) if is_blocks_family(file.tensors) else {}
    for file_name, tensor in file.tensors.items():
        name = translated.get(file_name, file_name)
        own = _own_name(name, wanted)
        if own is None:
            ignored.append(file_name)
            continue
        grey = wanted[own].shape
        if name in first_layers and grey[1:2] == (1,) and tensor.shape == (grey[0], 3, *grey[2:]):
            tensor = tensor.float().sum(dim=1, keepdim=True)
        _require_alike(file.path, file_name, tensor, wanted[own])
        found[own] = file_name, tensor
        used_parts.add(file_name.partition(".")[0])
    for name in wanted:
        if name not in found and not name.endswith("num_batches_tracked"):
            raise UnfitWeightsError(f"{file.path}: tensor {name} of the encoder is missing")
    for name in ignored:
        if name.partition(".")[0] in used_parts:
            raise UnfitWeightsError(f"{file.path}: tensor {name!r} has no place in the encoder")
    return found, ignored


def _read(path: Path) -> object:
    with path.open("rb") as file:
        # A safetensors file starts with a length of 8 bytes, followed by JSON.
        is_safetensors = file.read(9)[8:] == b"{"
    try:
        if is_safetensors:
            return safetensors.torch.load_file(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_BYTES:
                    raise EgazeError(f"{path}: not a weights file: it unpacks to more than {_LARGEST_BYTES >> 30} GiB")
        return torch.load(path, map_location="cpu", weights_only=True)
    except (EgazeError, OSError):
        raise
    except pickle.UnpicklingError as error:
        raise EgazeError(f"{path}: not a weights file: it contains more than tensors, or is damaged") from error
    # Damaged files raise more kinds of errors in torch and safetensors than are documented.
    except Exception as error:
        raise EgazeError(f"{path}: not a weights file, or damaged ({type(error).__name__})") from error


def _named_tensors(path: Path, content: object) -> dict[str, Tensor]:
    """Return the state dict in the content of a file, without the prefixes that training programs add to names."""
    for key in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise EgazeError(f"{path}: not a weights file: it contains no state dict")
    tensors = {}
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise EgazeError(f"{path}: not a weights file: {name!r} is not a tensor but {type(tensor).__name__}")
        if tensor.device.type != "cpu" or tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
            raise EgazeError(f"{path}: tensor {name!r} is sparse, quantized, complex or not on the CPU")
        tensors[name] = tensor
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _own_name(name: str, wanted: Mapping[str, Tensor]) -> str | None:
    """Return the encoder's name for a timm model's tensor; `features_only` flattens the first level of containers."""
    head, _, rest = name.partition(".")
    candidates = (name, f"{head}_{rest}", f"model.{name}", f"body.{name}")
    return next((candidate for candidate in candidates if candidate in wanted), None)


def _require_alike(path: Path, name: str, tensor: Tensor, wanted: Tensor) -> None:
    if tensor.shape != wanted.shape:
        raise UnfitWeightsError(
            f"{path}: tensor {name} has shape {tuple(tensor.shape)}, expected {tuple(wanted.shape)}"
        )
    if (
        tensor.is_floating_point() != wanted.is_floating_point()
        or tensor.is_complex()
        or tensor.layout != torch.strided
    ):
        raise UnfitWeightsError(f"{path}: tensor {name} is of type {tensor.dtype}, expected {wanted.dtype}")


def _finite(path: Path, name: str, tensor: Tensor) -> Tensor:
    if not torch.isfinite(tensor).all():
        raise EgazeError(f"{path}: tensor {name} has values that are not finite")
    return tensor
