"""Rules of operators that change shapes or the order of elements."""

from __future__ import annotations

from egaze.deploy.onnx.builder import Arguments, Outcome, Rule, axis_of, broadcast, fixed, require
from egaze.deploy.onnx.graph import Extent, Shape, elements_of

_MAX_PARTS = 4096


def _reshape(arguments: Arguments) -> Outcome:
    """The number of elements before the dimension of images stays, so that each image keeps its own elements."""
    shape, sizes = arguments.tensor(0), arguments.integers(1)
    require(sizes.count(-1) <= 1 and all(size >= 1 or size == -1 for size in sizes), "reshapes to impossible sizes")
    elements, of_images = elements_of(shape), any(extent.per_image for extent in shape)
    known = elements_of(tuple(Extent(size) for size in sizes if size != -1))
    require(elements % known == 0 and (elements == known or -1 in sizes), "changes the number of elements")
    require(not of_images or -1 in sizes, "fixes the number of images")
    other: Shape = tuple(Extent(size) if size != -1 else Extent(elements // known, of_images) for size in sizes)
    if of_images:
        before, after = (
            elements_of(each[: next(place for place, extent in enumerate(each) if extent.per_image)])
            for each in (shape, other)
        )
        require(before == after, "mixes elements of several images")
    return Outcome((other,))


def _transpose(arguments: Arguments) -> Outcome:
    shape, order = arguments.tensor(0), arguments.list("perm", ())
    require(sorted(order) == list(range(len(shape))), "permutes another number of dimensions than the tensor has")
    return Outcome((tuple(shape[place] for place in order),))


def _expand(arguments: Arguments) -> Outcome:
    shape, sizes = arguments.tensor(0), arguments.integers(1)
    require(all(size >= 1 for size in sizes), "expands to an impossible size")
    return Outcome((broadcast(shape, tuple(map(Extent, sizes))),))


def _tile(arguments: Arguments) -> Outcome:
    shape, times = arguments.tensor(0), arguments.integers(1)
    require(len(times) == len(shape) and all(count >= 1 for count in times), "repeats other dimensions than there are")
    tiled = tuple(
        extent if count == 1 else Extent(fixed(extent) * count) for extent, count in zip(shape, times, strict=True)
    )
    return Outcome((tiled,))


def _concat(arguments: Arguments) -> Outcome:
    shapes = [arguments.tensor(index) for index in range(len(arguments.inputs))]
    first = shapes[0]
    at = axis_of(arguments.integer("axis", len(first)), len(first))
    for shape in shapes:
        require(
            len(shape) == len(first) and shape[:at] + shape[at + 1 :] == first[:at] + first[at + 1 :],
            "joins tensors whose shapes do not match",
        )
    return Outcome(((*first[:at], Extent(sum(fixed(shape[at]) for shape in shapes)), *first[at + 1 :]),))


def _split(arguments: Arguments) -> Outcome:
    shape, sizes = arguments.tensor(0), arguments.integers(1)
    at = axis_of(arguments.integer("axis", 0), len(shape))
    require(
        all(size >= 1 for size in sizes) and sum(sizes) == fixed(shape[at]),
        "splits a tensor into parts of another total size",
    )
    return Outcome(tuple((*shape[:at], Extent(size), *shape[at + 1 :]) for size in sizes))


def _slice(arguments: Arguments) -> Outcome:
    """Of one dimension, from a start to an end within it."""
    shape = arguments.tensor(0)
    given = [arguments.integers(index) for index in (1, 2, 3, 4)]
    require(all(len(each) == 1 for each in given), "takes a part of several dimensions at once")
    start, end, axis, step = (each[0] for each in given)
    at = axis_of(axis, len(shape))
    require(0 <= start < end <= fixed(shape[at]) and step >= 1, "takes a part that the tensor does not have")
    return Outcome(((*shape[:at], Extent((end - start + step - 1) // step), *shape[at + 1 :]),))


SHAPE_RULES = {
    "Concat": Rule(_concat, (1, _MAX_PARTS), {"axis": int}),
    "Expand": Rule(_expand, (2, 2)),
    "Reshape": Rule(_reshape, (2, 2)),
    "Slice": Rule(_slice, (5, 5)),
    "Split": Rule(_split, (2, 2), {"axis": int}, _MAX_PARTS),
    "Tile": Rule(_tile, (2, 2)),
    "Transpose": Rule(_transpose, attributes={"perm": tuple}),
}
