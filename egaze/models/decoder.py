"""The U-Net's way back up: to a quarter of the input's resolution, or to all of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# TorchScript compiles these lines; see `egaze.models.dual_head_unet` for the `type: ignore`s.


class UpBlock(nn.Module):
    """Upsample to the skip's size, join, and convolve twice."""

    def __init__(self, channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.joins_skip = skip_channels > 0  # known when it is scripted, so that the other branch is left out
        self.convolve = nn.Sequential(
            nn.Conv2d(channels + skip_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """(N, C, h, w) and (N, S, 2h, 2w) to (N, out, 2h, 2w); S may be 0."""
        # What functional.interpolate comes to, without its choices by the number of dimensions.
        up: Tensor = torch.ops.aten.upsample_nearest2d(coarse, skip.shape[-2:])
        if self.joins_skip:
            up = torch.cat([up, skip], dim=1)
        return self.convolve(up)  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """From an encoder's feature maps to maps of logits at the finest stride among those given.

    Args:
        feature_channels: channels of the feature maps, from the finest to the coarsest; 0 where the encoder has no
            map and its place only tells the size.
        channels: channels of the decoder's steps, from the coarsest to the finest; one fewer than the maps.
        maps: how many maps of logits.
        logits_kernel: side of the last convolution, odd.
    """

    def __init__(
        self, feature_channels: Sequence[int], channels: Sequence[int], *, maps: int = 1, logits_kernel: int = 1
    ) -> None:
        super().__init__()
        coarse = [feature_channels[-1], *channels[:-1]]
        skips = list(feature_channels[-2::-1])
        self.blocks = nn.ModuleList(
            UpBlock(before, skip, after) for before, skip, after in zip(coarse, skips, channels, strict=True)
        )
        self.to_logits = nn.Conv2d(channels[-1], maps, logits_kernel, padding=logits_kernel // 2)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Feature maps from the finest to the coarsest, to (N, maps, h, w) logits."""
        x = features[-1]
        for step, block in enumerate(self.blocks):
            x = block(x, features[len(features) - 2 - step])
        return self.to_logits(x)  # type: ignore[no-any-return]
