"""The training loader: each batch is made by one compiled call, ahead of the training step, on the step's device."""

from __future__ import annotations

import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, nullcontext
from itertools import chain
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from egaze import _core
from egaze.loading.ahead import Ahead
from egaze.loading.augment import MOVING, Augmentation, identity
from egaze.loading.batch import Batch
from egaze.loading.buffers import HostBuffers, StagingBuffers
from egaze.loading.sampling import InOrder, Order, Shuffled, batch_bounds, repeats
from egaze.study import Study, open_study
from egaze.targets import KERNEL, BatchClassHeatmaps, BatchTarget, no_gaze


class LoaderState(TypedDict):
    """The position of an iteration: the epoch, the number of its batches yielded, and a digest of its order."""

    epoch: int
    batches: int
    order: int


class DeviceLoader:
    """Iterates over batches of a study's cases.

    A thread produces batches ahead: one call of the compiled kernel warps a batch's images and rasterizes its heatmaps
    from the warped fixations. A sample depends only on the seed, epoch and case, not on order, batch size, threads or
    the number of devices.

    On the host, a batch's tensors are the loader's own buffers, which are reused once nothing refers to them. For
    another device, they are copied from pinned memory on a side stream while the previous step runs; the loader never
    waits for the device. Several loaders may be used at once, also in forked processes. A pickled loader opens its
    study again.

    Args:
        study: an open study.
        cases: indices of the cases to iterate over, or an order of them; see `egaze.loading.sampling`.
        batch_size: samples per batch, of all devices together; the last batch may be smaller.
        size_px: side of the images and heatmaps; it may differ from the study's.
        target: what gaze becomes; None for batches without heatmaps, in which no sample has gaze.
        augmentation: how random views are drawn; None for images without augmentation, as `egaze.imaging.to_input`
            makes them.
        shuffle: whether each epoch has a new order; ignored if `cases` is an order. Unless the order is always the
            same, a last batch of a single sample is left out, because batch normalisation cannot use it.
        seed: seed of order and views.
        device: the device that batches are put on.
        threads: number of threads of the kernel.
        prefetch: number of batches made ahead.
        rank, ranks: which of how many devices this loader feeds. All get equally many batches: their parts of one
            batch, of sizes that differ by one at most, so that together they see what one device would.
        least_samples: a last batch that gives a device fewer samples is left out, as is one of a single sample. With 0,
            the devices' parts of a last batch may be empty.

    Raises:
        ValueError: batch size, size, prefetch, threads or ranks is below 1, `rank` is out of range, there are no
            cases, or the augmentation moves images under a target that cannot follow them.
        StudyError: the study has no images, or the target's heatmaps cannot be made from it.

    Example:
        >>> from egaze import DeviceLoader, open_study
        >>> from egaze.targets import FixationHeatmap
        >>> study = open_study("study")
        >>> cases = study.splits.indices("train")
        >>> loader = DeviceLoader(study, cases, batch_size=8, size_px=64, target=FixationHeatmap())
        >>> batch = next(iter(loader))
        >>> batch.image.shape, batch.heatmap.shape
        (torch.Size([8, 1, 64, 64]), torch.Size([8, 1, 64, 64]))
    """

    def __init__(
        self,
        study: Study,
        cases: NDArray[np.int64] | Order,
        *,
        batch_size: int,
        size_px: int,
        target: BatchTarget | None,
        augmentation: Augmentation | None = None,
        shuffle: bool = False,
        seed: int = 0,
        device: torch.device | str = "cpu",
        threads: int = 1,
        prefetch: int = 2,
        rank: int = 0,
        ranks: int = 1,
        least_samples: int = 0,
    ) -> None:
        least = {"batch_size": batch_size, "size_px": size_px, "threads": threads, "prefetch": prefetch, "ranks": ranks}
        for name, value in least.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0 <= rank < ranks:
            raise ValueError(f"rank must be 0 to {ranks - 1}, got {rank}")
        if augmentation is not None and augmentation.moves and target is not None and not target.follows_views:
            raise ValueError(f"{type(target).__name__} cannot follow a view that moves the image: {', '.join(MOVING)}")
        study.require_images("a loader of batches")
        self._study = study
        self._order = _as_order(cases, shuffle)
        self._batch_size = batch_size
        self._size_px = size_px
        self._target = target
        self._augmentation = augmentation
        self._seed = seed
        self._device = torch.device(device)
        self._threads = threads
        self._prefetch = prefetch
        self._ranks = ranks
        self._bounds = batch_bounds(len(self._order), batch_size, rank, ranks)
        self._whole_bounds = batch_bounds(len(self._order), batch_size)
        last = int(np.diff(self._whole_bounds[-1])[0])
        if (
            not isinstance(self._order, InOrder)
            and len(self._bounds) > 1
            and (last == 1 or last // ranks < least_samples)
        ):
            self._bounds.pop()
            self._whole_bounds.pop()
        self._epoch = 0
        self._done = 0  # batches that the last iteration has yielded
        self._begin_at = 0  # the batch at which the next iteration begins
        self._prepare()

    def _prepare(self) -> None:
        """Make what does not depend on the process, so that a forked one asks polars for nothing; then what does."""
        if self._target is None:
            self._gaze = no_gaze(self._study)
        else:
            self._gaze = self._target.for_batches(self._study, self._size_px, threads=self._threads)
        self._values, self._known = self._study.labels.values, self._study.labels.known
        self._label = torch.from_numpy(self._values[:0])
        class_heatmaps = self._gaze.class_heatmaps
        self._class_heatmaps = None if class_heatmaps is None else class_heatmaps.class_index.shape[1]
        self._prepare_process()

    def _prepare_process(self) -> None:
        self._process = os.getpid()
        # Two planes for each batch that waits, is being made, is in use, or is about to be used.
        planes = 0 if _is_copied_to(self._device) else 2 * (self._prefetch + 3)
        self._buffers = HostBuffers(self._largest, self._size_px, self._label, planes, self._class_heatmaps)

    @property
    def _largest(self) -> int:
        """The samples of this device in a whole batch, at most."""
        return -(-self._batch_size // self._ranks)

    def __len__(self) -> int:
        return len(self._bounds)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that decides the next iteration's order and views.

        Choosing the epoch that `load_state_dict` has set keeps the position within it.
        """
        if epoch != self._epoch:
            self._epoch, self._done, self._begin_at = epoch, 0, 0

    def case_ids(self, batch: int, rank: int | None = None) -> list[str]:
        """Return the ids of the cases in a batch of the epoch, by its number from 0; `rank` names another device."""
        bounds = self._bounds if rank is None else batch_bounds(len(self._order), self._batch_size, rank, self._ranks)
        begin, end = bounds[batch]
        return [self._study.case_ids[case] for case in self._epoch_order(self._epoch)[begin:end].tolist()]

    def state_dict(self) -> LoaderState:
        """Return the iteration's position."""
        return {"epoch": self._epoch, "batches": self._done, "order": self._fingerprint(self._epoch)}

    def load_state_dict(self, state: LoaderState) -> None:
        """Let the next iteration continue from the position of another loader with the same arguments, or of another
        rank among others.

        Raises:
            ValueError: the other loader had different cases, or another seed or batch size.
        """
        if state["order"] != self._fingerprint(state["epoch"]) or not 0 <= state["batches"] <= len(self):
            raise ValueError(
                f"cannot continue at batch {state['batches']} of epoch {state['epoch']}: the state is of a loader with "
                "different cases, or another seed or batch size"
            )
        self._epoch = state["epoch"]
        self._done = self._begin_at = state["batches"]

    def __iter__(self) -> Iterator[Batch]:
        """Yield one epoch of batches, or the rest of one after `load_state_dict`. Leaving the loop stops the thread."""
        if self._process != os.getpid():
            self._prepare_process()  # after a fork: another thread may have held a lock of the parent's buffers
        first, self._begin_at = self._begin_at, 0
        self._done = first
        batches = self._copies(first) if _is_copied_to(self._device) else self._on_host(first)
        with closing(batches):
            for number, batch in enumerate(batches, start=first):
                self._done = number + 1
                yield batch

    def _on_host(self, first: int) -> Generator[Batch, None, None]:
        with closing(Ahead(self._samples(first, self._buffers), self._prefetch)) as ahead:
            yield from ahead

    def _copies(self, first: int) -> Generator[Batch, None, None]:
        """Copy each batch to the device while the previous step runs.

        The batch's memory is allocated on the consumer's stream, so that the consumer can free it like any tensor. The
        side stream, which fills it, waits for that stream's work before, and that stream waits for the copy.
        """
        module = torch.get_device_module(self._device)
        with module.device(self._device) if hasattr(module, "device") else nullcontext():
            side_stream = module.Stream()
        pinned, batches = self._device.type != "cpu", self._prefetch + 2
        staging = StagingBuffers(
            self._largest, self._size_px, self._label, batches, pinned=pinned, class_heatmaps=self._class_heatmaps
        )
        current: tuple[Batch, Any] | None = None
        with closing(Ahead(self._samples(first, staging), self._prefetch, wake=staging.close)) as ahead:
            try:
                for host in chain[Batch | None](ahead, (None,)):
                    following = None
                    if host is not None:
                        batch, copied = host.empty_like(self._device), module.Event()
                        side_stream.wait_stream(module.current_stream(self._device))
                        with module.stream(side_stream):
                            batch.copy_(host)
                            copied.record(side_stream)
                        staging.give_back(host, copied)
                        following = batch, copied
                    if current is not None:
                        batch, copied = current
                        module.current_stream(self._device).wait_event(copied)
                        yield batch
                    current = following
            finally:
                # The copy of a batch that was not consumed must end before its memory is reused.
                module.current_stream(self._device).wait_stream(side_stream)

    def _samples(self, first: int, buffers: HostBuffers | StagingBuffers) -> Iterator[Batch]:
        """Yield the epoch's batches on the host, from number `first` on."""
        order = self._epoch_order(self._epoch)
        seen_before = repeats(order)
        epoch = self._epoch
        for begin, end in self._bounds[first:]:
            yield self._sample(epoch, order[begin:end], seen_before[begin:end], buffers)

    def _epoch_order(self, epoch: int) -> NDArray[np.int64]:
        return self._order.draw(self._seed, epoch)

    def _sample(
        self,
        epoch: int,
        cases: NDArray[np.int64],
        seen_before: NDArray[np.int64],
        buffers: HostBuffers | StagingBuffers,
    ) -> Batch:
        study, gaze, count = self._study, self._gaze, len(cases)
        if self._augmentation is None:
            views = identity(count)
        else:
            views = self._augmentation.draw(self._seed, epoch, cases, seen_before)
        batch = buffers.lend(count)
        image, heatmap, has_gaze, label, has_label, case_index = (tensor.numpy() for tensor in batch.tensors()[:6])
        np.take(gaze.has_gaze, cases, out=has_gaze)
        np.take(self._values, cases, axis=0, out=label)
        np.take(self._known, cases, out=has_label)
        case_index[:] = cases
        _core.sample_batch(
            study.images,
            cases,
            views.to_image_px(self._size_px, study.image_size_px),
            views.intensity,
            views.noise_key,
            views.cutouts_px(self._size_px),
            gaze.fixations,
            gaze.offsets,
            image,
            heatmap,
            normalize="max",
            threads=self._threads,
            **KERNEL,
        )
        if gaze.finished is not None:
            for place in np.flatnonzero(has_gaze).tolist():
                np.divide(gaze.finished(int(cases[place])), np.float32(255), out=heatmap[place, 0], dtype=np.float32)
        if gaze.same_for_all is not None:
            which, to_map_px = np.zeros(count, dtype=np.int64), views.to_image_px(self._size_px, len(gaze.same_for_all))
            self._move(gaze.same_for_all[None], which, to_map_px, heatmap)
            heatmap[~has_gaze] = 0
        if gaze.class_heatmaps is not None:
            class_heatmap, class_index, gaze_is_named = (tensor.numpy() for tensor in batch.tensors()[6:])
            np.take(gaze.class_heatmaps.class_index, cases, axis=0, out=class_index)
            np.take(gaze.class_heatmaps.gaze_is_named, cases, out=gaze_is_named)
            to_image_px = views.to_image_px(self._size_px, study.image_size_px)
            self._sample_class_heatmaps(gaze.class_heatmaps, cases, to_image_px, class_heatmap)
        return batch

    def _sample_class_heatmaps(
        self,
        maps: BatchClassHeatmaps,
        cases: NDArray[np.int64],
        to_image_px: NDArray[np.float32],
        heatmaps: NDArray[np.float32],
    ) -> None:
        """Rasterize the heatmaps of single classes, and move those of regions, into each view."""
        most = heatmaps.shape[1]
        if not most:
            return
        _core.sample_heatmaps(
            (cases[:, None] * most + np.arange(most)).ravel(),
            np.repeat(to_image_px, most, axis=0),
            maps.fixations,
            maps.offsets,
            heatmaps.reshape(-1, 1, *heatmaps.shape[2:]),
            normalize="max",
            threads=self._threads,
            **KERNEL,
        )
        places = np.argwhere(maps.of_region[cases])
        if len(places):
            stack = np.stack([maps.regions(int(cases[sample]), int(place)) for sample, place in places])
            moved = np.empty((len(places), 1, *heatmaps.shape[2:]), dtype=np.float32)
            self._move(stack, np.arange(len(places)), to_image_px[places[:, 0]], moved)
            heatmaps[places[:, 0], places[:, 1]] = moved[:, 0]

    def _move(
        self,
        maps: NDArray[np.uint16],
        which: NDArray[np.int64],
        to_map_px: NDArray[np.float32],
        heatmaps: NDArray[np.float32],
    ) -> None:
        """Move a map into each view, as the kernel moves images."""
        unchanged = identity(len(heatmaps))
        _core.sample_batch(
            maps,
            which,
            to_map_px,
            unchanged.intensity,
            unchanged.noise_key,
            unchanged.cutouts_px(self._size_px),
            np.empty((0, 9), dtype=np.float32),
            np.zeros(len(maps) + 1, dtype=np.int64),
            heatmaps,
            np.empty_like(heatmaps),
            normalize="max",
            threads=self._threads,
            **KERNEL,
        )

    def _fingerprint(self, epoch: int) -> int:
        bounds = np.array(self._whole_bounds, dtype=np.int64)
        return zlib.crc32(self._epoch_order(epoch).tobytes(), zlib.crc32(bounds.tobytes(), self._seed & 0xFFFFFFFF))

    def __getstate__(self) -> dict[str, Any]:  # the attributes, whatever their types
        own = {"_gaze", "_process", "_values", "_known", "_label", "_class_heatmaps", "_buffers"}
        kept = {name: value for name, value in self.__dict__.items() if name not in own}
        return {**kept, "_study": self._study.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._study = open_study(state["_study"], check_images=False)
        self._prepare()


def _is_copied_to(device: torch.device) -> bool:
    return device.type != "cpu"


def _as_order(cases: NDArray[np.int64] | Order, shuffle: bool) -> Order:
    if hasattr(cases, "draw"):
        return cases
    return Shuffled(cases) if shuffle else InOrder(cases)
