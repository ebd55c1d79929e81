"""Where within an epoch a run has come to, on each rank: its sums of loss terms, and the random numbers of dropout."""

from __future__ import annotations

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from egaze.loading import DeviceLoader
from egaze.training.checkpoint import WithinEpoch
from egaze.training.engine import EpochProgress
from egaze.training.ranks import gathered


def seed_dropout(fabric: Fabric, *numbers: int) -> None:
    """Seed what is random in the model; ranks differ, as their samples do."""
    rank = fabric.global_rank
    words = (*numbers, rank) if rank else numbers
    torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1)[0]))


def within_epoch(fabric: Fabric, done: EpochProgress, loader: DeviceLoader) -> WithinEpoch:
    """Gather from all ranks what a checkpoint within an epoch holds."""
    of_ranks = gathered(fabric, {name: total.cpu() for name, total in done.sums.items()})
    return {
        "step": done.step,
        "sums": {name: torch.stack([own[name] for own in of_ranks]) for name in of_ranks[0]},
        "loader": loader.state_dict(),
        "random": gathered(fabric, _random_state(fabric.device)),
    }


def go_on_within(fabric: Fabric, within: WithinEpoch, loader: DeviceLoader, *numbers: int) -> EpochProgress:
    """Go on where a checkpoint was written: each rank from its own state or, if their number has changed, from the
    ranks' sums together and with new random numbers, which the `numbers` seed."""
    loader.load_state_dict(within["loader"])
    rank, is_same = fabric.global_rank, len(within["random"]) == fabric.world_size
    if is_same:
        _set_random_state(within["random"][rank], fabric.device)
    else:
        seed_dropout(fabric, *numbers, within["step"])
    sums = {}
    for name, of_ranks in within["sums"].items():
        own = of_ranks[rank] if is_same else of_ranks.sum() * (rank == 0)
        sums[name] = own.to(fabric.device)
    return EpochProgress(within["step"], sums)


def _random_state(device: torch.device) -> list[Tensor]:
    """The state of torch's random numbers, on the CPU and on the device."""
    own = [] if device.type == "cpu" else [torch.get_device_module(device).get_rng_state(device)]
    return [torch.get_rng_state(), *own]


def _set_random_state(states: list[Tensor], device: torch.device) -> None:
    """Go on with the random numbers that came after `_random_state`."""
    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.get_device_module(device).set_rng_state(state, device)
