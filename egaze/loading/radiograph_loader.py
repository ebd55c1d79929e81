"""Batches of radiographs straight from their files, without a study: for predictions over folders."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egaze.errors import EgazeError, RadiographError
from egaze.imaging import Canvas, FitGeometry, read_stored, to_input


@dataclass(frozen=True, slots=True)
class ReadRadiograph:
    """A radiograph that a batch holds, and how it lies on the canvas.

    Attributes:
        path: its file.
        geometry: how it lies on the canvas.
        notes: header values that were overridden, and why; see `Presentation`.
    """

    path: Path
    geometry: FitGeometry
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedRadiograph:
    """A radiograph that could not be read, and why."""

    path: Path
    error: EgazeError


@dataclass(frozen=True, slots=True, eq=False)
class RadiographBatch:
    """A batch of radiographs in the order in which they were given.

    Attributes:
        radiographs: all of the batch's radiographs, including those that could not be read.
        image: (M, 1, H, W) float32 in [0, 1]: the images of the M that could be read, in the same order.
    """

    radiographs: tuple[ReadRadiograph | FailedRadiograph, ...]
    image: Tensor

    def __len__(self) -> int:
        return len(self.radiographs)


class RadiographLoader:
    """Iterates over batches of radiographs, which threads read from their files ahead of the consumer.

    A radiograph that cannot be read is returned in its place as a `FailedRadiograph`, and the others go on. At most
    `threads` radiographs are in memory at full size; up to one batch and `threads` more wait at the canvas's size.

    Args:
        paths: files of the radiographs; see `read_stored`.
        shape: (H, W) of the images.
        canvas: the canvas, such as a study's, that each radiograph is placed on before it is resized to `shape`; a
            canvas of `shape` if None.
        batch_size: radiographs per batch; the last batch may be smaller.
        device: the device that images are put on.
        threads: number of threads that read radiographs. The result does not depend on it.

    Raises:
        ValueError: the batch size, a side or the number of threads is below 1.

    Example:
        >>> from egaze.loading import RadiographLoader
        >>> batch = next(iter(RadiographLoader(["radiograph.dcm", "none.png"], (64, 64), batch_size=2)))
        >>> batch.image.shape, [type(item).__name__ for item in batch.radiographs]
        (torch.Size([1, 1, 64, 64]), ['ReadRadiograph', 'FailedRadiograph'])
    """

    def __init__(
        self,
        paths: Sequence[str | PathLike[str]],
        shape: tuple[int, int],
        *,
        canvas: Canvas | None = None,
        batch_size: int = 1,
        device: torch.device | str = "cpu",
        threads: int = 1,
    ) -> None:
        for name, value in (
            ("batch_size", batch_size),
            ("height", shape[0]),
            ("width", shape[1]),
            ("threads", threads),
        ):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self._paths = [Path(path) for path in paths]
        self._shape = shape
        self._canvas = canvas or Canvas(*shape)
        self._batch_size = batch_size
        self._device = torch.device(device)
        self._threads = threads

    def __len__(self) -> int:
        return -(-len(self._paths) // self._batch_size)

    def __iter__(self) -> Iterator[RadiographBatch]:
        """Yield the batches. Breaking the loop waits for the radiographs that are being read, and reads no more."""
        ahead: deque[Future[_Placed | FailedRadiograph]] = deque()
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="egaze-radiographs")
        try:
            rest = iter(self._paths)
            for begin in range(0, len(self._paths), self._batch_size):
                count = min(self._batch_size, len(self._paths) - begin)
                loaded: list[_Placed | FailedRadiograph] = []
                while len(loaded) < count:
                    while len(ahead) < self._batch_size + self._threads and (path := next(rest, None)) is not None:
                        ahead.append(pool.submit(self._place, path))
                    loaded.append(ahead.popleft().result())
                yield self._batch(loaded)
        finally:
            pool.shutdown(cancel_futures=True)

    def _place(self, path: Path) -> _Placed | FailedRadiograph:
        try:
            radiograph = read_stored(path, presentation=self._canvas.presentation)
            read = ReadRadiograph(path, self._canvas.geometry(radiograph.shape), radiograph.presentation.notes)
            return _Placed(read, to_input(self._canvas.place(radiograph), self._shape))
        except EgazeError as error:
            return FailedRadiograph(path, error)
        except MemoryError:
            return FailedRadiograph(path, RadiographError(f"{path}: not enough memory to read the radiograph"))

    def _batch(self, loaded: list[_Placed | FailedRadiograph]) -> RadiographBatch:
        images = [item.image for item in loaded if isinstance(item, _Placed)]
        image = torch.from_numpy(np.stack(images) if images else np.empty((0, *self._shape), np.float32))[:, None]
        radiographs = tuple(item.radiograph if isinstance(item, _Placed) else item for item in loaded)
        return RadiographBatch(radiographs, image.to(self._device))


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    radiograph: ReadRadiograph
    image: NDArray[np.float32]
