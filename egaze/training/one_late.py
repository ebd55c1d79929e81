"""Reading results of a device while it computes the next ones."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


class OneLate:
    """Hands over each batch's tensors as arrays when the next batch's have been queued, and the last at the end.

    Their copies to pinned memory run behind the device's other work, so that only a copy that is not yet complete is
    waited for.

    Args:
        take: called with the arrays of a batch.
    """

    def __init__(self, take: Callable[..., object]) -> None:
        self._take = take
        self._queued: tuple[list[Tensor], Any] | None = None

    def __enter__(self) -> OneLate:
        return self

    def __call__(self, *tensors: Tensor) -> None:
        module, pinned = torch.get_device_module(tensors[0].device), tensors[0].device.type != "cpu"
        copies = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=pinned) for tensor in tensors]
        for copy, tensor in zip(copies, tensors, strict=True):
            copy.copy_(tensor, non_blocking=True)
        copied = module.Event() if pinned else None
        if copied is not None:
            copied.record(module.current_stream(tensors[0].device))
        self._hand_over()
        self._queued = copies, copied

    def _hand_over(self) -> None:
        if self._queued is None:
            return
        copies, copied = self._queued
        self._queued = None
        if copied is not None:
            copied.synchronize()
        arrays: list[NDArray[Any]] = [copy.numpy() for copy in copies]
        self._take(*arrays)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._hand_over()
