"""ONNX files as bytes: each content has one form, in which egaze writes it and outside of which it reads nothing.

Fields are in the order of their numbers, those that egaze does not use are absent, and constants are raw bytes within
the file. `read` and `write` therefore need no knowledge of the rest of ONNX, and a file that is read has no place for
anything that the check does not see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from egaze.deploy.onnx import wire
from egaze.deploy.onnx.builder import promised_results
from egaze.deploy.onnx.graph import (
    ELEMENT_BYTES,
    FLOAT32,
    IMAGE,
    IR_VERSION,
    MAX_DIMENSIONS,
    OPSET,
    Attribute,
    Constant,
    Graph,
    GraphError,
    Node,
    Shape,
    of_images,
)
from egaze.deploy.onnx.wire import Buffer, Read, WireError
from egaze.deploy.spec import ModelSpec

#: Keys of the metadata: the spec as JSON, and the signature in hexadecimal digits.
SPEC_KEY, SIGNATURE_KEY = "egaze_spec", "egaze_signature"

_PRODUCER = "egaze"
_START = wire.number_field(1, IR_VERSION) + b"".join(wire.bytes_field(2, _PRODUCER))
_MAX_GRAPH_BYTES = 4 << 20  # of the operators
_MAX_SPEC_BYTES = 4 << 20
_MAX_CONSTANTS = 100_000
_MAX_INPUTS = 4096
_MAX_ATTRIBUTES = 16
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,63}")
# ONNX's numbers of the types of attributes.
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7


class Parts(NamedTuple):
    """The parts of a file, of which the graph has not been read.

    Attributes:
        graph: the graph's message.
        spec_json: the spec.
        signature: in hexadecimal digits, or None.
        unsigned_bytes: the length of the file without the signature.
    """

    graph: memoryview
    spec_json: bytes
    signature: bytes | None
    unsigned_bytes: int


class LayoutError(Exception):
    """A file that egaze did not write, or that was changed; what is said goes on from its path.

    Attributes:
        code: as that of `ModelFileError`.
    """

    def __init__(self, what: str, code: str = "model_archive") -> None:
        super().__init__(what)
        self.code = code


# ----------------------------------------------------------------------------------------------------------- writing


def write(graph: Graph, spec: ModelSpec, spec_json: bytes, signature: bytes | None = None) -> Iterator[Buffer]:
    """Yield the bytes of a file in parts.

    Args:
        graph: the graph.
        spec: the model's spec.
        spec_json: the same as text.
        signature: the content of the member "signature" of a TorchScript file: a key and a signature.
    """
    yield wire.number_field(1, IR_VERSION)
    yield from wire.bytes_field(2, _PRODUCER)
    yield from wire.bytes_field(3, spec.egaze_version)
    yield from wire.bytes_field(7, list(_graph(graph, spec)))
    yield from wire.bytes_field(8, [*wire.bytes_field(1, ""), wire.number_field(2, OPSET)])
    yield from _metadata(SPEC_KEY, spec_json)
    if signature is not None:
        yield from _metadata(SIGNATURE_KEY, signature.hex().encode())


def _metadata(key: str, value: bytes) -> list[Buffer]:
    return wire.bytes_field(14, [*wire.bytes_field(1, key), *wire.bytes_field(2, value)])


def _graph(graph: Graph, spec: ModelSpec) -> Iterator[Buffer]:
    for node in graph.nodes:
        yield from wire.bytes_field(1, list(_node(node)))
    yield from wire.bytes_field(2, _PRODUCER)
    for name, constant in graph.constants.items():
        yield from wire.bytes_field(5, list(_constant(name, constant)))
    yield from _values(spec)


def _values(spec: ModelSpec) -> Iterator[Buffer]:
    """The graph's input and outputs, which the spec determines."""
    yield from _value(11, IMAGE, of_images(1, *spec.input_shape))
    for name, shape in promised_results(spec).items():
        yield from _value(12, name, shape)


def _value(number: int, name: str, shape: Shape) -> list[Buffer]:
    dims: list[Buffer] = []
    for extent in shape:
        side = wire.bytes_field(2, "N") if extent.per_image else [wire.number_field(1, extent.count)]
        dims += wire.bytes_field(1, side)
    tensor = [wire.number_field(1, FLOAT32), *wire.bytes_field(2, dims)]
    return wire.bytes_field(number, [*wire.bytes_field(1, name), *wire.bytes_field(2, wire.bytes_field(1, tensor))])


def _node(node: Node) -> Iterator[Buffer]:
    for name in node.inputs:
        yield from wire.bytes_field(1, name)
    for name in node.outputs:
        yield from wire.bytes_field(2, name)
    yield from wire.bytes_field(4, node.op_type)
    for name in sorted(node.attributes):
        yield from wire.bytes_field(5, list(_attribute(name, node.attributes[name])))


def _attribute(name: str, value: Attribute) -> Iterator[Buffer]:
    yield from wire.bytes_field(1, name)
    if isinstance(value, float):
        yield wire.float_field(2, value)
        yield wire.number_field(20, _FLOAT)
    elif isinstance(value, int):
        yield wire.number_field(3, value)
        yield wire.number_field(20, _INT)
    elif isinstance(value, str):
        yield from wire.bytes_field(4, value)
        yield wire.number_field(20, _STRING)
    else:
        yield from (wire.number_field(8, item) for item in value)
        yield wire.number_field(20, _INTS)


def _constant(name: str, constant: Constant) -> Iterator[Buffer]:
    yield from (wire.number_field(1, side) for side in constant.dims)
    yield wire.number_field(2, constant.dtype)
    yield from wire.bytes_field(8, name)
    yield from wire.bytes_field(9, constant.data)


# ----------------------------------------------------------------------------------------------------------- reading


def read_parts(content: bytes) -> Parts:
    """Find the parts of a file.

    Raises:
        LayoutError: it is no ONNX file, or holds other parts than those of an exported model.
    """
    if not content.startswith(_START):
        raise _no_model(content)
    found: dict[int, memoryview] = {}
    metadata: dict[bytes, memoryview] = {}
    before_last = 0
    try:
        for number, value in wire.read_fields(memoryview(content)):
            if number == 14 and not isinstance(value, int):
                key, text = _metadata_of(value)
                if key in metadata or len(metadata) == 2:
                    raise LayoutError("its metadata hold more than a spec and a signature")
                metadata[key] = text
                if key == SIGNATURE_KEY.encode():
                    before_last = len(content) - _size(_metadata(SIGNATURE_KEY, bytes(text)))
                continue
            if number in (20, 25):
                kind = "functions of its own" if number == 25 else "steps of a training"
                raise LayoutError(f"its program has {kind}, which no exported model has", "model_operator")
            if number == 8 and not isinstance(value, int):
                _require_opset(value)
            if number in found or number not in (1, 2, 3, 7, 8):
                raise LayoutError(f"it holds a field {number} that no exported model holds there")
            found[number] = memoryview(b"") if isinstance(value, int) else value
    except WireError as error:
        code = "model_truncated" if error.ends_early else "model_archive"
        raise LayoutError(f"is incomplete, damaged or followed by other data: {error}", code) from error
    if 7 not in found or SPEC_KEY.encode() not in metadata:
        what = "its metadata hold no 'egaze_spec'" if 7 in found else "it holds no graph"
        raise LayoutError(f"is not a model that egaze exported: {what}", "model_foreign")
    spec_json = metadata.pop(SPEC_KEY.encode())
    if len(spec_json) > _MAX_SPEC_BYTES:
        raise LayoutError("its spec is too large")
    signature = metadata.pop(SIGNATURE_KEY.encode(), None)
    if metadata:
        raise LayoutError("its metadata hold more than a spec and a signature")
    signed = None if signature is None else bytes(signature)
    return Parts(found[7], bytes(spec_json), signed, before_last or len(content))


def _no_model(content: bytes) -> LayoutError:
    if content.startswith(b"PK"):
        return LayoutError("is a TorchScript model or another archive, not ONNX; name it .pt", "model_foreign")
    if _START.startswith(content):
        return LayoutError("is incomplete: it ends before its graph", "model_truncated")
    return LayoutError("is not an ONNX file that egaze exported", "model_foreign")


def _require_opset(message: memoryview) -> None:
    fields = _Fields(message, {1: 1, 2: 1})
    domain, version = fields.content(1), fields.number(2)
    if len(domain) or version != OPSET:
        named = f" of the domain {_shown(domain)}" if len(domain) else ""
        raise LayoutError(
            f"its program uses operators of version {version}{named}; this egaze reads ONNX's own of version {OPSET}",
            "model_operator",
        )


def _metadata_of(message: memoryview) -> tuple[bytes, memoryview]:
    fields = _Fields(message, {1: 1, 2: 1})
    key = fields.content(1)
    if len(key) > 256:
        raise LayoutError("its metadata hold more than a spec and a signature")
    return bytes(key), fields.content(2)


def read_graph(message: memoryview, most_nodes: int) -> Graph:
    """Read a graph, of which nothing but the bounds of its message has been checked.

    Raises:
        LayoutError: it holds something that no exported model holds.
        GraphError: it exceeds a limit, or holds subgraphs, constants outside of the file or operators of other domains.
    """
    constants: dict[str, Constant] = {}
    nodes: list[Node] = []
    read_bytes = others = 0
    try:
        for number, value in wire.read_fields(message):
            if number == 1 and not isinstance(value, int):
                read_bytes += len(value)
                if len(nodes) == most_nodes:
                    raise GraphError(f"has more operators than the limit nodes={most_nodes}")
                if read_bytes > _MAX_GRAPH_BYTES:
                    raise GraphError("is too long")
                nodes.append(_read_node(value))
            elif number == 5 and not isinstance(value, int):
                name, constant = _read_constant(value)
                if name in constants or len(constants) == _MAX_CONSTANTS:
                    raise LayoutError(f"it holds two constants named '{name}', or too many")
                constants[name] = constant
            elif number in (2, 11, 12) and not isinstance(value, int):
                # The name, the input and the outputs: the spec says what they hold, and `write` whether they do.
                others += 1
                if others > 5:
                    raise LayoutError("its graph has more than one input and three outputs")
            else:
                kind = {13: "types of values", 15: "sparse constants"}.get(number, f"a field {number}")
                raise LayoutError(f"its graph holds {kind}, which no exported model's holds")
    except WireError as error:
        raise LayoutError(str(error)) from error
    return Graph(constants, nodes)


class _Fields:
    """The fields of a message by number, each as often as `most` says at most."""

    def __init__(self, message: memoryview, most: dict[int, int], what: Callable[[int], str] | None = None) -> None:
        self._values: dict[int, list[Read]] = {number: [] for number in most}
        for number, value in wire.read_fields(message):
            if number not in most:
                raise LayoutError(what(number) if what else f"it holds a field {number} that no exported model holds")
            if len(self._values[number]) == most[number]:
                raise LayoutError("it holds a field more often than any exported model does")
            self._values[number].append(value)

    def contents(self, number: int) -> list[memoryview]:
        return [value for value in self._values[number] if isinstance(value, memoryview)]

    def content(self, number: int) -> memoryview:
        return next(iter(self.contents(number)), memoryview(b""))

    def numbers(self, number: int) -> list[int]:
        return [wire.signed(value) for value in self._values[number] if isinstance(value, int)]

    def number(self, number: int) -> int:
        return next(iter(self.numbers(number)), 0)


def _read_node(message: memoryview) -> Node:
    fields = _Fields(message, {1: _MAX_INPUTS, 2: _MAX_INPUTS, 4: 1, 5: _MAX_ATTRIBUTES, 7: 1})
    op_type = _name(fields.content(4))
    if len(domain := fields.content(7)):
        raise GraphError(f"uses '{op_type}' of the domain {_shown(domain)}, not of ONNX's own operators")
    attributes = dict(_read_attribute(attribute) for attribute in fields.contents(5))
    inputs = tuple(_name(name) if len(name) else "" for name in fields.contents(1))
    return Node(op_type, inputs, tuple(map(_name, fields.contents(2))), attributes)


def _read_attribute(message: memoryview) -> tuple[str, Attribute]:
    def what(number: int) -> str:
        kinds = {5: "a tensor", 6: "a subgraph", 10: "tensors", 11: "subgraphs", 22: "a sparse tensor"}
        return f"an operator has {kinds.get(number, f'a field {number}')} as attribute, which no exported model has"

    fields = _Fields(message, {1: 1, 2: 1, 3: 1, 4: 1, 8: 16, 20: 1}, what)
    name, kind = _name(fields.content(1)), fields.number(20)
    if kind == _FLOAT and len(content := fields.content(2)) == 4:
        return name, wire.float_of(content)
    if kind == _INT:
        return name, fields.number(3)
    if kind == _STRING:
        return name, _name(fields.content(4))
    if kind == _INTS:
        return name, tuple(fields.numbers(8))
    raise LayoutError(f"the attribute '{name}' of an operator is of a kind that no exported model has")


def _read_constant(message: memoryview) -> tuple[str, Constant]:
    def what(number: int) -> str:
        if number in (13, 14):
            return "it keeps constants outside of the file"
        return f"a constant has a field {number}, which no exported model's has"

    fields = _Fields(message, {1: MAX_DIMENSIONS, 2: 1, 8: 1, 9: 1}, what)
    name, dtype, dims, data = _name(fields.content(8)), fields.number(2), fields.numbers(1), fields.content(9)
    if dtype not in ELEMENT_BYTES:
        raise LayoutError(f"the constant '{name}' is neither float32 nor int64")
    size = ELEMENT_BYTES[dtype]
    for side in dims:
        if side < 1:
            raise LayoutError(f"the constant '{name}' has a side of {side}")
        size *= side
        if size > len(data):
            break
    if size != len(data):
        raise LayoutError(f"the constant '{name}' has {len(data)} bytes, other than its shape says")
    return name, Constant(dtype, tuple(dims), data)


def _name(content: memoryview) -> str:
    if len(content) > 64 or not _NAME.fullmatch(content):
        raise LayoutError(f"it holds the name {_shown(content)}, which no exported model has")
    return str(content, "ascii")


def _shown(content: memoryview) -> str:
    return ascii(str(content[:40], "utf-8", "replace"))


def _size(parts: list[Buffer]) -> int:
    return sum(map(len, parts))
