"""Host memory for batches, used again and again.

Where batches stay on the host they are the buffers themselves, so a buffer comes back once nobody holds a tensor of it.
Where batches are copied to a device a buffer comes back once its copy has been made, which an event tells.
"""

from __future__ import annotations

import queue
import weakref
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egaze.loading.batch import Batch


class HostBuffers:
    """Batches that their user may keep for as long as they like.

    Args:
        batch_size: samples of the largest batch.
        size_px: side of its images and heatmaps.
        keep: planes there are from the start and that are kept when nobody uses them. They are used in turns, so that
            memory does not grow later on, when for once more batches than before are out; untouched they cost none.
    """

    def __init__(self, batch_size: int, size_px: int, keep: int) -> None:
        self._shape = (batch_size, 1, size_px, size_px)
        self._keep = keep
        self._free: queue.SimpleQueue[NDArray[np.float32]] = queue.SimpleQueue()
        self._lent: dict[int, weakref.ref[NDArray[np.float32]]] = {}
        for _ in range(keep):
            self._free.put(np.empty(self._shape, dtype=np.float32))

    def lend(self, count: int) -> Batch:
        """A batch of `count` samples to be filled in."""
        return _batch(torch.from_numpy(self._plane(count)), torch.from_numpy(self._plane(count)))

    def _plane(self, count: int) -> NDArray[np.float32]:
        try:
            plane = self._free.get_nowait()
        except queue.Empty:
            plane = np.empty(self._shape, dtype=np.float32)
        # A tensor's storage, which all its views and whatever autograd keeps share, holds the array it was made from.
        lent = plane[:count]
        key = id(lent)
        self._lent[key] = weakref.ref(lent, lambda _: self._returned(key, plane))
        return lent

    def _returned(self, key: int, plane: NDArray[np.float32]) -> None:
        del self._lent[key]
        if self._free.qsize() < self._keep:
            self._free.put(plane)


class StagingBuffers:
    """Pinned batches to be copied from, `count` at most.

    Args:
        batch_size, size_px: as of `HostBuffers`.
        count: batches there are.
        pinned: whether their memory is pinned, so that copies need not be waited for.
    """

    def __init__(self, batch_size: int, size_px: int, count: int, *, pinned: bool) -> None:
        self._shape = (batch_size, 1, size_px, size_px)
        self._to_make = count
        self._pinned = pinned
        self._copied: queue.SimpleQueue[tuple[Batch, Any] | None] = queue.SimpleQueue()
        self._whole: dict[int, Batch] = {}

    def lend(self, count: int) -> Batch:
        """A batch of `count` samples to be filled in; waits until there is one whose copy has been made.

        Raises:
            RuntimeError: closed while waiting.
        """
        if self._to_make:
            self._to_make -= 1
            image, heatmap = (torch.empty(self._shape, pin_memory=self._pinned) for _ in range(2))
            whole = _batch(image, heatmap, self._pinned)
        elif (returned := self._copied.get()) is None:
            raise RuntimeError("the buffers are closed")
        else:
            whole, copied = returned
            copied.synchronize()
        part = whole.first(count)
        self._whole[id(part)] = whole
        return part

    def give_back(self, batch: Batch, copied: Any) -> None:
        """Use a lent batch again once the event `copied` has happened."""
        self._copied.put((self._whole.pop(id(batch)), copied))

    def close(self) -> None:
        """Let nobody wait any more."""
        self._copied.put(None)


def _batch(image: torch.Tensor, heatmap: torch.Tensor, pinned: bool = False) -> Batch:
    count = len(image)
    has_gaze, has_label = (torch.empty(count, dtype=torch.bool, pin_memory=pinned) for _ in range(2))
    label, case_index = (torch.empty(count, dtype=torch.int64, pin_memory=pinned) for _ in range(2))
    return Batch(image, heatmap, has_gaze, label, has_label, case_index)
