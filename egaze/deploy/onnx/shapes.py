"""What torch's operators on shapes and the order of elements are in ONNX's standard operators; see `elementwise`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egaze.deploy.onnx.elementwise import Translation
from egaze.deploy.onnx.graph import IMAGE, GraphError
from egaze.deploy.onnx.writer import GraphWriter


def _flatten(writer: GraphWriter, x: str, first: int = 0, last: int = -1) -> str:
    sides = writer.sides(x)
    first, last = first % len(sides), last % len(sides)
    flat = sides[first : last + 1]
    size = -1 if -1 in flat else int(np.prod(flat))
    return writer.reshape(x, [*sides[:first], size, *sides[last + 1 :]])


def _permute(writer: GraphWriter, x: str, order: Sequence[int]) -> str:
    return writer.op("Transpose", x, perm=tuple(place % len(order) for place in order))


def _transpose(writer: GraphWriter, x: str, a: int, b: int) -> str:
    order = list(range(len(writer.shape(x))))
    order[a], order[b] = order[b], order[a]
    return _permute(writer, x, order)


def _unsqueeze(writer: GraphWriter, x: str, dim: int) -> str:
    sides = writer.sides(x)
    at = dim % (len(sides) + 1)
    return writer.reshape(x, [*sides[:at], 1, *sides[at:]])


def _squeeze(writer: GraphWriter, x: str, dim: int) -> str:
    sides = writer.sides(x)
    at = dim % len(sides)
    return writer.reshape(x, [*sides[:at], *sides[at + 1 :]])


def _slice(writer: GraphWriter, x: str, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1):  # type: ignore[no-untyped-def]
    at = dim % len(writer.shape(x))
    count = writer.sides(x)[at]
    if (start or 0) == 0 and (end is None or end == (1 << 63) - 1) and step == 1:
        return x
    begin, stop, _ = slice(start, end).indices(count)
    return writer.op("Slice", x, *(writer.integers([value]) for value in (begin, stop, at, step)))


def _select(writer: GraphWriter, x: str, dim: int, index: int) -> str:
    at = dim % len(writer.shape(x))
    place = index % writer.shape(x)[at].count
    return _squeeze(writer, _slice(writer, x, at, place, place + 1), at)


def _expand(writer: GraphWriter, x: str, sizes: Sequence[int], implicit: bool = False) -> str:
    ahead = len(sizes) - len(writer.shape(x))
    kept = [*[1] * ahead, *writer.sides(x)]
    if all(size in (-1, old) for size, old in zip(sizes, kept, strict=True)):
        return writer.reshape(x, kept)
    shape = [1 if size == -1 else size for size in sizes]
    if writer.is_constant(x):
        values = writer.values(x)
        return writer.constant(np.broadcast_to(values, np.broadcast_shapes(values.shape, tuple(shape))))
    return writer.op("Expand", x, writer.integers(shape))


def _expand_as(writer: GraphWriter, x: str, other: str) -> str:
    shape = writer.shape(other)
    x = _expand(writer, x, writer.sides(other))
    if writer.shape(x) == shape:
        return x
    if not all(extent.count == 1 for extent in shape if extent.per_image):
        raise GraphError("spreads a tensor over several of each image, which ONNX has no operator for")
    # ONNX can spread to the number of images only by a computed shape, or by adding zeros: images are finite, so the
    # products are 0.
    means = writer.op("ReduceMean", IMAGE, writer.integers([1, 2, 3]), keepdims=1)
    zeros = writer.op("Mul", means, 0.0)
    return writer.op("Add", x, writer.reshape(zeros, [-1 if extent.per_image else 1 for extent in shape]))


def _repeat(writer: GraphWriter, x: str, times: Sequence[int]) -> str:
    sides = writer.sides(x)
    x = writer.reshape(x, [*[1] * (len(times) - len(sides)), *sides])
    return writer.op("Tile", x, writer.integers(times))


def _cat(writer: GraphWriter, parts: Sequence[str], dim: int = 0) -> str:
    return parts[0] if len(parts) == 1 else writer.op("Concat", *parts, axis=dim)


def _stack(writer: GraphWriter, parts: Sequence[str], dim: int = 0) -> str:
    at = dim % (len(writer.shape(parts[0])) + 1)
    return _cat(writer, [_unsqueeze(writer, part, at) for part in parts], at)


def _split_with_sizes(writer: GraphWriter, x: str, sizes: Sequence[int], dim: int = 0) -> list[str]:
    return writer.ops("Split", x, writer.integers(sizes), outputs=len(sizes), axis=dim)


def _split(writer: GraphWriter, x: str, size: int, dim: int = 0) -> list[str]:
    whole = writer.shape(x)[dim].count
    return _split_with_sizes(writer, x, [min(size, whole - start) for start in range(0, whole, size)], dim)


def _chunk(writer: GraphWriter, x: str, parts: int, dim: int = 0) -> list[str]:
    return _split(writer, x, -(-writer.shape(x)[dim].count // parts), dim)


def _unbind(writer: GraphWriter, x: str, dim: int = 0) -> list[str]:
    return [_squeeze(writer, part, dim) for part in _split(writer, x, 1, dim)]


def _diagonal(writer: GraphWriter, x: str, offset: int = 0, dim1: int = 0, dim2: int = 1) -> str:
    """Of the last two dimensions, as the sum over the rows of the products with the unit matrix."""
    shape = writer.shape(x)
    if {dim1 % len(shape), dim2 % len(shape)} != {len(shape) - 2, len(shape) - 1} or shape[-1] != shape[-2] or offset:
        raise GraphError("takes a diagonal that ONNX has no operator for")
    eye = writer.constant(np.eye(shape[-1].count, dtype=np.float32))
    return writer.op("ReduceSum", writer.op("Mul", x, eye), writer.integers([-1]), keepdims=0)


def _pixel_shuffle(writer: GraphWriter, x: str, factor: int) -> str:
    return writer.op("DepthToSpace", x, blocksize=factor, mode="CRD")


def _pixel_unshuffle(writer: GraphWriter, x: str, factor: int) -> str:
    images, channels, height, width = writer.sides(x)
    split = writer.reshape(x, [images, channels, height // factor, factor, width // factor, factor])
    ordered = _permute(writer, split, [0, 1, 3, 5, 2, 4])
    return writer.reshape(ordered, [images, channels * factor**2, height // factor, width // factor])


SHAPES: dict[str, Translation] = {
    "cat": _cat,
    "chunk": _chunk,
    "diagonal": _diagonal,
    "expand": _expand,
    "expand_as": _expand_as,
    "flatten": _flatten,
    "permute": _permute,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "repeat": _repeat,
    "reshape": lambda writer, x, sizes: writer.reshape(x, sizes),
    "select": _select,
    "slice": _slice,
    "split": _split,
    "split_with_sizes": _split_with_sizes,
    "squeeze": _squeeze,
    "stack": _stack,
    "transpose": _transpose,
    "unbind": _unbind,
    "unsqueeze": _unsqueeze,
}
