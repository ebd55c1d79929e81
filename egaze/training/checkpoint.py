"""Checkpoints on disk: tensors and plain values with a digest, replaced as a whole.

A checkpoint is what `torch.save` writes. Its digest, the SHA-256 of all bytes before it, is the comment of that ZIP
archive, so that `torch.load` reads the file as it is. torch itself checks nothing: a changed byte would be a changed
weight.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from egaze.atomic import write_file
from egaze.errors import RunError
from egaze.loading.device_loader import LoaderState
from egaze.serialize import JsonObject

#: The state of an optimizer or a scaler: torch decides what it holds.
StateDict = dict[str, Any]

_DIGEST_BYTES = 64  # in hexadecimal
_DIGEST_COMES = _DIGEST_BYTES.to_bytes(2, "little")
_NO_COMMENT = b"\0\0"


class ProgressState(TypedDict):
    """How far a run has come: stage and epoch from 0, the best epoch's score in the stage, and that epoch."""

    stage: int
    epoch: int
    best: list[float] | None
    best_epoch: int


class BestModel(TypedDict):
    """The weights of the best epoch, with the stage's name and the epoch's number in it, from 1."""

    model: dict[str, Tensor]
    stage: str
    epoch: int


class WithinEpoch(TypedDict):
    """Where within an epoch a checkpoint was written: after so many steps, with each rank's sums of loss terms, which
    are (ranks,) tensors, and the state of its random numbers."""

    step: int
    sums: dict[str, Tensor]
    loader: LoaderState
    random: list[list[Tensor]]


class TrainedState(TypedDict):
    """What a stage trains; `average` is of the weights, None in a recipe without one."""

    model: dict[str, Tensor]
    optimizer: StateDict
    scaler: StateDict
    average: dict[str, Tensor] | None


class Checkpoint(TrainedState):
    """The content of last.pt, which is all that a run has come to: its other files are made from it.

    The digest `run` says which run it belongs to; best.pt holds it together with a `BestModel`.
    """

    run: str
    best: BestModel | None
    progress: ProgressState
    within_epoch: WithinEpoch | None
    log: list[JsonObject]


def save_checkpoint(path: Path, state: Any, *, previous: Path | None = None) -> None:
    """Write tensors and plain values, replacing the file as a whole; the file that it replaces becomes `previous`.

    Raises:
        EgazeError: it cannot be written. The files are then as they were.
    """
    content = io.BytesIO()  # torch's own file writer hides the system's error and can end the process
    torch.save(state, content)
    archive = content.getbuffer()
    assert archive[-2:] == _NO_COMMENT
    body = archive[:-2]

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            file.write(body)
            file.write(_DIGEST_COMES)
            file.write(_digest(body))
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            path.replace(previous)

    write_file(path, write)


def load_checkpoint(path: Path) -> Any:
    """Read tensors and plain values, and never unpickle code. Checkpoints from before they had a digest are read too.

    Raises:
        RunError: the file is missing, is damaged, or is no checkpoint.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise RunError(
            f"{path.parent}: there is no {path.name} yet: no epoch has finished; go on with `egaze train --resume`"
        ) from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror or error}") from error
    archive, comes, digest = content[: -_DIGEST_BYTES - 2], content[-_DIGEST_BYTES - 2 :][:2], content[-_DIGEST_BYTES:]
    has_digest = comes == _DIGEST_COMES and digest == _digest(archive)
    if not has_digest and content[-22:-18] != b"PK\5\6":  # the end of an archive without a comment
        raise RunError(f"{path}: damaged checkpoint: its content and its digest differ")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise RunError(f"{path}: damaged checkpoint ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise RunError(f"{path}: not a checkpoint of a run")
    return state


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
