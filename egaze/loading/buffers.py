"""Reusable host memory for batches.

Batches that stay on the host are the buffers themselves: a buffer can be reused once no tensor refers to it. Batches
for a device are copied from the buffers: a buffer can be reused once an event reports that its copy is complete.
"""

from __future__ import annotations

import queue
import weakref
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egaze.loading.batch import Batch


class HostBuffers:
    """Batches that their user may keep for any length of time.

    Args:
        batch_size: number of samples of the largest batch.
        size_px: side of its images and heatmaps.
        label: an empty batch's label, of the shape (0, ...) and type of every batch's.
        keep: number of planes that are allocated at the start and kept while unused, two for each batch. They are used
            in turn, so that memory does not grow later when more batches are in use than before; untouched planes take
            no memory.
        class_heatmaps: number of heatmaps of single classes of each sample, for which a batch has a third plane; None
            if batches have none.
    """

    def __init__(
        self, batch_size: int, size_px: int, label: torch.Tensor, keep: int, class_heatmaps: int | None = None
    ) -> None:
        self._label = label
        self._planes = _Planes((batch_size, 1, size_px, size_px), keep)
        self._class_planes = None
        if class_heatmaps is not None:
            self._class_planes = _Planes((batch_size, class_heatmaps, size_px, size_px), keep // 2)

    def lend(self, count: int) -> Batch:
        """Return a batch of `count` samples to be filled in."""
        class_heatmap = None if self._class_planes is None else self._class_planes.lend(count)
        return _batch(self._planes.lend(count), self._planes.lend(count), class_heatmap, self._label)


class _Planes:
    """Arrays of one shape, which are reused once no tensor refers to them."""

    def __init__(self, shape: tuple[int, int, int, int], keep: int) -> None:
        self._shape = shape
        self._keep = keep
        self._free = deque(np.empty(self._shape, dtype=np.float32) for _ in range(keep))
        self._lent: dict[int, tuple[weakref.ref[NDArray[np.float32]], NDArray[np.float32]]] = {}
        self._released: deque[weakref.ref[NDArray[np.float32]]] = deque()

    def lend(self, count: int) -> torch.Tensor:
        """Return the first `count` samples of a plane."""
        self._take_back()
        plane = self._free.popleft() if self._free else np.empty(self._shape, dtype=np.float32)
        # A tensor's storage holds the array that it was made from, and all views of the tensor share the storage.
        # The callback runs wherever the last of them is released. Python reports an exception in a callback and drops
        # it, Ctrl-C's KeyboardInterrupt as well, so that the callback must be one that runs no Python code.
        lent = plane[:count]
        reference = weakref.ref(lent, self._released.append)
        self._lent[id(reference)] = reference, plane
        return torch.from_numpy(lent)

    def _take_back(self) -> None:
        while self._released:
            _, plane = self._lent.pop(id(self._released.popleft()))
            if len(self._free) < self._keep:
                self._free.append(plane)


class StagingBuffers:
    """A fixed number of batches, in pinned memory if asked for, that are copied to a device.

    Args:
        batch_size, size_px, label, class_heatmaps: see `HostBuffers`.
        count: number of batches.
        pinned: whether their memory is pinned, which makes asynchronous copies possible.
    """

    def __init__(
        self,
        batch_size: int,
        size_px: int,
        label: torch.Tensor,
        count: int,
        *,
        pinned: bool,
        class_heatmaps: int | None = None,
    ) -> None:
        self._shape = (batch_size, 1, size_px, size_px)
        self._class_heatmaps = class_heatmaps
        self._label = label
        self._to_make = count
        self._pinned = pinned
        self._copied: queue.SimpleQueue[tuple[Batch, Any] | None] = queue.SimpleQueue()
        self._whole: dict[int, Batch] = {}

    def lend(self, count: int) -> Batch:
        """Return a batch of `count` samples to be filled in, waiting until the copy of one is complete.

        Raises:
            RuntimeError: the buffers were closed while waiting.
        """
        if self._to_make:
            self._to_make -= 1
            image, heatmap = (torch.empty(self._shape, pin_memory=self._pinned) for _ in range(2))
            class_heatmap = None
            if self._class_heatmaps is not None:
                shape = (self._shape[0], self._class_heatmaps, *self._shape[2:])
                class_heatmap = torch.empty(shape, pin_memory=self._pinned)
            whole = _batch(image, heatmap, class_heatmap, self._label, self._pinned)
        elif (returned := self._copied.get()) is None:
            raise RuntimeError("the buffers are closed")
        else:
            whole, copied = returned
            copied.synchronize()
        part = whole.first(count)
        self._whole[id(part)] = whole
        return part

    def give_back(self, batch: Batch, copied: Any) -> None:
        """Make a lent batch available again once the event `copied` has occurred."""
        self._copied.put((self._whole.pop(id(batch)), copied))

    def close(self) -> None:
        """Wake whoever is waiting for a batch."""
        self._copied.put(None)


def _batch(
    image: torch.Tensor,
    heatmap: torch.Tensor,
    class_heatmap: torch.Tensor | None,
    like: torch.Tensor,
    pinned: bool = False,
) -> Batch:
    count = len(image)
    has_gaze, has_label = (torch.empty(count, dtype=torch.bool, pin_memory=pinned) for _ in range(2))
    label = torch.empty((count, *like.shape[1:]), dtype=like.dtype, pin_memory=pinned)
    case_index = torch.empty(count, dtype=torch.int64, pin_memory=pinned)
    batch = Batch(image, heatmap, has_gaze, label, has_label, case_index)
    if class_heatmap is None:
        return batch
    index = torch.empty(class_heatmap.shape[:2], dtype=torch.int64, pin_memory=pinned)
    gaze_is_named = torch.empty(count, dtype=torch.bool, pin_memory=pinned)
    return replace(batch, class_heatmap=class_heatmap, class_heatmap_index=index, gaze_is_named=gaze_is_named)
