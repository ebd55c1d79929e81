"""The dual-head U-Net: one encoder with a classification head and a gaze heatmap head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn
from torch.jit import is_scripting  # type: ignore[attr-defined]  # documented, yet not in the module's __all__
from torch.nn import functional

from egaze.errors import EgazeError
from egaze.models.decoder import Decoder
from egaze.models.encoder import feature_maps, input_statistics, make_encoder, skip_from_the_stem

# Channels of the decoder's steps, by the stride at which it stops; at stride 1 as in segmentation_models_pytorch.
_DECODER_CHANNELS = {4: (128, 64, 32), 1: (256, 128, 64, 32, 16)}
_SMALLEST_SIDE_PX = 32

# In code that TorchScript compiles, a `type: ignore` must be at the end of its line. They are needed because calls of
# modules return Any, and an annotated variable would put its name into the exported program.

POOLINGS = ("mean", "heatmap", "class-heatmaps")


class DualHeadOutput(NamedTuple):
    """The model's output for N images.

    Attributes:
        class_logits: (N, C).
        heatmap_logits: (N, 1, H, W), or (N, C, H, W) from a model with one heatmap per class; zeros from a model
            without a heatmap head.
    """

    class_logits: Tensor
    heatmap_logits: Tensor


class BatchPredictions(NamedTuple):
    """The model's predictions for N images.

    Attributes:
        class_probs: (N, C), by softmax or by a sigmoid per class.
        heatmap: (N, 1, H, W) in [0, 1]; zeros from a model without a heatmap head.
        class_heatmaps: (N, C, H, W) in [0, 1] from a model with one heatmap per class, otherwise None.
    """

    class_probs: Tensor
    heatmap: Tensor
    class_heatmaps: Tensor | None = None


class DualHeadUNet(nn.Module):
    """A U-Net over a timm encoder with a classification head on its bottleneck and a heatmap head on its decoder.

    It can be compiled with `torch.jit.script`. The architecture is that of Watanabe et al. 2022 (arXiv 2207.00157),
    except that the decoder stops at stride 4 by default.

    Args:
        encoder: name of a timm model; `egaze info --encoders` lists them.
        classes: number of classes, at least 1.
        weights: weights of the encoder: "none", "imagenet", timm's name of other pretrained weights, or a file that
            `read_weights` reads.
        heatmap_head: whether there is a decoder; the encoder-only control has none.
        heatmap_prior: whether the heatmap is combined with a mean map, `decoder.prior`; see `HeatmapPrior`.
        decoder_stride: stride at which the decoder stops. A gaze heatmap has no detail finer than a few pixels, so 4 is
            enough; 1 decodes to the full resolution, as `segmentation_models_pytorch.Unet` does.
        decoder_channels: channels of the decoder's steps, the coarsest first: 3 numbers, from stride 16 to 4, or 5,
            from stride 16 to 1. By default (128, 64, 32) or (256, 128, 64, 32, 16).
        dropout: dropout before the classification layer, in [0, 1).
        pooling: how the bottleneck's features are pooled for the classifier. "mean" is the mean over the image.
            "heatmap" is the mean weighted by the predicted heatmap (its sigmoid, at the bottleneck's size, normalised
            to a density). "class-heatmaps" predicts one heatmap per class and weights each class's features by its own.
        drop_path: rate of the encoder's stochastic depth, in [0, 1); see `make_encoder`.

    Attributes:
        weights_sha256: SHA-256 of the file that `weights` names, in hex; empty if it does not name a file.

    Raises:
        EgazeError: the encoder is unknown or lacks feature maps at strides 4, 8, 16 and 32, the weights do not fit, or
            a number is out of range.

    Example:
        >>> import torch
        >>> from egaze import DualHeadUNet
        >>> model = DualHeadUNet("mobilenetv3_small_050", classes=3).eval()
        >>> output = model(torch.rand(2, 1, 64, 64))
        >>> output.class_logits.shape, output.heatmap_logits.shape
        (torch.Size([2, 3]), torch.Size([2, 1, 64, 64]))
        >>> predicted = model.predictions(output)
        >>> predicted.class_probs.sum(dim=1).round(decimals=3).tolist()
        [1.0, 1.0]
    """

    # Constants let TorchScript leave out branches that cannot be taken.
    __constants__ = ("decoder_stride", "first_used", "has_stride_2", "heatmap_head", "mean", "pooling", "std")
    __jit_ignored_attributes__ = ("weights_sha256",)

    def __init__(
        self,
        encoder: str = "tf_efficientnet_b0",
        classes: int = 3,
        *,
        weights: str | Path = "none",
        heatmap_head: bool = True,
        heatmap_prior: bool = False,
        decoder_stride: int = 4,
        decoder_channels: Sequence[int] | None = None,
        dropout: float = 0.2,
        pooling: str = "mean",
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
        if pooling not in POOLINGS:
            raise EgazeError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}")
        if pooling != "mean" and not heatmap_head:
            raise EgazeError(f"pooling {pooling!r} needs a heatmap head")
        if heatmap_prior and not heatmap_head:
            raise EgazeError("a heatmap prior needs a heatmap head")
        self.encoder, self.weights_sha256 = make_encoder(encoder, weights, drop_path=drop_path)
        self.mean, self.std = input_statistics(self.encoder)
        if decoder_stride == 1:
            skip_from_the_stem(self.encoder)
        maps = feature_maps(encoder, self.encoder)
        self.first_used = maps.index_of[2 if decoder_stride == 1 and 2 in maps.index_of else 4]
        self.has_stride_2 = 2 in maps.index_of
        self.decoder_stride = decoder_stride
        self.heatmap_head = heatmap_head
        self.pooling = pooling
        if heatmap_head:
            strides = (4, 8, 16, 32) if decoder_stride == 4 else (1, 2, 4, 8, 16, 32)
            self.decoder = Decoder(
                [maps.channels_of.get(stride, 0) for stride in strides],
                decoder_channels,
                maps=classes if pooling == "class-heatmaps" else 1,
                logits_kernel=1 if decoder_stride == 4 else 3,
                with_prior=heatmap_prior,
            )
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(maps.channels_of[32], classes))

    def forward(self, image: Tensor) -> DualHeadOutput:
        """Map (N, 1, H, W) float32 images in [0, 1], with sides of at least 32, to the logits of both heads.

        Raises:
            EgazeError: images have another shape; a scripted model raises torch's own errors.
        """
        if not is_scripting():
            _check_shape(image)
        features: list[Tensor] = self.encoder((image - self.mean) / self.std)
        if self.heatmap_head:
            heatmap_logits = self.decode(features, image.shape[2], image.shape[3])
        else:
            heatmap_logits = image.new_zeros((image.shape[0], 1, image.shape[2], image.shape[3]))
        return DualHeadOutput(self.classify(features[-1], heatmap_logits), heatmap_logits)

    def predictions(self, output: DualHeadOutput, class_probs: str = "softmax") -> BatchPredictions:
        """Turn the logits of both heads into class probabilities and one heatmap per image.

        If there is one heatmap per class, the result is their expectation: the mean weighted by class probabilities.

        Args:
            output: this model's output.
            class_probs: "softmax" over the class logits, or "sigmoid" of each.
        """
        logits = output.class_logits.float()
        probs = logits.sigmoid() if class_probs == "sigmoid" else logits.softmax(dim=1)
        if not self.heatmap_head:
            return BatchPredictions(probs, output.heatmap_logits.float())
        heatmap = output.heatmap_logits.float().sigmoid()
        if self.pooling != "class-heatmaps":
            return BatchPredictions(probs, heatmap)
        weights = probs / probs.sum(dim=1, keepdim=True)
        expected = (weights[:, :, None, None] * heatmap).sum(dim=1, keepdim=True)
        return BatchPredictions(probs, expected, heatmap)

    def classify(self, bottleneck: Tensor, heatmap_logits: Tensor) -> Tensor:
        """Pool (N, K, h, w) features and map them to (N, C) logits."""
        if self.pooling == "mean":
            return self.classifier(bottleneck.mean(dim=(2, 3)))  # type: ignore[no-any-return]
        heatmap = functional.adaptive_avg_pool2d(
            heatmap_logits.sigmoid(),
            # TorchScript passes a shape as a list, which torch's annotation does not allow.
            bottleneck.shape[-2:],  # type: ignore[arg-type]
        ).flatten(2)
        heatmap = heatmap + 1e-6  # with an empty heatmap, pooling is uniform
        density = heatmap / heatmap.sum(dim=2, keepdim=True)
        # (N, maps, h w) x (N, h w, K): one row of features for each map.
        class_logits: Tensor = self.classifier(density @ bottleneck.flatten(2).transpose(1, 2))
        if self.pooling == "heatmap":
            return class_logits[:, 0]
        return class_logits.diagonal(dim1=1, dim2=2)

    def decode(self, features: list[Tensor], height_px: int, width_px: int) -> Tensor:
        """Map the encoder's feature maps to (N, maps, height, width) logits."""
        used = features[self.first_used :]
        if self.decoder_stride == 1:
            # Placeholders without channels give the decoder the sizes for which the encoder has no feature map.
            images = features[0].shape[0]
            if not self.has_stride_2:
                used.insert(0, features[0].new_zeros((images, 0, (height_px + 1) // 2, (width_px + 1) // 2)))
            used.insert(0, features[0].new_zeros((images, 0, height_px, width_px)))
            return self.decoder(used)  # type: ignore[no-any-return]
        return functional.interpolate(
            self.decoder(used), size=[height_px, width_px], mode="bilinear", align_corners=False
        )


def _check_shape(image: Tensor) -> None:
    if image.ndim != 4 or image.shape[1] != 1 or min(image.shape[2:]) < _SMALLEST_SIDE_PX:
        raise EgazeError(
            f"images must have the shape (N, 1, H, W) with sides of at least {_SMALLEST_SIDE_PX} px,"
            f" got {tuple(image.shape)}"
        )
