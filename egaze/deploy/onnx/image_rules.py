"""Rules of operators on images: pooling, padding, resizing, the order of pixels."""

from __future__ import annotations

import math

from egaze.deploy.onnx.builder import Arguments, Outcome, Rule, fixed, require
from egaze.deploy.onnx.graph import Extent, Shape, elements_of

_MAX_WINDOW = 4096  # the largest side of a window, stride or padding in pixels


def _image(arguments: Arguments) -> Shape:
    shape = arguments.tensor(0)
    require(len(shape) == 4, "applies an operator for images to a tensor without 4 dimensions")
    for extent in shape[1:]:
        fixed(extent)
    return shape


def _pooled(arguments: Arguments) -> Outcome:
    shape = _image(arguments)
    kernel, stride = arguments.list("kernel_shape", ()), arguments.list("strides", (1, 1))
    pads, dilation = arguments.list("pads", (0, 0, 0, 0)), arguments.list("dilations", (1, 1))
    require(
        (len(kernel), len(stride), len(pads), len(dilation)) == (2, 2, 4, 2)
        and all(1 <= step <= _MAX_WINDOW for step in (*kernel, *stride, *dilation))
        and all(0 <= pad < kernel[place % 2] for place, pad in enumerate(pads)),
        "has a window, stride or padding out of range",
    )
    require(arguments.integer("count_include_pad", 0) in (0, 1), "has a flag that is neither 0 nor 1")
    places = []
    for side in (0, 1):
        reach = dilation[side] * (kernel[side] - 1) + 1
        padded = shape[2 + side].count + pads[side] + pads[side + 2]
        require(padded >= reach, "has a window, stride or padding out of range")
        places.append(Extent((padded - reach) // stride[side] + 1))
    pooled = (*shape[:2], *places)
    return Outcome((pooled,), elements_of(pooled) * math.prod(kernel))


def _resize(arguments: Arguments) -> Outcome:
    """To the sides of the last two dimensions."""
    shape = _image(arguments)
    mode, coordinates = arguments.text("mode", "nearest"), arguments.text("coordinate_transformation_mode", "")
    known = {"nearest": ("asymmetric",), **dict.fromkeys(("linear", "cubic"), ("half_pixel", "align_corners"))}
    require(coordinates in known.get(mode, ()), "resizes in a way that no exported model does")
    require(mode != "nearest" or arguments.text("nearest_mode", "") == "floor", "resizes in another way")
    require(arguments.list("axes", ()) == (2, 3), "resizes other dimensions than an image's sides")
    require(not arguments.has(1) and not arguments.has(2), "resizes by a factor")
    sides = arguments.integers(3)
    require(len(sides) == 2 and all(side >= 1 for side in sides), "resizes to impossible sides")
    resized = (*shape[:2], *map(Extent, sides))
    return Outcome((resized,), 16 * elements_of(resized))  # each pixel is a sum of at most 16


def _pad(arguments: Arguments) -> Outcome:
    shape, pads = arguments.tensor(0), arguments.integers(1)
    mode = arguments.text("mode", "constant")
    require(mode in ("constant", "reflect", "edge"), "has an unknown mode of padding")
    if arguments.has(2):
        require(mode == "constant", "has a padding value in a mode that does not use it")
        arguments.number(2)
    require(len(pads) == 2 * len(shape), "pads dimensions that the tensor does not have")
    padded = []
    for place, extent in enumerate(shape):
        sides = pads[place], pads[place + len(shape)]
        most = min(_MAX_WINDOW, extent.count - 1) if mode == "reflect" else _MAX_WINDOW
        require(all(side == 0 or 0 < side <= most for side in sides), "has a padding out of range")
        padded.append(extent if sides == (0, 0) else Extent(fixed(extent) + sum(sides)))
    return Outcome((tuple(padded),))


def _depth_to_space(arguments: Arguments) -> Outcome:
    shape, factor = _image(arguments), arguments.integer("blocksize", 0)
    require(
        1 <= factor <= _MAX_WINDOW and shape[1].count % factor**2 == 0 and arguments.text("mode", "DCR") == "CRD",
        "shuffles pixels in a way that no exported model does",
    )
    sides = (Extent(extent.count * factor) for extent in shape[2:])
    return Outcome(((shape[0], Extent(shape[1].count // factor**2), *sides),))


_WINDOW = dict.fromkeys(("kernel_shape", "pads", "strides"), tuple)

IMAGE_RULES = {
    "AveragePool": Rule(_pooled, attributes={**_WINDOW, "count_include_pad": int}),
    "DepthToSpace": Rule(_depth_to_space, attributes={"blocksize": int, "mode": str}),
    "MaxPool": Rule(_pooled, attributes={**_WINDOW, "dilations": tuple}),
    "Pad": Rule(_pad, (2, 3), {"mode": str}),
    "Resize": Rule(
        _resize,
        (4, 4),
        {
            **{"axes": tuple, "mode": str, "coordinate_transformation_mode": str},
            **{"nearest_mode": str, "cubic_coeff_a": float},
        },
    ),
}
