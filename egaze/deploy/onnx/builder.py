"""Proves a graph operator by operator: types and shapes, memory and work."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from egaze.deploy.onnx.graph import (
    CLASS_HEATMAPS,
    CLASS_PROBS,
    FLOAT32,
    HEATMAP,
    IMAGE,
    INT64,
    MAX_DIMENSIONS,
    MAX_SIDE,
    Constant,
    Extent,
    Graph,
    GraphError,
    Node,
    Shape,
    elements_of,
    fixed_shape,
    of_images,
)
from egaze.deploy.spec import ModelLimits, ModelSpec, ProgramProof


class Outcome(NamedTuple):
    """The results of an operator.

    Attributes:
        shapes: of each result; all are float32.
        multiplications: for one image, in addition to one for each element of the results.
        scratch_bytes: for one image, that the operator may need while it computes.
    """

    shapes: tuple[Shape, ...]
    multiplications: int = 0
    scratch_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """What is known of an operator of ONNX's standard domain.

    Attributes:
        infer: computes the results from the arguments; raises GraphError for arguments that it does not accept.
        inputs: the smallest and largest number of inputs.
        attributes: the types of the attributes that may be given, by name.
        most_outputs: the largest number of results.
    """

    infer: Callable[[Arguments], Outcome]
    inputs: tuple[int, int] = (1, 1)
    attributes: Mapping[str, type] = field(default_factory=dict)
    most_outputs: int = 1


class Arguments:
    """The inputs and attributes of an operator, whose types and number have been checked."""

    def __init__(self, node: Node, shapes: Mapping[str, Shape], constants: Mapping[str, Constant]) -> None:
        self.inputs, self.output_count = node.inputs, len(node.outputs)
        self._attributes, self._shapes, self._constants = node.attributes, shapes, constants

    def has(self, index: int) -> bool:
        """Whether an optional input is given."""
        return index < len(self.inputs) and self.inputs[index] != ""

    def tensor(self, index: int) -> Shape:
        """The shape of a float32 input."""
        name = self.inputs[index] if self.has(index) else ""
        constant = self._constants.get(name)
        require(constant is None or constant.dtype == FLOAT32, "computes with a tensor that is not float32")
        require(name in self._shapes, "lacks an input")
        return self._shapes[name]

    def integers(self, index: int) -> tuple[int, ...]:
        """The elements of an input that is a constant list of int64."""
        constant = self._constants.get(self.inputs[index]) if self.has(index) else None
        if constant is None or constant.dtype != INT64 or len(constant.dims) != 1 or constant.dims[0] > 4096:
            raise GraphError("has a shape, an axis or a step that is not a constant")
        return struct.unpack(f"<{constant.dims[0]}q", constant.data)

    def number(self, index: int) -> float:
        """An input that is a constant float32 without dimensions."""
        constant = self._constants.get(self.inputs[index]) if self.has(index) else None
        if constant is None or constant.dtype != FLOAT32 or constant.dims:
            raise GraphError("has a bound or a value that is not a constant number")
        (value,) = struct.unpack("<f", constant.data)
        return float(value)

    def integer(self, name: str, default: int) -> int:
        """An attribute that is a whole number."""
        value = self._attributes.get(name, default)
        return value if isinstance(value, int) else default

    def text(self, name: str, default: str) -> str:
        """An attribute that is a text."""
        value = self._attributes.get(name, default)
        return value if isinstance(value, str) else default

    def list(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """An attribute that is a list of whole numbers."""
        value = self._attributes.get(name, default)
        return value if isinstance(value, tuple) else default


def require(holds: object, what: str) -> None:
    """Refuse arguments that an operator does not accept."""
    if not holds:
        raise GraphError(what)


class GraphBuilder:
    """Infers the shape of each operator's results from its arguments.

    Refuses an operator that has no rule or whose arguments do not satisfy it, that computes from constants alone, or
    that exceeds a limit.

    Args:
        rules: of each operator, by name.
        input_shape: height and width of the images.
        limits: how large the program may be.
    """

    def __init__(self, rules: Mapping[str, Rule], input_shape: tuple[int, int], limits: ModelLimits) -> None:
        self._rules, self.limits, self.input_shape = rules, limits, input_shape
        self.constants: dict[str, Constant] = {}
        self.nodes: list[Node] = []
        self._shapes: dict[str, Shape] = {IMAGE: of_images(1, *input_shape)}
        self._used: set[str] = set()
        self._scratch_bytes: list[int] = []
        self._multiplications = self._results = 0

    def shape(self, name: str) -> Shape:
        """The shape of a value or constant."""
        return self._shapes[name]

    def add_constant(self, name: str, constant: Constant) -> None:
        """Add a constant.

        Raises:
            GraphError: its name is taken, or it is too large.
        """
        require(name not in self._shapes, f"has two values named '{name}'")
        shape = fixed_shape(*constant.dims)
        require(len(shape) <= MAX_DIMENSIONS, "has a constant with too many dimensions")
        elements_of(shape)
        self.constants[name] = constant
        self._shapes[name] = shape

    def add(self, node: Node) -> None:
        """Add an operator.

        Raises:
            GraphError: it is not proved.
        """
        try:
            outcome = self._inferred(node)
        except GraphError as error:
            raise GraphError(f"{error} (operator {len(self.nodes) + 1}, '{node.op_type}')") from None
        self._shapes.update(zip(node.outputs, outcome.shapes, strict=True))
        self._used.update(node.inputs)
        self._scratch_bytes.append(outcome.scratch_bytes)
        self.nodes.append(node)
        self._multiplications += outcome.multiplications + sum(map(elements_of, outcome.shapes))
        if self._multiplications > self.limits.multiplications:
            raise GraphError(
                f"needs more multiplications for one image than the limit multiplications={self.limits.multiplications}"
            )
        self._results += len(node.outputs)
        if self._results > self.limits.nodes:
            raise GraphError(f"has more operators than the limit nodes={self.limits.nodes}")

    def _inferred(self, node: Node) -> Outcome:
        rule = self._rules.get(node.op_type)
        if rule is None:
            raise GraphError("uses an operator that no exported model uses")
        least, most = rule.inputs
        require(least <= len(node.inputs) <= most, "has another number of inputs")
        for name in node.inputs:
            require(name == "" or name in self._shapes, f"uses '{name}', which is not computed before")
        require(any(name and name not in self.constants for name in node.inputs), "computes from constants alone")
        for name, value in node.attributes.items():
            require(name in rule.attributes, f"has an attribute '{name}', which no exported model has")
            require(isinstance(value, rule.attributes[name]), f"has an attribute '{name}' of another kind")
        require(1 <= len(node.outputs) <= rule.most_outputs, "has another number of outputs")
        for name in node.outputs:
            require(name not in self._shapes, f"has two values named '{name}'")
        require(len(set(node.outputs)) == len(node.outputs), "has two outputs of one name")
        outcome = rule.infer(Arguments(node, self._shapes, self.constants))
        require(len(outcome.shapes) == len(node.outputs), "has another number of outputs")
        for shape in outcome.shapes:
            require_countable(shape)
        return outcome

    def finish(self, results: Mapping[str, Shape]) -> tuple[Graph, ProgramProof]:
        """End the program, whose results are values with the names and shapes of `results`.

        Raises:
            GraphError: they are absent or of other shapes than promised, a constant is used by nobody, or more memory
                is needed than the limit.
        """
        for name, promised in results.items():
            require(self._shapes.get(name) == promised and name not in self.constants, f"does not compute '{name}'")
        unused = next((name for name in self.constants if name not in self._used), None)
        require(unused is None, f"has a constant '{unused}' that is not used")
        proof = ProgramProof(self._results, self._bytes_at_work(results), self._multiplications, 0.0)
        if proof.bytes_at_work > self.limits.bytes_at_work:
            raise GraphError(
                f"needs {proof.bytes_at_work} bytes of memory for one image, more than the limit "
                f"bytes_at_work={self.limits.bytes_at_work}"
            )
        return Graph(self.constants, self.nodes), proof

    def _bytes_at_work(self, results: Iterable[str]) -> int:
        """The most that the tensors of one image need at the same time, with what the operator then needs."""
        last_use = {name: number for number, node in enumerate(self.nodes) for name in node.inputs}
        last_use |= dict.fromkeys(results, len(self.nodes))
        alive = {IMAGE: self._bytes_of(IMAGE)}
        most = held = alive[IMAGE]
        for number, node in enumerate(self.nodes):
            for name in node.outputs:
                alive[name] = self._bytes_of(name)
                held += alive[name]
            most = max(most, held + self._scratch_bytes[number])
            for name in {*node.inputs, *node.outputs}:
                if name in alive and last_use.get(name, number) <= number:
                    held -= alive.pop(name)
        return most

    def _bytes_of(self, name: str) -> int:
        return 4 * elements_of(self._shapes[name])


def promised_results(spec: ModelSpec) -> dict[str, Shape]:
    """The names and shapes of the results that a spec promises, in their order."""
    classes = len(spec.class_names)
    results = {CLASS_PROBS: of_images(classes), HEATMAP: of_images(1, *spec.input_shape)}
    return results | ({CLASS_HEATMAPS: of_images(classes, *spec.input_shape)} if spec.class_heatmaps else {})


def require_countable(shape: Shape) -> None:
    """Refuse a shape with too many dimensions or elements, or of which several dimensions depend on the images."""
    require(len(shape) <= MAX_DIMENSIONS, "makes a tensor with too many dimensions")
    require(all(1 <= extent.count <= MAX_SIDE for extent in shape), "makes a tensor that is too large or empty")
    require(sum(extent.per_image for extent in shape) <= 1, "combines several images")
    elements_of(shape)


def fixed(extent: Extent) -> int:
    """The count of an extent that does not depend on the number of images, of which nothing may be combined."""
    require(not extent.per_image, "combines several images")
    return extent.count


def axis_of(axis: int, dimensions: int) -> int:
    """The index of a dimension, which is counted from the end if it is negative."""
    require(-dimensions <= axis < dimensions, "names a dimension that the tensor does not have")
    return axis % dimensions


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of two tensors' elementwise combination."""
    count = max(len(a), len(b))
    pairs = zip((Extent(),) * (count - len(a)) + a, (Extent(),) * (count - len(b)) + b, strict=True)
    shape = []
    for one, other in pairs:
        require(one == other or Extent() in (one, other), "combines tensors whose shapes do not match")
        shape.append(other if one == Extent() else one)
    require_countable(tuple(shape))
    return tuple(shape)
