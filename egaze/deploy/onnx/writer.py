"""Writes a graph operator by operator, each proved as it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from egaze.deploy.onnx.builder import GraphBuilder
from egaze.deploy.onnx.graph import FLOAT32, INT64, Attribute, Constant, Graph, GraphError, Node, Shape
from egaze.deploy.onnx.rules import RULES
from egaze.deploy.spec import ModelLimits, ProgramProof

#: A value of the graph by name, or a number, which becomes a constant.
Operand = str | float | int

# Constants of at most this size are kept once, however often they are used.
_SMALL_BYTES = 1024


class GraphWriter:
    """A graph that is being written.

    Args:
        input_shape: height and width of the images.
        limits: how large the program may be.
    """

    def __init__(self, input_shape: tuple[int, int], limits: ModelLimits) -> None:
        self._builder = GraphBuilder(RULES, input_shape, limits)
        self._values = 0
        self._names: dict[tuple[int, tuple[int, ...], bytes], str] = {}

    def shape(self, name: str) -> Shape:
        """The shape of a value or constant."""
        return self._builder.shape(name)

    def sides(self, name: str) -> tuple[int, ...]:
        """The same as numbers, -1 for a dimension that depends on the number of images."""
        return tuple(-1 if extent.per_image else extent.count for extent in self.shape(name))

    def is_constant(self, name: str) -> bool:
        """Whether it is a constant."""
        return name in self._builder.constants

    def values(self, name: str) -> NDArray[np.float32]:
        """The elements of a float32 constant.

        Raises:
            GraphError: the value is not a constant.
        """
        constant = self._builder.constants.get(name)
        if constant is None or constant.dtype != FLOAT32:
            raise GraphError("has parameters that are not constant")
        return np.frombuffer(constant.data, "<f4").reshape(constant.dims)

    def constant(self, values: NDArray[np.float32] | float) -> str:
        """Write a float32 constant."""
        return self._constant(FLOAT32, np.asarray(values, "<f4"))

    def integers(self, values: Sequence[int]) -> str:
        """Write a constant list of int64: a shape, axes or steps."""
        return self._constant(INT64, np.asarray(values, "<i8"))

    def _constant(self, dtype: int, values: NDArray[np.generic]) -> str:
        data = values.tobytes()
        key = dtype, values.shape, data if len(data) <= _SMALL_BYTES else b""
        if len(data) <= _SMALL_BYTES and key in self._names:
            return self._names[key]
        name = f"c{len(self._builder.constants)}"
        self._builder.add_constant(name, Constant(dtype, values.shape, data))
        if len(data) <= _SMALL_BYTES:
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
        self._builder.add(Node(op_type, names, results, attributes))
        self._values += outputs
        return list(results)

    def reshape(self, name: str, sizes: Sequence[int]) -> str:
        """Write a Reshape, unless the value has that shape."""
        return name if self.sides(name) == tuple(sizes) else self.op("Reshape", name, self.integers(sizes))

    def finish(self, results: dict[str, str], promised: Mapping[str, Shape]) -> tuple[Graph, ProgramProof]:
        """End the graph; `results` maps values to the names that they have as results of the graph, which have
        the promised shapes.

        Raises:
            GraphError: a result is absent or has another shape than promised, or a limit is exceeded.
        """
        written, finished = self._builder, GraphBuilder(RULES, self._builder.input_shape, self._builder.limits)
        used = dict.fromkeys(name for node in written.nodes for name in node.inputs if name in written.constants)
        for name in used:
            finished.add_constant(name, written.constants[name])
        for node in written.nodes:
            inputs = tuple(results.get(name, name) for name in node.inputs)
            outputs = tuple(results.get(name, name) for name in node.outputs)
            finished.add(replace(node, inputs=inputs, outputs=outputs))
        return finished.finish(promised)
