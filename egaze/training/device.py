"""The devices that a model is trained on, the precision that it computes in there, and what makes its steps faster."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from egaze.errors import EgazeError
from egaze.training.ranks import Placement

#: A module of any class, which `speed_up` changes in place.
Model = TypeVar("Model", bound=nn.Module)

logger = logging.getLogger(__name__)

#: The precisions that layers can compute in, and Lightning Fabric's names for them.
PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


def require_devices(device: str, placement: Placement) -> None:
    """Refuse devices that this computer does not have.

    Raises:
        EgazeError: CUDA is asked for and not available, or has fewer devices.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise EgazeError("device cuda: no CUDA device is available; use auto or cpu, or see `egaze info`")
    if _accelerator(device) == "cuda" and placement.devices > (available := torch.cuda.device_count()):
        raise EgazeError(f"{placement.devices} devices were asked for, and this computer has {available} of CUDA")


def open_fabric(
    device: str, precision: str, placement: Placement | None = None, *, finds_unused: bool = False
) -> Fabric:
    """Set up Lightning Fabric on one device or, in a rank of several, together with the other ranks.

    Args:
        device, precision: see `train`.
        placement: the devices and nodes, one if None; this process must be one of the ranks if there are several.
        finds_unused: whether some of the trained parameters may have no part in the loss.

    Raises:
        EgazeError: see `require_devices`; or the other ranks cannot be reached.
    """
    placement = placement or Placement()
    require_devices(device, placement)
    accelerator, fabric_precision = _accelerator(device), PRECISIONS[precision]
    try:
        if placement.ranks == 1:
            return Fabric(accelerator=accelerator, devices=1, precision=fabric_precision)
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells of itself otherwise
        fabric = Fabric(
            accelerator=accelerator,
            strategy=DDPStrategy(find_unused_parameters=finds_unused),
            devices=placement.devices,
            num_nodes=placement.nodes,
            precision=fabric_precision,
            plugins=[placement.environment],
        )
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        raise EgazeError(f"cannot set up the devices: {(str(error).splitlines() or [''])[0]}") from error
    return fabric


def usable_precision(device: str, precision: str) -> str:
    """Return the precision that will be used: on the CPU, which has no fp16, bf16 replaces it with a warning.

    Raises:
        EgazeError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise EgazeError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "fp16" and _accelerator(device) == "cpu":
        logger.warning("precision fp16 is not available on the CPU: bf16 is used and recorded instead")
        return "bf16"
    return precision


def default_compute_threads(devices: int = 1) -> int:
    """The number of threads that torch would take, but two at least: one adds up in another order than two.

    Of several devices on one computer, each has its share of the processors.
    """
    return max(2, torch.get_num_threads()) if devices == 1 else max(1, processors() // devices)


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def computing_with(threads: int) -> Iterator[None]:
    """Let torch compute on the CPU with that many threads, which decide the order of its sums and so their last bits.

    More threads than processors give the same numbers, in more time.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _accelerator(device: str) -> str:
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def speed_up(model: Model, device: torch.device) -> Model:
    """Change a model in place so that it trains faster; its outputs stay the same up to rounding.

    - Activations whose gradients need their inputs do not work in place: they would copy their inputs first.
    - On the CPU the model uses the channels-last memory format, which convolutions and norms work in natively.
    - On the CPU, depthwise convolutions with large kernels or strides compute in float32 under autocast: with
      oneDNN 3.12 their bfloat16 gradients take up to ten times as long.
    """
    for module in model.modules():
        if isinstance(module, (nn.SiLU, nn.Hardswish)):
            module.inplace = False
        if device.type == "cpu" and isinstance(module, nn.Conv2d) and _is_slow_in_half(module):
            computed = partial(_in_full_precision, module.forward)
            module.forward = computed  # type: ignore[method-assign]  # replaced on this module only
    # On a GPU the effect depends on the precision and has not been measured.
    return model.to(memory_format=torch.channels_last) if device.type == "cpu" else model


def _is_slow_in_half(convolution: nn.Conv2d) -> bool:
    is_depthwise = convolution.groups == convolution.in_channels > 1
    return is_depthwise and (max(convolution.kernel_size) > 3 or max(convolution.stride) > 1)


def _in_full_precision(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    if not torch.is_autocast_enabled("cpu"):
        return forward(x)
    with torch.autocast("cpu", enabled=False):
        return forward(x.float()).to(x.dtype)
