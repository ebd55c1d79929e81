"""Names of EfficientNet's tensors, translated from the `_conv_stem`/`_blocks` family to timm.

The family is EfficientNet-PyTorch (github.com/lukemelas/EfficientNet-PyTorch) and its descendants. It numbers all
blocks consecutively; timm numbers stages, and the blocks within each. Both list blocks in forward order.
"""

from __future__ import annotations

from collections.abc import Iterable

_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# Blocks with and without an expansion; timm numbers the norms of each from 1.
_WIDENING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_SEPARABLE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}


def is_blocks_family(names: Iterable[str]) -> bool:
    """Whether a state dict with these names belongs to the family."""
    return "_conv_stem.weight" in names


def timm_names(names: Iterable[str], timm_model_names: Iterable[str]) -> dict[str, str]:
    """Translate the family's names to timm's; a name without a counterpart stays unchanged.

    Args:
        names: names in a state dict of the family.
        timm_model_names: names in the timm model's state dict, in order.
    """
    names = list(names)
    blocks = list(
        dict.fromkeys(".".join(name.split(".")[:3]) for name in timm_model_names if name.startswith("blocks."))
    )
    widening = {name.split(".")[1] for name in names if "._expand_conv." in name}
    return {name: _timm_name(name, blocks, widening) for name in names}


def _timm_name(name: str, blocks: list[str], widening: set[str]) -> str:
    part, _, rest = name.partition(".")
    if part in _OUTSIDE:
        return f"{_OUTSIDE[part]}.{rest}"
    number, _, rest = rest.partition(".")
    layer, _, value = rest.partition(".")
    layers = _WIDENING if number in widening else _SEPARABLE
    if part != "_blocks" or layer not in layers or not number.isdecimal() or int(number) >= len(blocks):
        return name
    return f"{blocks[int(number)]}.{layers[layer]}.{value}"
