"""Batches made by one compiled call each, a few ahead of the training step, already on its device."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from egaze import _core
from egaze.loading.augment import Augmentation, identity, unit_to_pixels
from egaze.loading.batch import Batch
from egaze.loading.heatmap_target import HeatmapTarget
from egaze.study import Study


class DeviceLoader:
    """Iterates over batches of some of a study's cases.

    A thread samples ahead: one call of the compiled kernel warps a batch's films and rasterizes its heatmaps at
    the moved fixations. Copies to the device run on a side stream; the loader never waits for the device.

    Args:
        study: an open study.
        indices: the cases to iterate over.
        batch_size: samples a batch; the last may be smaller.
        size_px: side of the images and heatmaps, which need not be the study's.
        target: how heatmaps are made.
        augmentation: random views, or None for the films as they are.
        shuffle: a new order each epoch. Then a last batch of one sample, which batch normalisation cannot use,
            is left out.
        seed: of order and views.
        device: where the batches shall be.
        threads: of the kernel. The result does not depend on it.
        prefetch: batches made ahead.

    Raises:
        ValueError: a batch size, size or prefetch below 1, or no case.
    """

    def __init__(
        self,
        study: Study,
        indices: NDArray[np.int64],
        *,
        batch_size: int,
        size_px: int,
        target: HeatmapTarget,
        augmentation: Augmentation | None = None,
        shuffle: bool = False,
        seed: int = 0,
        device: torch.device | str = "cpu",
        threads: int = 1,
        prefetch: int = 2,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("size_px", size_px), ("prefetch", prefetch)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not len(indices):
            raise ValueError("there is no case to load")
        self._study = study
        self._indices = np.asarray(indices, dtype=np.int64)
        self._batch_size = batch_size
        self._size_px = size_px
        self._augmentation = augmentation
        self._shuffle = shuffle
        self._seed = seed
        self._device = torch.device(device)
        self._threads = threads
        self._prefetch = prefetch
        self._kernel_options = target.kernel_options()
        self._spots = target.spots(study)
        self._has_gaze = study.has_gaze
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._chunks(self._indices))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order and views the next iteration gives."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[Batch]:
        """One epoch of batches. Leaving the loop early stops the thread."""
        module = torch.get_device_module(self._device)
        side_stream = module.Stream()
        ready: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=self._prefetch)
        stop = threading.Event()
        producer = threading.Thread(target=self._produce, args=(self._order(), ready, stop), daemon=True)
        producer.start()
        try:
            while (item := ready.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                with module.stream(side_stream):
                    batch = item.to(self._device)
                consumer = module.current_stream()
                consumer.wait_stream(side_stream)
                if self._device.type != "cpu":
                    # The side stream's memory must not be given away while the step still reads it.
                    for name in Batch.__slots__:
                        getattr(batch, name).record_stream(consumer)
                yield batch
        finally:
            stop.set()
            while producer.is_alive():
                try:
                    ready.get_nowait()
                except queue.Empty:
                    producer.join(timeout=0.01)

    def _order(self) -> NDArray[np.int64]:
        if not self._shuffle:
            return self._indices
        return np.random.default_rng((self._seed, self._epoch)).permutation(self._indices)

    def _chunks(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        chunks = [order[i : i + self._batch_size] for i in range(0, len(order), self._batch_size)]
        if self._shuffle and len(chunks) > 1 and len(chunks[-1]) == 1:
            chunks.pop()
        return chunks

    def _produce(
        self, order: NDArray[np.int64], ready: queue.Queue[Batch | BaseException | None], stop: threading.Event
    ) -> None:
        try:
            for cases in self._chunks(order):
                if stop.is_set():
                    return
                ready.put(self._sample(cases))
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    def _sample(self, cases: NDArray[np.int64]) -> Batch:
        study, count = self._study, len(cases)
        if self._augmentation is None:
            maps, intensity = identity(count)
        else:
            maps, intensity = self._augmentation.draw(self._seed, self._epoch, cases.tolist())
        begins, ends = study.offsets[cases], study.offsets[cases + 1]
        rows = np.concatenate([np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)])
        # Pinned memory is recycled by torch's host allocator once the copies that read it have finished.
        pinned = self._device.type != "cpu"
        image, heatmap = (torch.empty((count, 1, self._size_px, self._size_px), pin_memory=pinned) for _ in range(2))
        _core.sample_batch(
            study.images,
            cases,
            unit_to_pixels(maps, self._size_px, study.image_size_px),
            np.ascontiguousarray(intensity),
            self._spots[rows],
            np.concatenate([[0], np.cumsum(ends - begins)]).astype(np.int64),
            image.numpy(),
            heatmap.numpy(),
            threads=self._threads,
            **self._kernel_options,
        )
        label = torch.from_numpy(study.labels[cases])
        small = torch.from_numpy(self._has_gaze[cases]), label, label >= 0, torch.from_numpy(cases.copy())
        if pinned:
            small = tuple(tensor.pin_memory() for tensor in small)
        return Batch(image, heatmap, *small)
