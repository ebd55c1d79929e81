"""What a heatmap head knows before it sees a radiograph: where readers look on any of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Side of the stored map; a Gaussian of .05 of the side has a sigma of 3 of its pixels.
PRIOR_PX = 64
# Where no training radiograph was looked at, a reader may still look: odds of 1 to 1,000.
_LEAST = 1e-3
# Adam moves a parameter by about the learning rate in a step. Few radiographs give a few hundred steps, in which a
# strength of its own size could not change by much.
_SCALE = 10.0

# TorchScript compiles this code; see `egaze.models.dual_head_unet` about the `type: ignore` comments.


class HeatmapPrior(nn.Module):
    """Adds the log-odds of a mean target map to a decoder's logits, with a learned strength.

    The heatmap is the logits' sigmoid, so its odds become the decoder's odds times those of the mean map to the power
    of the strength. Where values are small, as they are almost everywhere, this is a product of maps. With logits of 0
    and the initial strength of 1, the heatmap is the mean target map itself, which is what binary cross-entropy asks of
    a map that has seen no radiograph, and close to what KL divergence and CC ask.

    The map does not move with an augmented view; see docs/training.md.

    Args:
        maps: number of maps of logits. Each has a strength of its own; the mean map is the same for all.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.scale = _SCALE
        self.register_buffer("log_odds", torch.zeros(1, 1, PRIOR_PX, PRIOR_PX))
        self.scaled_strength = nn.Parameter(torch.full((maps,), 1.0 / self.scale))

    def strengths(self) -> list[float]:
        """The strength of each map; 0 would leave the mean map out."""
        return [self.scale * value for value in self.scaled_strength.tolist()]

    def set_mean(self, mean_map: Tensor) -> None:
        """Take the mean target map, (PRIOR_PX, PRIOR_PX) in [0, 1]."""
        log_odds = mean_map.clamp(_LEAST, 1 - _LEAST).logit()
        self.get_buffer("log_odds").copy_(log_odds[None, None])

    def forward(self, logits: Tensor) -> Tensor:
        """Map (N, maps, h, w) logits to the same shape."""
        prior = functional.interpolate(
            # torch's types do not know a buffer.
            self.log_odds,  # type: ignore[arg-type]
            size=logits.shape[-2:],
            mode="bilinear",
            align_corners=False,
        )
        return logits + (self.scale * self.scaled_strength).view(-1, 1, 1) * prior
