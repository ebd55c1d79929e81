"""Encoders from timm, and their feature maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import timm
from timm.models import FeatureInfo
from torch import nn

from egaze.errors import EgazeError
from egaze.models.catalogue import bring_families
from egaze.models.fitting import fitting_text
from egaze.models.weights import UnfitWeightsError, load_weights, pretrained_cfg, read_weights

_STRIDES = (4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """The feature maps of an encoder that the U-Net uses.

    Attributes:
        index_of: index of each feature map in the encoder's list, by stride.
        channels_of: channels of each feature map, by stride.
    """

    index_of: dict[int, int]
    channels_of: dict[int, int]


def make_encoder(name: str, weights: str | Path = "none", *, drop_path: float = 0.0) -> tuple[nn.Module, str]:
    """Make a timm encoder of one-channel images that returns its feature maps from the finest to the coarsest.

    Args:
        name: any timm model that supports `features_only`.
        weights: "none" for random weights, "imagenet" for timm's default pretrained ones, timm's name of other
            pretrained weights ("tf_efficientnet_b0.ns_jft_in1k"), or a file that `read_weights` reads. Pretrained
            weights are downloaded the first time. The first layer is summed over the colour channels.
        drop_path: probability that an image skips the last residual block in training (stochastic depth); it decreases
            linearly towards the first block. Not all encoders support it.

    Returns:
        The encoder, and the SHA-256 of the weights file in hex; empty if there is no file.

    Raises:
        EgazeError: there is no such encoder, or the weights cannot be loaded or do not fit.
    """
    if weights in ("none", "imagenet"):
        return _create(name, pretrained=weights == "imagenet", drop_path=drop_path), ""
    if timm.is_model_pretrained(str(weights)):
        encoder = _create(name, pretrained=False, drop_path=drop_path)
        _copy(_create(str(weights), pretrained=True), encoder, f"encoder {name!r}: weights {str(weights)!r}")
        return encoder, ""
    file = read_weights(Path(weights))
    encoder = _create(name, pretrained=False, drop_path=drop_path)
    try:
        load_weights(encoder, file)
    except UnfitWeightsError as error:
        raise UnfitWeightsError(f"{error}; the file does not fit encoder {name!r}: {fitting_text(file)}") from error
    return encoder, file.sha256


def feature_maps(name: str, encoder: nn.Module) -> FeatureMaps:
    """Find the feature maps at strides 4 to 32 of the encoder `name`, and at stride 2 if there is one.

    Raises:
        EgazeError: a stride is missing, occurs twice or is above 32, or feature maps have their channels last.
    """
    info = _feature_info(encoder)
    strides, channels = info.reduction(), info.channels()
    used = [index for index, stride in enumerate(strides) if stride >= _STRIDES[0]]
    if [strides[index] for index in used] != list(_STRIDES) or strides.count(2) > 1:
        raise EgazeError(f"encoder {name!r} has feature maps at strides {strides}, expected 4, 8, 16 and 32")
    # timm's `Format` is a string; encoders without one return NCHW.
    layout: Any = getattr(encoder, "output_fmt", "NCHW")
    if layout != "NCHW":
        raise EgazeError(f"encoder {name!r} returns feature maps as {layout.value}, expected NCHW")
    if 2 in strides:
        used = [strides.index(2), *used]
    return FeatureMaps({strides[index]: index for index in used}, {strides[index]: channels[index] for index in used})


def skip_from_the_stem(encoder: nn.Module) -> None:
    """Make an EfficientNet return the stem's feature map at stride 2 instead of the first block's.

    This is the one that `segmentation_models_pytorch` uses; it has more channels. Other encoders are not changed.
    """
    # timm has no option for this; its forward pass and its list of feature maps depend on these two attributes.
    stages: dict[int, int] = getattr(encoder, "_stage_out_idx", {})
    first = _feature_info(encoder).info[0]
    if stages and (first["stage"], first["reduction"]) == (1, 2):
        from_the_stem = {0 if stage == 1 else stage: index for stage, index in stages.items()}
        stages.clear()
        stages.update(from_the_stem)
        first.update(num_chs=cast(nn.Conv2d, encoder.conv_stem).out_channels, module="bn1", stage=0)


def input_statistics(encoder: nn.Module) -> tuple[float, float]:
    """Return the mean and standard deviation of grey values that the encoder's pretrained weights expect."""
    expected = pretrained_cfg(encoder)
    mean, std = expected["mean"], expected["std"]
    return sum(mean) / len(mean), sum(std) / len(std)


def _feature_info(encoder: nn.Module) -> FeatureInfo:
    return cast(FeatureInfo, encoder.feature_info)


def _copy(source: nn.Module, encoder: nn.Module, what: str) -> None:
    try:
        encoder.load_state_dict(source.state_dict())
    except RuntimeError as error:
        raise EgazeError(f"{what} are of another encoder") from error


def _create(name: str, pretrained: bool, drop_path: float = 0.0) -> nn.Module:
    if not timm.is_model(name):
        bring_families()
    # timm would also take "hf-hub:..." and "local-dir:..."; a recipe, which may be a stranger's, loads nothing by name.
    if not timm.is_model(name):
        raise EgazeError(f"timm has no encoder {name!r}")
    try:
        return timm.create_model(
            name,
            pretrained=pretrained,
            features_only=True,
            in_chans=1,
            scriptable=True,
            drop_path_rate=drop_path or None,  # None is not passed on: not every encoder has this argument
        )
    except RuntimeError as error:
        raise EgazeError(f"encoder {name!r}: {str(error).splitlines()[0]}") from error
    except (OSError, ValueError, TypeError, AttributeError, AssertionError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        trouble = "cannot load its pretrained weights" if pretrained else "cannot be used as an encoder"
        raise EgazeError(f"encoder {name!r}: {trouble}: {first_line}") from error
