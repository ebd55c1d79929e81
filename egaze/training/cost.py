"""What an epoch of training costs: its rate, its waiting for the loader, and its memory."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch

from egaze.loading import Batch


@dataclass(frozen=True, slots=True)
class EpochCost:
    """What the training part of an epoch cost; measuring on the other split is not part of it.

    Attributes:
        radiographs_per_s: radiographs trained on per second, on all devices together.
        waiting_frac: the fraction of the time in which the device waited for a batch, from 0 to 1.
        peak_memory_mb: the largest resident memory of this process since it began, in 10^6 bytes; None on Windows,
            where Python does not tell it.
        peak_device_memory_mb: the largest memory of tensors on the device in this epoch, in 10^6 bytes; None on the
            CPU.
    """

    radiographs_per_s: float
    waiting_frac: float
    peak_memory_mb: float | None = None
    peak_device_memory_mb: float | None = None


class CostMeter:
    """Measures one epoch, from its making to `cost`. Nothing waits for the device.

    Args:
        device: the device that computes.
        ranks: the number of devices that train together, which are all given equally many samples.
    """

    def __init__(self, device: torch.device, ranks: int = 1) -> None:
        self._device, self._ranks = device, ranks
        self._waits = _HostWaits() if device.type == "cpu" else _DeviceWaits(device)
        if device.type != "cpu":
            torch.get_device_module(device).reset_peak_memory_stats(device)
        self._radiographs = 0
        self._started_s = time.perf_counter()

    def watched(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches, counting their samples and the time in which they are waited for."""
        iterator = iter(batches)
        while True:
            self._waits.begin()
            batch = next(iterator, None)
            self._waits.end()
            if batch is None:
                return
            self._radiographs += len(batch)
            yield batch

    def cost(self) -> EpochCost:
        """The cost so far; on a device, call it when the device has finished, as it has when losses were read."""
        seconds = max(time.perf_counter() - self._started_s, 1e-9)
        on_device, resident = None, peak_resident_bytes()
        if self._device.type != "cpu":
            allocated = torch.get_device_module(self._device).max_memory_allocated(self._device)
            on_device = round(allocated / 1e6, 1)
        return EpochCost(
            radiographs_per_s=round(self._radiographs * self._ranks / seconds, 2),
            waiting_frac=round(min(1.0, self._waits.seconds() / seconds), 4),
            peak_memory_mb=None if resident is None else round(resident / 1e6, 1),
            peak_device_memory_mb=on_device,
        )


def peak_resident_bytes() -> int | None:
    """The largest resident memory of this process since it began; None on Windows."""
    try:
        resource = import_module("resource")
    except ImportError:
        return None
    peak = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak if sys.platform == "darwin" else 1024 * peak


class _HostWaits:
    """Where the host computes, it waits while it asks for a batch."""

    def __init__(self) -> None:
        self._total_s = self._begun_s = 0.0

    def begin(self) -> None:
        self._begun_s = time.perf_counter()

    def end(self) -> None:
        self._total_s += time.perf_counter() - self._begun_s

    def seconds(self) -> float:
        return self._total_s


class _DeviceWaits:
    """A device waits from the end of a step's work to the arrival of the next batch, which it notes by events.

    The host's time says little: it queues work ahead of the device, and waits for a batch while the device computes.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._module = device, torch.get_device_module(device)
        self._total_s = 0.0
        self._noted: deque[tuple[Any, Any]] = deque()
        self._begun: Any = None

    def begin(self) -> None:
        self._begun = self._now()

    def end(self) -> None:
        self._noted.append((self._begun, self._now()))
        while self._noted and self._noted[0][1].query():
            self._add(*self._noted.popleft())

    def seconds(self) -> float:
        while self._noted:
            begun, ended = self._noted.popleft()
            ended.synchronize()
            self._add(begun, ended)
        return self._total_s

    def _now(self) -> Any:
        event = self._module.Event(enable_timing=True)
        event.record(self._module.current_stream(self._device))
        return event

    def _add(self, begun: Any, ended: Any) -> None:
        self._total_s += begun.elapsed_time(ended) / 1e3
