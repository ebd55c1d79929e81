"""One encoder, two heads: what the film shows, and where a radiologist would look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from egaze.errors import EgazeError
from egaze.models.decoder import Decoder
from egaze.models.encoder import feature_maps, input_statistics, make_encoder, skip_from_the_stem

# Channels of the decoder's steps, by the stride at which it stops. Those at stride 1 are
# segmentation_models_pytorch's.
_DECODER_CHANNELS = {4: (128, 64, 32), 1: (256, 128, 64, 32, 16)}
_SMALLEST_SIDE_PX = 32


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
    a decoder that stops at stride 4 unless told otherwise.

    Args:
        encoder: a timm model's name; `egaze info --encoders` lists them.
        classes: number of classes, at least 1.
        weights: "none", "imagenet", timm's name of others, or a file that `read_weights` reads, for the encoder.
        heatmap_head: whether there is a decoder at all; the encoder-only control has none.
        decoder_stride: where the decoder stops. A gaze heatmap holds nothing finer than a few pixels, so 4 is
            enough; 1 decodes to the full resolution, as `segmentation_models_pytorch.Unet` does.
        decoder_channels: of the decoder's steps, the coarsest first: 3 numbers, from stride 16 to 4, or 5, from
            stride 16 to 1. By default (128, 64, 32) or (256, 128, 64, 32, 16).
        dropout: before the classification layer, in [0, 1).
        drop_path: of the encoder's stochastic depth, see `make_encoder`; in [0, 1).

    Attributes:
        weights_sha256: of the file that `weights` names, in hex; empty where it names none.

    Raises:
        EgazeError: an unknown encoder, one without feature maps at strides 4, 8, 16 and 32, weights that do not fit
            it, or a number out of range.
    """

    # TorchScript leaves out the branch that a constant rules out.
    __constants__ = ("decoder_stride", "first_used", "has_stride_2", "heatmap_head", "mean", "std")
    __jit_ignored_attributes__ = ("weights_sha256",)

    def __init__(
        self,
        encoder: str = "tf_efficientnet_b0",
        classes: int = 3,
        *,
        weights: str | Path = "none",
        heatmap_head: bool = True,
        decoder_stride: int = 4,
        decoder_channels: Sequence[int] | None = None,
        dropout: float = 0.2,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        if classes < 1 or not 0 <= dropout < 1:
            raise EgazeError(f"classes must be at least 1 and dropout in [0, 1), got {classes} and {dropout}")
        if not 0 <= drop_path < 1:
            raise EgazeError(f"drop_path must be in [0, 1), got {drop_path}")
        if decoder_stride not in _DECODER_CHANNELS:
            raise EgazeError(f"decoder_stride must be 4 or 1, got {decoder_stride}")
        steps = len(_DECODER_CHANNELS[decoder_stride])
        if decoder_channels is None:
            decoder_channels = _DECODER_CHANNELS[decoder_stride]
        if heatmap_head and (len(decoder_channels) != steps or min(decoder_channels) < 1):
            raise EgazeError(
                f"decoder_channels must be {steps} positive numbers at decoder_stride {decoder_stride},"
                f" got {list(decoder_channels)}"
            )
        self.encoder, self.weights_sha256 = make_encoder(encoder, weights, drop_path=drop_path)
        self.mean, self.std = input_statistics(self.encoder)
        if decoder_stride == 1:
            skip_from_the_stem(self.encoder)
        maps = feature_maps(encoder, self.encoder)
        self.first_used = maps.index_of[2 if decoder_stride == 1 and 2 in maps.index_of else 4]
        self.has_stride_2 = 2 in maps.index_of
        self.decoder_stride = decoder_stride
        self.heatmap_head = heatmap_head
        if heatmap_head:
            strides = (4, 8, 16, 32) if decoder_stride == 4 else (1, 2, 4, 8, 16, 32)
            self.decoder = Decoder(
                [maps.channels_of.get(stride, 0) for stride in strides],
                decoder_channels,
                logits_kernel=1 if decoder_stride == 4 else 3,
            )
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(maps.channels_of[32], classes))

    def forward(self, image: Tensor) -> DualHeadOutput:
        """(N, 1, H, W) float32 in [0, 1], sides at least 32, to both heads' logits.

        Raises:
            EgazeError: another shape; a scripted model raises torch's own errors.
        """
        if not torch.jit.is_scripting():
            _check_shape(image)
        features: list[Tensor] = self.encoder((image - self.mean) / self.std)
        class_logits = self.classifier(features[-1].mean(dim=(2, 3)))
        if self.heatmap_head:
            heatmap_logits = self.decode(features, image.shape[2], image.shape[3])
        else:
            heatmap_logits = image.new_zeros((image.shape[0], 1, image.shape[2], image.shape[3]))
        return DualHeadOutput(class_logits, heatmap_logits)

    def decode(self, features: list[Tensor], height_px: int, width_px: int) -> Tensor:
        """The encoder's feature maps to (N, 1, height, width) logits."""
        used = features[self.first_used :]
        if self.decoder_stride == 1:
            # Maps of no channels: they tell the decoder the sizes that the encoder has no map of.
            films = features[0].shape[0]
            if not self.has_stride_2:
                used.insert(0, features[0].new_zeros((films, 0, (height_px + 1) // 2, (width_px + 1) // 2)))
            used.insert(0, features[0].new_zeros((films, 0, height_px, width_px)))
            return self.decoder(used)
        return functional.interpolate(
            self.decoder(used), size=[height_px, width_px], mode="bilinear", align_corners=False
        )


def _check_shape(image: Tensor) -> None:
    if image.ndim != 4 or image.shape[1] != 1 or min(image.shape[2:]) < _SMALLEST_SIDE_PX:
        raise EgazeError(
            f"films must have the shape (N, 1, H, W) with sides of at least {_SMALLEST_SIDE_PX} px,"
            f" got {tuple(image.shape)}"
        )
