"""The U-Net's decoder, to a quarter of the input's resolution or to the full resolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from egaze.models.heatmap_prior import HeatmapPrior

# TorchScript compiles this code; see `egaze.models.dual_head_unet` about the `type: ignore` comments.


class UpBlock(nn.Module):
    """Upsample to the skip's size, concatenate the skip, and convolve twice."""

    def __init__(self, channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.joins_skip = skip_channels > 0  # a constant when scripted, so that the other branch is left out
        self.convolve = nn.Sequential(
            nn.Conv2d(channels + skip_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Map (N, C, h, w) and a skip (N, S, 2h, 2w) to (N, out, 2h, 2w); S may be 0."""
        # What functional.interpolate calls, without its branches on the number of dimensions.
        up: Tensor = torch.ops.aten.upsample_nearest2d(coarse, skip.shape[-2:])
        if self.joins_skip:
            up = torch.cat([up, skip], dim=1)
        return self.convolve(up)  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Decodes an encoder's feature maps to maps of logits at the finest of their strides.

    Args:
        feature_channels: channels of the feature maps, from the finest to the coarsest; 0 where the encoder has no
            feature map, and a placeholder only has the size.
        channels: channels of the decoder's steps, from the coarsest to the finest; one fewer than feature maps.
        maps: number of maps of logits.
        logits_kernel: side of the last convolution's kernel, odd.
        with_prior: whether a `HeatmapPrior` is added to the logits. The last convolution then starts at 0, so that
            the heatmap starts as the mean map.
    """

    def __init__(
        self,
        feature_channels: Sequence[int],
        channels: Sequence[int],
        *,
        maps: int = 1,
        logits_kernel: int = 1,
        with_prior: bool = False,
    ) -> None:
        super().__init__()
        coarse = [feature_channels[-1], *channels[:-1]]
        skips = list(feature_channels[-2::-1])
        self.blocks = nn.ModuleList(
            UpBlock(before, skip, after) for before, skip, after in zip(coarse, skips, channels, strict=True)
        )
        self.to_logits = nn.Conv2d(channels[-1], maps, logits_kernel, padding=logits_kernel // 2)
        self.prior: nn.Module = nn.Identity()
        if with_prior:
            self.prior = HeatmapPrior(maps)
            nn.init.zeros_(self.to_logits.weight)
            nn.init.zeros_(self.to_logits.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, features: list[Tensor]) -> Tensor:
        """Map feature maps, from the finest to the coarsest, to (N, maps, h, w) logits."""
        x = features[-1]
        for step, block in enumerate(self.blocks):
            x = block(x, features[len(features) - 2 - step])
        return self.prior(self.to_logits(x))  # type: ignore[no-any-return]
