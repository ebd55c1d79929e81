"""The losses of an epoch's batches: kept on the device and looked at only at log steps, so that no step waits."""

from __future__ import annotations

import logging

import torch
from lightning_fabric import Fabric
from torch import Tensor

from egaze.errors import LossError
from egaze.loading import DeviceLoader
from egaze.training.ranks import gathered, of_rank

logger = logging.getLogger(__name__)

#: Batches from one look at the losses to the next.
LOG_STEPS = 50

# Above it, sums of losses may no longer be finite.
_LARGEST = 1e30
_EXPLODES = 10.0
# Fewer batches may be hard ones by chance.
_FEW = 10
_CASES_SHOWN = 16


class StepLosses:
    """Watches the losses of one epoch's batches.

    Args:
        loader: of the batches.
        first: the number of the first batch, from 0.
        lowest: the lowest mean loss of the epochs before, for a warning of an exploding learning rate; None where
            nothing is learnt. There, batches are in the order of the cases, and some are far harder than others.
        fabric: given if all ranks watch their shares of the losses of the same batches.
    """

    def __init__(
        self, loader: DeviceLoader, first: int = 0, lowest: float | None = None, fabric: Fabric | None = None
    ) -> None:
        self._loader, self._batches, self._fabric = loader, len(loader), fabric
        self._losses = torch.empty(0)
        self._done, self._seen, self._lowest = first, first, lowest
        self._recent: list[float] = []
        self._has_warned = False

    def add(self, loss: Tensor) -> None:
        """Keep the loss of the next batch.

        Raises:
            LossError: at a log step, the loss of this batch or of one since the last log step is not finite.
        """
        if len(self._losses) == 0:
            self._losses = torch.empty(self._batches, device=loss.device)
        self._losses[self._done] = loss.detach()
        self._done += 1
        if self._done == self._batches or self._done % LOG_STEPS == 0:
            self._look()

    def _look(self) -> None:
        own = self._losses[self._seen : self._done].tolist()
        of_ranks = gathered(self._fabric, own) if self._fabric else [own]
        for batch, shares in enumerate(zip(*of_ranks, strict=True), start=self._seen):
            for rank, loss in enumerate(shares):
                if not abs(loss) < _LARGEST:
                    raise self._error(batch, loss, rank, len(of_ranks))
        self._seen = self._done
        if self._lowest is not None:
            self._watch_for_a_rise([sum(shares) for shares in zip(*of_ranks, strict=True)], self._lowest)

    def _error(self, batch: int, loss: float, rank: int, ranks: int) -> LossError:
        """The same error on all ranks, of the first loss that is not finite."""
        case_ids = self._loader.case_ids(batch) if ranks == 1 else self._loader.case_ids(batch, rank)
        more = f" and {len(case_ids) - _CASES_SHOWN} more" if len(case_ids) > _CASES_SHOWN else ""
        shown = ", ".join(case_ids[:_CASES_SHOWN])
        where = "" if ranks == 1 else f" on {of_rank(rank, ranks)}"
        return LossError(
            f"batch {batch + 1} of {self._batches}: the loss{where} is {loss:.3g}, on cases {shown}{more}", case_ids
        )

    def _watch_for_a_rise(self, losses: list[float], lowest: float) -> None:
        if not self._recent:
            lowest = min(lowest, losses[0])
        self._recent = (self._recent + losses)[-max(len(losses), _FEW) :]
        mean = sum(self._recent) / len(self._recent)
        if mean > _EXPLODES * lowest and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "the loss has risen from %.3g to %.3g: the learning rate is too high; "
                "lower it (--set stages.learning_rate=...)",
                lowest,
                mean,
            )
        self._lowest = min(lowest, mean)
