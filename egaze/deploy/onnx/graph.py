"""The graph of an ONNX file: constants, and operators in the order in which they run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from egaze.deploy.onnx.wire import Buffer

#: The version of ONNX's standard operators that exported models use, and that of the file's format.
OPSET, IR_VERSION = 18, 8

#: The names of the graph's input and outputs.
IMAGE, CLASS_PROBS, HEATMAP, CLASS_HEATMAPS = "image", "class_probs", "heatmap", "class_heatmaps"

#: ONNX's numbers of the types of constants, and the bytes of an element: values are float32, and int64 says shapes.
FLOAT32, INT64 = 1, 7
ELEMENT_BYTES = {FLOAT32: 4, INT64: 8}

MAX_DIMENSIONS, MAX_SIDE, MAX_ELEMENTS = 8, 1 << 31, 1 << 40

Attribute = int | float | str | tuple[int, ...]


class GraphError(Exception):
    """A graph that is not proved; what is said completes a sentence that begins with "its program"."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of one dimension: `count`, or `count` for each image of the batch.

    In the second case the elements of one image are adjacent, and the images are in order.
    """

    count: int = 1
    per_image: bool = False


Shape = tuple[Extent, ...]
ONE = Extent()


def fixed_shape(*sizes: int) -> Shape:
    """A shape that does not depend on the number of images."""
    return tuple(map(Extent, sizes))


def of_images(*sizes: int) -> Shape:
    """A shape whose first dimension is that of the images."""
    return (Extent(1, True), *map(Extent, sizes))


def elements_of(shape: Shape) -> int:
    """The number of elements for one image.

    Raises:
        GraphError: there are more than can be counted.
    """
    count = math.prod(extent.count for extent in shape)
    if count > MAX_ELEMENTS:
        raise GraphError("makes a tensor that is too large")
    return count


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor of the file.

    Attributes:
        dtype: FLOAT32 or INT64.
        dims: its shape.
        data: its elements, little endian.
    """

    dtype: int
    dims: tuple[int, ...]
    data: Buffer


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of ONNX's standard domain.

    Attributes:
        op_type: its name, such as "Conv".
        inputs: names of values; "" for an optional input that is absent.
        outputs: names of its results.
        attributes: by name; ONNX's INT, FLOAT, STRING or INTS.
    """

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph of a model: constants by name, and operators in the order in which they run."""

    constants: dict[str, Constant]
    nodes: list[Node]
