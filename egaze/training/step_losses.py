"""The losses of an epoch's batches: kept on the device and looked at only at log steps, so that no step waits."""

from __future__ import annotations

import logging
import math

import torch
from torch import Tensor

from egaze.errors import LossError
from egaze.loading import DeviceLoader

logger = logging.getLogger(__name__)

#: Batches from one look at the losses to the next.
LOG_STEPS = 50

# Above it, sums of losses may no longer be finite.
_LARGEST = 1e30
_EXPLODES = 10.0
_CASES_SHOWN = 16


class StepLosses:
    """Watches the losses of one epoch's batches.

    Args:
        loader: of the batches.
        first: the number of the first batch, from 0.
        lowest: the lowest mean loss of the epochs before.
    """

    def __init__(self, loader: DeviceLoader, first: int = 0, lowest: float = math.inf) -> None:
        self._loader, self._batches = loader, len(loader)
        self._losses = torch.empty(0)
        self._first, self._done, self._seen, self._lowest = first, first, first, lowest
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
        losses = self._losses[self._seen : self._done].tolist()
        for batch, loss in enumerate(losses, start=self._seen):
            if not abs(loss) < _LARGEST:
                raise self._error(batch, loss)
        if self._seen == self._first:
            self._lowest = min(self._lowest, losses[0])
        self._seen = self._done
        self._warn_of_a_rise(sum(losses) / len(losses))

    def _error(self, batch: int, loss: float) -> LossError:
        case_ids = self._loader.case_ids(batch)
        more = f" and {len(case_ids) - _CASES_SHOWN} more" if len(case_ids) > _CASES_SHOWN else ""
        shown = ", ".join(case_ids[:_CASES_SHOWN])
        return LossError(
            f"batch {batch + 1} of {self._batches}: the loss is {loss:.3g}, on cases {shown}{more}", case_ids
        )

    def _warn_of_a_rise(self, mean: float) -> None:
        if mean > _EXPLODES * self._lowest and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "the loss has risen from %.3g to %.3g: the learning rate is too high; "
                "lower it (--set stages.learning_rate=...)",
                self._lowest,
                mean,
            )
        self._lowest = min(self._lowest, mean)
