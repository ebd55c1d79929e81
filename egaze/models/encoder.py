"""Encoders from timm."""

from __future__ import annotations

import timm
from torch import nn

from egaze.errors import EgazeError


def make_encoder(name: str, weights: str = "none") -> nn.Module:
    """A timm encoder that gives its feature maps from the finest to the coarsest.

    Args:
        name: any timm model that offers `features_only`.
        weights: "none" for random ones, or "imagenet" for timm's pretrained ones (a download the first time),
            their first layer summed over colour.

    Raises:
        EgazeError: no such encoder, or weights that cannot be had.
    """
    if weights not in {"none", "imagenet"}:
        raise EgazeError(f"weights must be 'none' or 'imagenet', got {weights!r}")
    try:
        return timm.create_model(
            name, pretrained=weights == "imagenet", features_only=True, in_chans=1, scriptable=True
        )
    except RuntimeError as error:
        if "Unknown model" in str(error):
            raise EgazeError(f"timm has no encoder {name!r}") from error
        raise EgazeError(f"encoder {name!r}: {str(error).splitlines()[0]}") from error
    except (OSError, ValueError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise EgazeError(f"encoder {name!r}: cannot get its {weights} weights: {first_line}") from error
