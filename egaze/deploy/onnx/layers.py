"""What torch's products, normalisations, poolings and resizings are in ONNX's standard operators; see `elementwise`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.deploy.onnx.elementwise import Translation
from egaze.deploy.onnx.writer import GraphWriter


def _convolution(
    writer: GraphWriter,
    x: str,
    weight: str,
    bias: str | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> str:
    kernel = tuple(extent.count for extent in writer.shape(weight)[2:])
    return writer.op(
        "Conv",
        *(x, weight) if bias is None else (x, weight, bias),
        dilations=tuple(dilation),
        group=groups,
        kernel_shape=kernel,
        pads=(*padding, *padding),
        strides=tuple(stride),
    )


def _linear(writer: GraphWriter, x: str, weight: str, bias: str | None = None) -> str:
    turned = writer.constant(writer.values(weight).T) if writer.is_constant(weight) else None
    if turned is None:
        turned = writer.op("Transpose", weight, perm=(1, 0))
    product = writer.op("MatMul", x, turned)
    return product if bias is None else writer.op("Add", product, bias)


def _matmul(writer: GraphWriter, a: str, b: str) -> str:
    return writer.op("MatMul", a, b)


def _attention(
    writer: GraphWriter,
    query: str,
    key: str,
    value: str,
    mask: str | None = None,
    dropout: float = 0.0,
    causal: bool = False,
    scale: float | None = None,
    *arguments: Any,
) -> str:
    queries, depth = writer.sides(query)[2:]
    factor = 1 / math.sqrt(depth) if scale is None else scale
    weights = writer.op("Mul", _matmul(writer, query, writer.op("Transpose", key, perm=(0, 1, 3, 2))), factor)
    if causal:
        later = np.triu(np.full((queries, writer.sides(key)[2]), -np.inf, np.float32), 1)
        mask = writer.constant(later)
    if mask is not None:
        weights = writer.op("Add", weights, mask)
    return _matmul(writer, writer.op("Softmax", weights, axis=-1), value)


def _per_channel(writer: GraphWriter, name: str, dimensions: int) -> str:
    """A constant of the channels in the shape (C, 1, ...) that goes with a value of so many dimensions."""
    values = writer.values(name)
    return writer.constant(values.reshape(-1, *[1] * (dimensions - 2)))


def _batch_norm(
    writer: GraphWriter,
    x: str,
    weight: str | None,
    bias: str | None,
    mean: str,
    variance: str,
    training: bool,
    momentum: float,
    epsilon: float,
    cudnn: bool,
) -> str:
    factor = 1 / np.sqrt(writer.values(variance).astype(np.float64) + epsilon)
    if weight is not None:
        factor = factor * writer.values(weight)
    added = -writer.values(mean) * factor
    if bias is not None:
        added = added + writer.values(bias)
    sides = (-1, *[1] * (len(writer.shape(x)) - 2))
    scaled = writer.op("Mul", x, writer.constant(factor.reshape(sides).astype(np.float32)))
    return writer.op("Add", scaled, writer.constant(added.reshape(sides).astype(np.float32)))


def _group_norm(
    writer: GraphWriter,
    x: str,
    groups: int,
    weight: str | None = None,
    bias: str | None = None,
    epsilon: float = 1e-5,
    cudnn: bool = True,
) -> str:
    sides = writer.sides(x)
    ones, zeros = (writer.constant(np.full(groups, value, np.float32)) for value in (1, 0))
    grouped = writer.reshape(x, [sides[0], groups, math.prod(sides[1:]) // groups])
    y = writer.reshape(writer.op("InstanceNormalization", grouped, ones, zeros, epsilon=float(epsilon)), sides)
    if weight is not None:
        y = writer.op("Mul", y, _per_channel(writer, weight, len(sides)))
    return y if bias is None else writer.op("Add", y, _per_channel(writer, bias, len(sides)))


def _layer_norm(
    writer: GraphWriter,
    x: str,
    shape: Sequence[int],
    weight: str | None = None,
    bias: str | None = None,
    epsilon: float = 1e-5,
    cudnn: bool = True,
) -> str:
    if weight is None:
        weight = writer.constant(np.ones(tuple(shape), np.float32))
    parameters = (weight,) if bias is None else (weight, bias)
    return writer.op("LayerNormalization", x, *parameters, axis=-len(shape), epsilon=float(epsilon))


def _places(side: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """How many positions a window has along a side, as torch counts them."""
    places = (side + 2 * padding - dilation * (kernel - 1) - 1 + (stride - 1) * ceil_mode) // stride + 1
    return places - (ceil_mode and (places - 1) * stride >= side + padding)


def _max_pool2d(
    writer: GraphWriter,
    x: str,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> str:
    ends = []
    for side, size, step, pad, apart in zip(writer.sides(x)[2:], kernel, stride, padding, dilation, strict=True):
        last = (_places(side, size, step, pad, apart, ceil_mode) - 1) * step + apart * (size - 1) + 1
        ends.append(max(last - side - pad, 0))
    window = {"kernel_shape": tuple(kernel), "pads": (*padding, *ends), "strides": tuple(stride)}
    return writer.op("MaxPool", x, dilations=tuple(dilation), **window)


def _avg_pool2d(
    writer: GraphWriter,
    x: str,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    ceil_mode: bool = False,
    padding_counts: bool = True,
    divisor: int | None = None,
) -> str:
    sides, stride = writer.sides(x)[2:], stride or kernel
    windows = list(zip(sides, kernel, stride, padding, strict=True))
    places = [_places(*window, 1, ceil_mode) for window in windows]
    if divisor is None and places == [_places(*window, 1, False) for window in windows]:
        return writer.op(
            "AveragePool",
            x,
            count_include_pad=int(padding_counts),
            kernel_shape=tuple(kernel),
            pads=(*padding, *padding),
            strides=tuple(stride),
        )
    shares = []
    for (side, size, step, pad), count in zip(windows, places, strict=True):
        share = np.zeros((count, side), np.float32)
        for place in range(count):
            start = place * step - pad
            end = min(start + size, side + pad)
            within = slice(max(start, 0), min(end, side))
            share[place, within] = 1 / ((end - start) if padding_counts else within.stop - within.start)
            if divisor is not None:
                share[place, within] = 1
        shares.append(share)
    if divisor is not None:
        shares[0] /= divisor
    return _by_shares(writer, x, *shares)


def _adaptive_avg_pool2d(writer: GraphWriter, x: str, sides: Sequence[int]) -> str:
    before = writer.sides(x)[2:]
    if tuple(sides) == before:
        return x
    if tuple(sides) == (1, 1):
        return writer.op("ReduceMean", x, writer.integers([2, 3]), keepdims=1)
    if all(side % size == 0 for side, size in zip(before, sides, strict=True)):
        kernel = tuple(side // size for side, size in zip(before, sides, strict=True))
        return writer.op("AveragePool", x, kernel_shape=kernel, strides=kernel)
    shares = []
    for side, size in zip(before, sides, strict=True):
        share = np.zeros((size, side), np.float32)
        for place in range(size):
            within = slice(place * side // size, -(-(place + 1) * side // size))
            share[place, within] = 1 / (within.stop - within.start)
        shares.append(share)
    return _by_shares(writer, x, *shares)


def _by_shares(writer: GraphWriter, x: str, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> str:
    """Weighted sums of an image's rows and columns, as two products of matrices."""
    narrow = _matmul(writer, x, writer.constant(np.ascontiguousarray(columns.T)))
    return _matmul(writer, writer.constant(rows), narrow)


def _resized(writer: GraphWriter, x: str, sides: Sequence[int], mode: str, corners: bool) -> str:
    if tuple(sides) == writer.sides(x)[2:]:
        return x
    options: dict[str, Any] = {"nearest_mode": "floor"} if mode == "nearest" else {}
    if mode == "cubic":
        options["cubic_coeff_a"] = -0.75
    coordinates = "asymmetric" if mode == "nearest" else "align_corners" if corners else "half_pixel"
    return writer.op(
        *("Resize", x, "", "", writer.integers(sides)),
        axes=(2, 3),
        coordinate_transformation_mode=coordinates,
        mode=mode,
        **options,
    )


def _pad(writer: GraphWriter, x: str, sides: Sequence[int], mode: str = "constant", value: float | None = None) -> str:
    """`sides` begin with the two of the last dimension."""
    starts, ends = [0] * len(writer.shape(x)), [0] * len(writer.shape(x))
    for place, (start, end) in enumerate(zip(sides[::2], sides[1::2], strict=True), 1):
        starts[-place], ends[-place] = start, end
    fill = () if mode != "constant" else (float(value or 0),)
    name = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}[mode]
    return writer.op("Pad", x, writer.integers([*starts, *ends]), *fill, mode=name)


LAYERS: dict[str, Translation] = {
    "adaptive_avg_pool2d": _adaptive_avg_pool2d,
    "avg_pool2d": _avg_pool2d,
    "batch_norm": _batch_norm,
    "bmm": _matmul,
    "constant_pad_nd": lambda writer, x, sides, value=0: _pad(writer, x, sides, "constant", value),
    "conv1d": _convolution,
    "conv2d": _convolution,
    "group_norm": _group_norm,
    "layer_norm": _layer_norm,
    "linear": _linear,
    "matmul": _matmul,
    "max_pool2d": _max_pool2d,
    "pad": _pad,
    "scaled_dot_product_attention": _attention,
    "upsample_bicubic2d": lambda writer, x, sides, corners, *_: _resized(writer, x, sides, "cubic", corners),
    "upsample_bilinear2d": lambda writer, x, sides, corners, *_: _resized(writer, x, sides, "linear", corners),
    "upsample_nearest2d": lambda writer, x, sides, *_: _resized(writer, x, sides, "nearest", False),
}
