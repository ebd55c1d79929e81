"""One encoder, two heads: what the film shows, and where a radiologist would look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from egaze.errors import EgazeError
from egaze.models.decoder import Decoder
from egaze.models.encoder import make_encoder

# A gaze heatmap holds nothing finer than a few pixels, so the decoder stops at a quarter of the resolution.
_FINEST_STRIDE = 4


class DualHeadOutput(NamedTuple):
    """What the model says of N films.

    Attributes:
        class_logits: (N, C).
        heatmap_logits: (N, 1, H, W); zeros from a model without a heatmap head.
    """

    class_logits: Tensor
    heatmap_logits: Tensor


class DualHeadUNet(nn.Module):
    """A U-Net over a timm encoder with a classification head on its bottleneck and a heatmap head on its decoder.

    Scripts with `torch.jit.script`. Implements the architecture of Watanabe et al. 2022 (arXiv 2207.00157) with
    a decoder that stops at stride 4.

    Args:
        encoder: a timm model's name.
        classes: number of classes, at least 1.
        weights: "none" or "imagenet".
        heatmap_head: whether there is a decoder at all; the encoder-only control has none.
        decoder_channels: of the decoder's steps, from stride 16 to stride 4.
        dropout: before the classification layer, in [0, 1).

    Raises:
        EgazeError: an unknown encoder, one without feature maps at strides 4 to 32, or a number out of range.
    """

    # TorchScript leaves out the branch that a constant rules out.
    __constants__ = ("first_used", "heatmap_head", "mean", "std")

    def __init__(
        self,
        encoder: str = "tf_efficientnet_b0",
        classes: int = 3,
        *,
        weights: str = "none",
        heatmap_head: bool = True,
        decoder_channels: Sequence[int] = (128, 64, 32),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if classes < 1 or not 0 <= dropout < 1:
            raise EgazeError(f"classes must be at least 1 and dropout in [0, 1), got {classes} and {dropout}")
        # Mean and standard deviation of ImageNet's grey values, which pretrained encoders expect.
        self.mean, self.std = 0.449, 0.226
        self.encoder = make_encoder(encoder, weights)
        info = self.encoder.feature_info
        strides = info.reduction()
        used = [index for index, stride in enumerate(strides) if stride >= _FINEST_STRIDE]
        if [strides[index] for index in used] != [4, 8, 16, 32]:
            raise EgazeError(f"encoder {encoder!r} has feature maps at strides {strides}, expected 4, 8, 16 and 32")
        self.first_used = used[0]
        channels = [info.channels()[index] for index in used]
        self.heatmap_head = heatmap_head
        if heatmap_head:
            if len(decoder_channels) != len(used) - 1 or min(decoder_channels) < 1:
                raise EgazeError(f"decoder_channels must be 3 positive numbers, got {list(decoder_channels)}")
            self.decoder = Decoder(channels, decoder_channels)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels[-1], classes))

    def forward(self, image: Tensor) -> DualHeadOutput:
        """(N, 1, H, W) float32 in [0, 1], sides at least 32, to both heads' logits."""
        features: list[Tensor] = self.encoder((image - self.mean) / self.std)
        class_logits = self.classifier(features[-1].mean(dim=(2, 3)))
        if self.heatmap_head:
            coarse = self.decoder(features[self.first_used :])
            heatmap_logits = functional.interpolate(coarse, size=image.shape[-2:], mode="bilinear", align_corners=False)
        else:
            heatmap_logits = image.new_zeros((image.shape[0], 1, image.shape[2], image.shape[3]))
        return DualHeadOutput(class_logits, heatmap_logits)
