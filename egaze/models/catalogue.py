"""Which of timm's models can be encoders."""

from __future__ import annotations

import fnmatch
from types import ModuleType

import timm
import torch

from egaze.errors import EgazeError
from egaze.registry import Registry

# Building all of timm's models takes minutes, so families decide: those whose every member, built by timm 1.0.31 as an
# encoder of one channel, gave NCHW feature maps at strides 4, 8, 16 and 32 of the channels it promises for an image of
# 96 x 64 px, and one of whose members (not each) was exported and gave the same numbers. A model of another family may
# work too.
_FAMILIES = (
    "convnext",
    "cpubone",
    "davit",
    "densenet",
    "dla",
    "dpn",
    "edgenext",
    "efficientnet",
    "efficientvit_mit",
    "fasternet",
    "fastvit",
    "focalnet",
    "ghostnet",
    "hardcorenas",
    "hgnet",
    "inception_next",
    "lcnetv2",
    "metaformer",
    "mobilenetv3",
    "nfnet",
    "pvt_v2",
    "rdnet",
    "regnet",
    "repghost",
    "repvit",
    "res2net",
    "resnest",
    "resnet",
    "resnetv2",
    "rexnet",
    "senet",
    "sknet",
    "starnet",
    "swiftformer",
    "vgg",
    "vovnet",
)


#: Modules that add encoders by `timm.models.register_model` when they are imported; other packages bring them as
#: `egaze.encoder_families`. The family's name in timm is the last part of the module's.
ENCODER_FAMILIES: Registry[ModuleType] = Registry(
    "egaze.encoder_families", "encoder family", {}, fits=lambda item: isinstance(item, ModuleType)
)


def bring_families() -> list[str]:
    """Import the encoder families of other packages, so that timm knows their models; gives timm's names of them."""
    return [ENCODER_FAMILIES[name].__name__.rpartition(".")[2] for name in ENCODER_FAMILIES]


def encoder_names(pattern: str = "*") -> list[str]:
    """Names of encoders that `DualHeadUNet` takes and TorchScript exports, in order, without building any.

    Args:
        pattern: with `*`, `?` and `[...]` as in file names.

    Raises:
        EgazeError: no name matches.
    """
    names = [name for family in (*_FAMILIES, *bring_families()) for name in timm.list_models(module=family)]
    matching = sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))
    if not matching:
        raise EgazeError(f"no encoder is named {pattern!r}")
    return matching


def parameter_count(name: str) -> int:
    """Parameters of the encoder, without room for their values being taken."""
    bring_families()
    with torch.device("meta"):
        encoder = timm.create_model(name, features_only=True, in_chans=1)
    return sum(parameter.numel() for parameter in encoder.parameters())
