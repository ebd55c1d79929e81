"""The catalogue of timm's models that can be encoders."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from egaze.errors import EgazeError
from egaze.registry import Registry

# Building all of timm's models takes minutes, so the catalogue lists families. With timm 1.0.31, every member of these
# was built as an encoder of one channel and gave NCHW feature maps at strides 4, 8, 16 and 32 with the declared
# channels for an image of 96 x 64 px. tests/deploy/test_every_encoder.py exports them and compares predictions. Models
# of other families may work too.
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

# Members of these families that cannot be exported. Conditional convolutions compute weights for each image and then
# convolve all images as groups of one, so that their programs depend on the number of images. The others have more than
# 2 GiB of weights, which a model file cannot hold.
_NOT_EXPORTED = (
    "*efficientnet_cc_*",
    "convnext_xxlarge",
    "convnextv2_huge",
    "davit_giant",
    "focalnet_huge_*",
    "regnety_1280",
    "regnety_2560",
    "resnetv2_152x4_bit",
)

#: Modules that register encoders with `timm.models.register_model` when they are imported; other packages add theirs as
#: `egaze.encoder_families`. A family's name in timm is the last part of the module's name.
ENCODER_FAMILIES: Registry[ModuleType] = Registry(
    "egaze.encoder_families", "encoder family", {}, fits=lambda item: isinstance(item, ModuleType)
)


def bring_families() -> list[str]:
    """Import the encoder families of other packages, so that timm knows their models; returns their names in timm."""
    return [ENCODER_FAMILIES[name].__name__.rpartition(".")[2] for name in ENCODER_FAMILIES]


def encoder_names(pattern: str = "*") -> list[str]:
    """List encoders that `DualHeadUNet` accepts and TorchScript can export, in order, without building any.

    Args:
        pattern: a pattern with `*`, `?` and `[...]` as for file names.

    Raises:
        EgazeError: no encoder matches.
    """
    import timm

    families = (*_FAMILIES, *bring_families())
    matching = _exportable((name for family in families for name in timm.list_models(module=family)), pattern)
    if not matching:
        raise EgazeError(f"no encoder is named {pattern!r}; `egaze info --encoders` lists all")
    return matching


def encoder_names_at_once() -> list[str]:
    """List timm's encoders as `encoder_names` does, but from timm's source, because importing it takes seconds.

    Families of other packages are left out.
    """
    timm = find_spec("timm")
    if timm is None or timm.origin is None:
        return []
    sources = (Path(timm.origin).parent / "models" / f"{family}.py" for family in _FAMILIES)
    texts = (source.read_text(encoding="utf-8") for source in sources if source.is_file())
    return _exportable(name for text in texts for name in re.findall(r"^@register_model\ndef (\w+)\(", text, re.M))


def _exportable(names: Iterable[str], pattern: str = "*") -> list[str]:
    return sorted(
        name
        for name in names
        if fnmatch.fnmatchcase(name, pattern) and not any(fnmatch.fnmatchcase(name, each) for each in _NOT_EXPORTED)
    )


def parameter_count(name: str) -> int:
    """Count the encoder's parameters, without allocating them."""
    import timm
    import torch

    bring_families()
    with torch.device("meta"):
        encoder = timm.create_model(name, features_only=True, in_chans=1)
    return sum(parameter.numel() for parameter in encoder.parameters())
