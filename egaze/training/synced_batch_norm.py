"""Batch norms whose statistics are those of the whole batch, of which each rank has a part."""

from __future__ import annotations

from typing import Any

import torch
from timm.layers.norm_act import BatchNormAct2d, convert_sync_batchnorm
from torch import Tensor, distributed, nn
from torch.autograd.function import FunctionCtx

from egaze.errors import EgazeError


def synchronise_batch_norms(model: nn.Module, device: torch.device, *, twice_differentiable: bool) -> nn.Module:
    """Replace a model's batch norms by such that learn from the batches of all ranks together.

    Names and values of its state stay the same. On CUDA they are torch's own, which the CPU does not have, and whose
    gradients have no gradients.

    Raises:
        EgazeError: a batch norm is of a kind that is not known.
    """
    if device.type == "cuda" and not twice_differentiable:
        converted: nn.Module = convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return converted
    _replace(model)
    return model


def _replace(module: nn.Module) -> None:
    for name, child in module.named_children():
        is_known = type(child) in (nn.BatchNorm2d, BatchNormAct2d)
        if is_known and isinstance(child, nn.BatchNorm2d) and child.affine and child.momentum is not None:
            setattr(module, name, SyncedBatchNorm(child))
        elif isinstance(child, nn.modules.batchnorm._BatchNorm):
            raise EgazeError(
                f"batch norms of the kind {type(child).__name__} cannot be synchronised; train with "
                "--no-sync-batch-norm"
            )
        else:
            _replace(child)


class SyncedBatchNorm(nn.BatchNorm2d):
    """A batch norm over the batches of all ranks, which may have batches of different sizes, or empty ones.

    Ranks' means and sums of squares are combined as Chan, Golub and LeVeque combine those of parts (1983), in float32.

    Args:
        norm: the batch norm whose parameters and statistics it takes over, with timm's activation if it has one.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        for name in ("drop", "act"):
            if hasattr(norm, name):
                self.add_module(name, getattr(norm, name))
        self.train(norm.training)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # a compiled graph ends where ranks talk
    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W) values by the statistics of all ranks or, in evaluation, by the running ones."""
        y = self._normalised(x) if self.training else super().forward(x)
        for name in ("drop", "act"):
            if hasattr(self, name):
                y = getattr(self, name)(y)
        return y

    def _normalised(self, x: Tensor) -> Tensor:
        values = x.float()
        count = torch.full((1,), values.numel() // values.shape[1], dtype=values.dtype, device=x.device)
        own_mean = values.sum(dim=(0, 2, 3)) / count.clamp(min=1)
        own_squares = (values - own_mean[:, None, None]).square().sum(dim=(0, 2, 3))
        rows = torch.zeros(distributed.get_world_size(), 1, device=x.device)
        rows[distributed.get_rank()] = 1
        of_all = _SumOverRanks.apply(rows * torch.cat([own_mean, own_squares, count]))
        means, squares, counts = of_all.split([self.num_features, self.num_features, 1], dim=1)
        total = counts.sum()
        mean = (counts * means).sum(dim=0) / total
        variance = (squares.sum(dim=0) + (counts * (means - mean).square()).sum(dim=0)) / total
        self._keep(mean.detach(), variance.detach() * (total / (total - 1).clamp(min=1)))
        scale = torch.rsqrt(variance + self.eps) * self.weight
        y = (values - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        normalised: Tensor = y.to(x.dtype)
        return normalised

    @torch.no_grad()
    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        """Let the running statistics follow; as in torch, the running variance is the unbiased one."""
        assert self.momentum is not None
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
            self.num_batches_tracked.add_(1)


class _SumOverRanks(torch.autograd.Function):
    """The sum over all ranks of a tensor, and of its gradient; it can be differentiated any number of times."""

    @staticmethod
    def forward(_context: FunctionCtx, own: Tensor) -> Tensor:
        total = own.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: FunctionCtx, *gradients: Any) -> Tensor:
        total: Tensor = _SumOverRanks.apply(gradients[0].contiguous())
        return total
