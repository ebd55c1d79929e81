"""The processes that train one model together, its ranks: how many there are, and what they tell one another.

Each rank has one device. All carry out the same training on their own part of each batch; rank 0 alone reads and writes
the run's folder.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import Tensor, distributed

from egaze.errors import EgazeError

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placement:
    """On how many devices of how many computers a model is trained.

    Attributes:
        devices: of each computer.
        nodes: the computers.
        starter: who has started this process as one of the ranks: "torchrun", "SLURM" or, by the variable LOCAL_RANK,
            "LOCAL_RANK"; empty if it is no rank, or the only one.
    """

    devices: int = 1
    nodes: int = 1
    starter: str = ""

    @property
    def ranks(self) -> int:
        return self.devices * self.nodes

    @property
    def is_launched(self) -> bool:
        """Whether this process is one of several ranks; otherwise it is to start them, if there are several."""
        return self.ranks == 1 or bool(self.starter)

    @property
    def environment(self) -> ClusterEnvironment:
        """By what Fabric knows which rank this process is."""
        if self.starter == "torchrun":
            return TorchElasticEnvironment()
        return SLURMEnvironment() if self.starter == "SLURM" else LightningEnvironment()


def settle_placement(devices: int | None, nodes: int | None) -> Placement:
    """Settle on how many devices to train: as asked or, under torchrun and SLURM, as they have started the processes.

    Raises:
        EgazeError: a number is below 1, is not that of the processes that were started, or lacks what finds the other
            computers.
    """
    for name, number in (("devices", devices), ("nodes", nodes)):
        if number is not None and number < 1:
            raise EgazeError(f"the number of {name} must be at least 1, got {number}")
    started = _started()
    if started is not None:
        for name, number, there_are in (("devices", devices, started.devices), ("nodes", nodes, started.nodes)):
            if number not in (None, there_are):
                each = " of each node" if name == "devices" else ""
                raise EgazeError(
                    f"{started.starter} has started processes for {there_are} {name}{each}, and {number} were asked for"
                )
        return started
    placement = Placement(devices or 1, nodes or 1)
    if placement.ranks > 1 and "LOCAL_RANK" in os.environ:
        placement = Placement(placement.devices, placement.nodes, "LOCAL_RANK")
    if placement.nodes > 1:
        _require_addresses(placement)
    return placement


def _started() -> Placement | None:
    """The processes that torchrun or SLURM has started; None where neither has."""
    try:
        if TorchElasticEnvironment.detect():
            ranks, devices = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
            starter = "torchrun"
        elif "SLURM_NTASKS" in os.environ and SLURMEnvironment.detect():
            ranks = int(os.environ["SLURM_NTASKS"])
            if ranks > 1 and "SLURM_NTASKS_PER_NODE" not in os.environ:
                raise EgazeError(f"SLURM has started {ranks} processes: say on how many nodes, by --ntasks-per-node")
            devices = int(os.environ.get("SLURM_NTASKS_PER_NODE", 1))
            starter = "SLURM"
        else:
            return None
    except (KeyError, ValueError) as error:
        raise EgazeError(f"the variables of torchrun or SLURM cannot be read: {error}") from error
    if ranks % devices:
        raise EgazeError(f"{starter} has started {ranks} processes, which are not {devices} on each node")
    # One process alone of SLURM may start those of its devices itself.
    return None if starter == "SLURM" and ranks == 1 else Placement(devices, ranks // devices, starter)


def _require_addresses(placement: Placement) -> None:
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if not os.environ.get(name)]
    if missing:
        raise EgazeError(
            f"training on {placement.nodes} nodes needs {', '.join(missing)} in the environment: give the command on "
            "each node with the first node's address, a free port of it, and the node's number from 0; or use torchrun "
            "or srun"
        )
    for name, end in (("NODE_RANK", placement.nodes), ("MASTER_PORT", 65_536)):
        value = os.environ[name]
        if not (value.isdecimal() and int(value) < end):
            raise EgazeError(f"{name} must be 0 to {end - 1}, got {value!r}")


def of_rank(rank: int, ranks: int) -> str:
    """The name of a rank in messages, by its number from 0."""
    return f"rank {rank} of {ranks}"


def name_rank(error: EgazeError, rank: int, ranks: int) -> None:
    """Name the rank in an error's message, unless one is named there already."""
    if not re.search(rf"\brank \d+ of {ranks}\b", str(error)):
        error.args = (f"{of_rank(rank, ranks)}: {error}",)


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error is only that another rank does not answer."""
    said = str(error)
    by_words = isinstance(error, RuntimeError) and any(word in said for word in ("gloo", "Connection", "NCCL"))
    return by_words or isinstance(error, distributed.DistError)


@contextmanager
def naming_the_rank(placement: Placement) -> Iterator[None]:
    """Name the rank in errors, of which each process that torchrun or SLURM has started prints its own."""
    if placement.starter not in ("torchrun", "SLURM") or placement.ranks == 1:
        yield
        return
    rank = placement.environment.global_rank()
    try:
        yield
    except EgazeError as error:
        name_rank(error, rank, placement.ranks)
        raise
    except RuntimeError as error:
        if not is_lost_connection(error):
            raise
        said = str(error).splitlines()[0]
        raise EgazeError(f"{of_rank(rank, placement.ranks)}: another rank does not answer: {said}") from error


def from_first(fabric: Fabric, function: Callable[[], T]) -> T:
    """Call a function on rank 0 and return its result on every rank. If it raises, every rank does."""
    if fabric.world_size == 1:
        return function()
    result: T | None = None
    error: Exception | None = None
    if fabric.is_global_zero:
        try:
            result = function()
        except Exception as raised:
            error = raised
    result, told = fabric.broadcast((result, None if error is None else _without_cause(error)))
    if error is not None or told is not None:
        raise error or cast(Exception, told)
    return cast(T, result)


def _without_cause(error: Exception) -> Exception:
    """The error in a form that can be told to another process."""
    return error if isinstance(error, EgazeError) else EgazeError(f"{type(error).__name__}: {error}")


def gathered(fabric: Fabric, own: T) -> list[T]:
    """Return what each rank has, in their order, on every rank."""
    if fabric.world_size == 1:
        return [own]
    of_all: list[Any] = [None] * fabric.world_size
    distributed.all_gather_object(of_all, own)
    return of_all


def summed(fabric: Fabric, own: Tensor) -> Tensor:
    """Return the sum of what each rank has, on every rank."""
    return own if fabric.world_size == 1 else cast(Tensor, fabric.all_reduce(own.clone(), reduce_op="sum"))


def share_buffers(fabric: Fabric, *modules: torch.nn.Module) -> None:
    """Give every rank the buffers of rank 0: of batch norms that are not synchronised, each rank has its own."""
    if fabric.world_size > 1:
        for module in modules:
            for buffer in module.buffers():
                distributed.broadcast(buffer, 0)
