"""The cost of an epoch, on the host by its clock and on a device by the device's events."""

import sys
import time
from types import SimpleNamespace

import pytest
import torch

from egaze.training.cost import CostMeter, peak_resident_bytes
from egaze.training.epoch_log import EpochLog


def slow_batches(count, wait_s):
    for _ in range(count):
        time.sleep(wait_s)
        yield [None] * 8


def test_the_host_waits_while_it_asks(monkeypatch):
    meter = CostMeter(torch.device("cpu"), ranks=2)
    for _batch in meter.watched(slow_batches(4, 0.03)):
        time.sleep(0.01)
    seconds = 0.16
    cost = meter.cost()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "resource", None)  # as on Windows
        assert meter.cost().peak_memory_mb is None
    assert 0.5 < cost.waiting_frac < 0.9
    assert 0.3 * 64 / seconds < cost.radiographs_per_s < 64 / seconds
    assert 50 < cost.peak_memory_mb < peak_resident_bytes() / 1e6 + 1 and cost.peak_device_memory_mb is None


class Device:
    """A device that finishes its work late, and is behind the host."""

    def __init__(self):
        self.queue, self.finished_ms = [], 0.0
        self.Event = lambda enable_timing: Event(self, enable_timing)

    def reset_peak_memory_stats(self, device):
        self.peak = 0

    def max_memory_allocated(self, device):
        return self.peak

    def current_stream(self, device):
        return "stream"


class Event:
    def __init__(self, device, enable_timing):
        assert enable_timing
        self.device = device

    def record(self, stream):
        assert stream == "stream"
        self.at_ms = self.device.finished_ms

    def query(self):
        return self.device.is_idle

    def synchronize(self):
        self.device.is_idle = True

    def elapsed_time(self, other):
        assert self.device.is_idle
        return other.at_ms - self.at_ms


@pytest.mark.parametrize("is_idle", [True, False])
def test_a_device_waits_by_its_own_clock(is_idle, monkeypatch):
    device = Device()
    device.is_idle = is_idle
    monkeypatch.setattr(torch, "get_device_module", lambda device_: device)
    meter = CostMeter(SimpleNamespace(type="cuda"))

    def batches():
        for _ in range(3):
            device.finished_ms += 2  # the copy arrives
            yield [None] * 4

    for _batch in meter.watched(batches()):
        device.finished_ms += 1000
        device.peak = 12_000_000
    time.sleep(0.02)
    cost = meter.cost()
    assert meter._waits.seconds() == pytest.approx(0.006)
    assert 0 < cost.waiting_frac <= 0.3 and cost.peak_device_memory_mb == 12.0


@pytest.mark.needs_cuda
def test_a_gpu_s_cost_is_measured_without_waiting_for_it():
    device = torch.device("cuda")
    torch.ones(1, device=device)
    meter = CostMeter(device)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in meter.watched(torch.ones(8, 1 << 20, device=device) for _ in range(20)):
            batch.mul_(2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    cost = meter.cost()
    assert 0 <= cost.waiting_frac <= 1 and cost.radiographs_per_s > 0
    assert cost.peak_device_memory_mb >= 8 * 4 * (1 << 20) / 1e6


def test_the_log_has_the_cost(run):
    for entry in run.log():
        line = entry.to_line()
        assert entry.cost.radiographs_per_s > 0 and 0 <= line["waiting_frac"] < 1
        assert line["peak_memory_mb"] > 50 and "peak_device_memory_mb" not in line
        assert EpochLog.from_line(line).cost == entry.cost
        del line["waiting_frac"]
        with pytest.raises(ValueError, match="of radiographs_per_s and waiting_frac, one is missing"):
            EpochLog.from_line(line)
        for name in ("radiographs_per_s", "peak_memory_mb"):
            del line[name]
        assert EpochLog.from_line(line).cost is None
