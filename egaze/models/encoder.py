"""Encoders from timm."""

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
    """Which of an encoder's feature maps the U-Net uses.

    Attributes:
        index_of: a map's place in the encoder's list, by stride.
        channels_of: its channels, by stride.
    """

    index_of: dict[int, int]
    channels_of: dict[int, int]


def make_encoder(name: str, weights: str | Path = "none", *, drop_path: float = 0.0) -> tuple[nn.Module, str]:
    """A timm encoder of one-channel images that gives its feature maps from the finest to the coarsest.

    Args:
        name: any timm model that offers `features_only`.
        weights: "none" for random ones, "imagenet" for timm's pretrained ones (a download the first time), timm's
            name of others that fit ("tf_efficientnet_b0.ns_jft_in1k"; a download too), or a file that `read_weights`
            reads. Their first layer is summed over colour.
        drop_path: share of images that skip the last residual block in training (stochastic depth); the blocks before
            it are skipped less, in a line. Only for encoders that know it.

    Returns:
        The encoder, and the SHA-256 of the weights' file in hex, empty where there is none.

    Raises:
        EgazeError: no such encoder, or weights that cannot be had or do not fit.
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
    """The maps at strides 2 (where there is one) to 32 of the encoder `name`.

    Raises:
        EgazeError: it lacks a stride, has one twice or a coarser one, or gives its channels last.
    """
    info = _feature_info(encoder)
    strides, channels = info.reduction(), info.channels()
    used = [index for index, stride in enumerate(strides) if stride >= _STRIDES[0]]
    if [strides[index] for index in used] != list(_STRIDES) or strides.count(2) > 1:
        raise EgazeError(f"encoder {name!r} has feature maps at strides {strides}, expected 4, 8, 16 and 32")
    # timm's `Format` is a string; encoders that say nothing give NCHW.
    layout: Any = getattr(encoder, "output_fmt", "NCHW")
    if layout != "NCHW":
        raise EgazeError(f"encoder {name!r} gives its feature maps as {layout.value}, expected NCHW")
    if 2 in strides:
        used = [strides.index(2), *used]
    return FeatureMaps({strides[index]: index for index in used}, {strides[index]: channels[index] for index in used})


def skip_from_the_stem(encoder: nn.Module) -> None:
    """Let an EfficientNet's map at stride 2 be its stem's, wider and finer than the first block's that timm gives.

    It is the one that `segmentation_models_pytorch` takes. Other encoders stay as they are.
    """
    # timm offers no choice among maps of one stride; this is what its forward and its list of maps go by.
    stages: dict[int, int] = getattr(encoder, "_stage_out_idx", {})
    first = _feature_info(encoder).info[0]
    if stages and (first["stage"], first["reduction"]) == (1, 2):
        from_the_stem = {0 if stage == 1 else stage: index for stage, index in stages.items()}
        stages.clear()
        stages.update(from_the_stem)
        first.update(num_chs=cast(nn.Conv2d, encoder.conv_stem).out_channels, module="bn1", stage=0)


def input_statistics(encoder: nn.Module) -> tuple[float, float]:
    """Mean and standard deviation of the grey values that the encoder's pretrained weights expect."""
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
    try:
        return timm.create_model(
            name,
            pretrained=pretrained,
            features_only=True,
            in_chans=1,
            scriptable=True,
            drop_path_rate=drop_path or None,  # None is not passed on, and not every encoder knows it
        )
    except RuntimeError as error:
        if "Unknown model" in str(error):
            raise EgazeError(f"timm has no encoder {name!r}") from error
        raise EgazeError(f"encoder {name!r}: {str(error).splitlines()[0]}") from error
    except (OSError, ValueError, TypeError, AttributeError, AssertionError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        trouble = "cannot get its pretrained weights" if pretrained else "cannot be an encoder"
        raise EgazeError(f"encoder {name!r}: {trouble}: {first_line}") from error
