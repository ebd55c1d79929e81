"""Radiographs from their files to a model's input, without a study: for predictions over folders."""

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
    """A radiograph that a batch holds, how it lies on the canvas, and what of its file was not taken at its word; see
    `Presentation`."""

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
    """Some radiographs in the order they were asked for.

    Attributes:
        radiographs: each that was asked for.
        image: (M, 1, H, W) float32 in [0, 1] of the M that could be read, in the same order.
    """

    radiographs: tuple[ReadRadiograph | FailedRadiograph, ...]
    image: Tensor

    def __len__(self) -> int:
        return len(self.radiographs)


class RadiographLoader:
    """Iterates over batches of radiographs from their files, read by threads some radiographs ahead.

    A radiograph that cannot be read takes its place as a `FailedRadiograph` and stops nothing. At most `threads`
    radiographs are in memory at their full size; of the others that are ahead, up to one batch and `threads` more, only
    the canvas.

    Args:
        paths: the radiographs; see `read_stored`.
        shape: (H, W) of the images.
        canvas: that each is placed on before it is brought to `shape`, a study's; one of `shape` when None.
        batch_size: radiographs a batch; the last may be smaller.
        device: where the images shall be.
        threads: that read radiographs. The result does not depend on it.

    Raises:
        ValueError: a batch size, side or number of threads below 1.
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
        """Leaving the loop early waits for the radiographs being read and reads no more."""
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
            return FailedRadiograph(path, RadiographError(f"{path}: not enough memory for the radiograph"))

    def _batch(self, loaded: list[_Placed | FailedRadiograph]) -> RadiographBatch:
        images = [item.image for item in loaded if isinstance(item, _Placed)]
        image = torch.from_numpy(np.stack(images) if images else np.empty((0, *self._shape), np.float32))[:, None]
        radiographs = tuple(item.radiograph if isinstance(item, _Placed) else item for item in loaded)
        return RadiographBatch(radiographs, image.to(self._device))


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    radiograph: ReadRadiograph
    image: NDArray[np.float32]
