"""Writes a graph operator by operator, each proved as it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from egaze import _core
from egaze.deploy.onnx.graph import FLOAT32, INT64, Attribute, Extent, GraphError, Shape
from egaze.deploy.spec import ModelLimits

#: A value of the graph by name, or a number, which becomes a constant.
Operand = str | float | int

# Constants of at most this size are kept once, however often they are used.
_SMALL_BYTES = 1024


class _Node(NamedTuple):
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


class GraphWriter:
    """A graph that is being written.

    Args:
        input_shape: height and width of the images.
        limits: how large the program may be.
    """

    def __init__(self, input_shape: tuple[int, int], limits: ModelLimits) -> None:
        self._input_shape, self._limits = input_shape, limits
        self._graph = self._empty()
        self._constants: dict[str, NDArray[np.generic]] = {}
        self._nodes: list[_Node] = []
        self._values = 0
        self._names: dict[tuple[int, tuple[int, ...], bytes], str] = {}

    def _empty(self) -> _core.OnnxGraph:
        return _core.OnnxGraph(*self._input_shape, **asdict(self._limits))

    def shape(self, name: str) -> Shape:
        """The shape of a value or constant."""
        return tuple(Extent(count, per_image) for count, per_image in self._graph.shape(name))

    def sides(self, name: str) -> tuple[int, ...]:
        """The same as numbers, -1 for a dimension that depends on the number of images."""
        return tuple(-1 if extent.per_image else extent.count for extent in self.shape(name))

    def is_constant(self, name: str) -> bool:
        """Whether it is a constant."""
        return name in self._constants

    def values(self, name: str) -> NDArray[np.float32]:
        """The elements of a float32 constant.

        Raises:
            GraphError: the value is not a constant.
        """
        constant = self._constants.get(name)
        if constant is None or constant.dtype != np.float32:
            raise GraphError("has parameters that are not constant")
        return constant.astype(np.float32, copy=False)

    def constant(self, values: NDArray[np.float32] | float) -> str:
        """Write a float32 constant."""
        return self._constant(np.asarray(values, "<f4"))

    def integers(self, values: Sequence[int]) -> str:
        """Write a constant list of int64: a shape, axes or steps."""
        return self._constant(np.asarray(values, "<i8"))

    def _constant(self, values: NDArray[np.generic]) -> str:
        data = values.tobytes() if values.nbytes <= _SMALL_BYTES else b""
        key = _onnx_dtype(values), values.shape, data
        if data and key in self._names:
            return self._names[key]
        name = f"c{len(self._constants)}"
        _add_constant(self._graph, name, values)
        self._constants[name] = values
        if data:
            self._names[key] = name
        return name

    def op(self, op_type: str, *inputs: Operand, **attributes: Attribute) -> str:
        """Write an operator with one result.

        Raises:
            GraphError: it is not proved.
        """
        (output,) = self.ops(op_type, *inputs, outputs=1, **attributes)
        return output

    def ops(self, op_type: str, *inputs: Operand, outputs: int, **attributes: Attribute) -> list[str]:
        """Write an operator with several results."""
        names = tuple(item if isinstance(item, str) else self.constant(item) for item in inputs)
        results = tuple(f"x{self._values + place}" for place in range(outputs))
        node = _Node(op_type, names, results, attributes)
        self._graph.add(*node)
        self._nodes.append(node)
        self._values += outputs
        return list(results)

    def reshape(self, name: str, sizes: Sequence[int]) -> str:
        """Write a Reshape, unless the value has that shape."""
        return name if self.sides(name) == tuple(sizes) else self.op("Reshape", name, self.integers(sizes))

    def finish(self, results: Mapping[str, str], spec_json: bytes) -> _core.OnnxGraph:
        """End the graph; `results` maps values to the names that they have as results of the graph.

        Raises:
            GraphError: a result is absent or has another shape than the spec promises, or a limit is exceeded.
        """

        def renamed(names: Iterable[str]) -> tuple[str, ...]:
            return tuple(results.get(name, name) for name in names)

        finished = self._empty()
        for name in dict.fromkeys(name for node in self._nodes for name in node.inputs if name in self._constants):
            _add_constant(finished, name, self._constants[name])
        for node in self._nodes:
            finished.add(node.op_type, renamed(node.inputs), renamed(node.outputs), node.attributes)
        finished.finish(spec_json)
        return finished


def _onnx_dtype(values: NDArray[np.generic]) -> int:
    return INT64 if values.dtype == np.int64 else FLOAT32


def _add_constant(graph: _core.OnnxGraph, name: str, values: NDArray[np.generic]) -> None:
    graph.add_constant(name, _onnx_dtype(values), values.shape, values.tobytes())
