"""Forged ONNX files of every kind with correct digests, so that the check has to find what is wrong with them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import pairwise

import onnx
from deploy.onnx_files import SPEC, changed, parsed, resealed, sealed, spec_of
from onnx import AttributeProto, TensorProto, helper

Forged = Iterator[tuple[bytes, str]]
BIG = 1 << 40


def varint(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def damaged_bytes(content: bytes) -> Forged:
    """The digest is not made to fit."""
    for cut in (0, 1, 2, 3, 10, len(content) // 3, len(content) // 2, len(content) - 1):
        yield content[:cut], ""
    for at in range(0, len(content), max(len(content) // 40, 1)):
        yield content[:at] + bytes([content[at] ^ 0x11]) + content[at + 1 :], ""
    for more in (b"\0", b"\x08\x08", content, b"PK\x03\x04", field(14, b"")):
        yield content + more, ""


def foreign_files(content: bytes) -> Forged:
    for other in (b"PK\x03\x04" + b"\0" * 100, b"\x89PNG\r\n\x1a\n", b"a text\n" * 50, b"\xff" * 1000, b"\0" * 1000):
        yield other, "model_foreign"
    model = parsed(content)
    del model.metadata_props[:]
    yield model.SerializeToString(), "model_foreign"
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", 1, ["n", 3])],
        [helper.make_tensor_value_info("y", 1, ["n", 3])],
    )
    yield helper.make_model(graph).SerializeToString(), "model_foreign"


def strange_encodings(content: bytes) -> Forged:
    graph = parsed(content).graph.SerializeToString()
    head, tail = content.split(graph)
    head = head[: head.rindex(b"\x3a")]
    for other in (
        b"\x3a" + varint(len(graph)).replace(b"\x00", b"\x80\x00") + graph + field(99, b"x"),
        field(7, graph) + field(7, graph),
        field(7, graph + graph),
        field(7, graph[: len(graph) // 2]),
        field(7, field(1, field(4, b"Relu")) + graph),
        field(7, b"\x0b\x0c" + graph),  # groups
        field(7, b"\x09" + b"\0" * 8 + graph),  # 64 bits
        field(7, b"\x0a" + b"\xff" * 9 + b"\x01" + graph),  # a length of 2^64 - 1
        field(7, b"\x0a" + b"\xff" * 11 + graph),
        field(7, b"\x0a" + b"\xff" * 9 + b"\x7f" + graph),
        field(7, b"\x0a\x00" * 30_000 + graph),  # operators without a name
        field(7, b"\x2a\x00" * 200_000 + graph),  # constants without a name
        field(7, b"\x12\x00" * 200_000 + graph),
        field(7, b""),
        b"",
    ):
        yield resealed(head + other + tail), ""
    nested = b""
    for _ in range(10_000):
        nested = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, nested)))[:100_000]
    yield resealed(head + field(7, nested + graph) + tail), ""
    # The same numbers in more bytes than they need.
    yield resealed(content.replace(b"\x08\x08", b"\x08\x88\x00", 1)), ""
    moved = parsed(content)
    order = [field(14, entry.SerializeToString()) for entry in moved.metadata_props]
    yield resealed(b"".join(order) + content[: -sum(map(len, order))]), ""


def metadata(content: bytes) -> Forged:
    spec = spec_of(parsed(content))
    for name, value in {
        **{"recipe": "a\nb", "egaze_version": "\x1b[2J", "torch_version": "x" * 300},
        **{"class_names": ["a", "a", "b"], "input_height_px": 0, "input_width_px": 1 << 40, "label_kind": "none"},
        **{"format_version": 3, "canvas_height_px": 32.5, "presentation": "x", "thresholds": [0.5], "fit": "crop"},
        **{"class_probs": "max", "heatmap_head": 1, "precision": "bf16"},
    }.items():
        code = "model_version" if name == "format_version" else "model_spec"
        yield sealed(parsed(content), {**spec, name: value}), code
    for name in spec:
        if name != "model_sha256":
            yield sealed(parsed(content), {key: value for key, value in spec.items() if key != name}), ""
    for other in ("", "{}", "[" * 100_000, '{"model_sha256": "' + "0" * 64 + '"}', "\0"):
        yield sealed(parsed(content), other), ""
    yield sealed(parsed(content), {**spec, "class_names": ["a", "b"]}), ""
    yield sealed(parsed(content), {**spec, "input_height_px": 64}), ""
    yield sealed(parsed(content), {**spec, "egaze_version": "9.9"}), ""

    def add(key: str, value: str) -> Callable[[onnx.ModelProto], object]:
        return lambda model: model.metadata_props.add(key=key, value=value)

    for key, value in (
        (SPEC, "{}"),
        ("author", "x"),
        ("a\x1b[2J", "b\n"),
        ("egaze_signature", "zz"),
        ("k" * 10**6, ""),
    ):
        model = parsed(content)
        add(key, value)(model)
        if key != SPEC:
            yield sealed(model), ""
        else:
            yield resealed(model.SerializeToString()[: -len(field(14, b""))] + b""), ""


def model_fields(content: bytes) -> Forged:
    def opset(model: onnx.ModelProto, version: int, domain: str = "") -> None:
        del model.opset_import[:]
        model.opset_import.add(domain=domain, version=version)

    for version in (-(1 << 63), -1, 0, 1, 17, 19, 21, 1 << 31, (1 << 63) - 1):
        yield changed(content, lambda model, version=version: opset(model, version)), "model_operator"
    yield changed(content, lambda model: opset(model, 18, "ai.onnx.ml")), "model_operator"
    yield changed(content, lambda model: opset(model, 18, "com.microsoft")), "model_operator"
    yield changed(content, lambda model: model.opset_import.add(domain="x", version=1)), "model_operator"
    yield changed(content, lambda model: model.opset_import.add(domain="", version=18)), ""
    for version in (0, 3, 7, 9, 10, 1 << 40):
        yield changed(content, lambda model, version=version: setattr(model, "ir_version", version)), ""
    for name in ("domain", "doc_string", "producer_name", "producer_version"):
        yield changed(content, lambda model, name=name: setattr(model, name, "other")), ""
    yield changed(content, lambda model: setattr(model, "model_version", 1)), ""
    function = helper.make_function("d", "f", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], [])
    yield changed(content, lambda model: model.functions.append(function)), "model_operator"
    yield changed(content, lambda model: model.training_info.add()), "model_operator"


def graph_fields(content: bytes) -> Forged:
    info = helper.make_tensor_value_info("x1", 1, ["N", 8, 32, 24])
    yield changed(content, lambda model: model.graph.value_info.append(info)), ""
    yield changed(content, lambda model: model.graph.input.append(info)), ""
    yield changed(content, lambda model: model.graph.output.append(info)), ""
    yield changed(content, lambda model: model.graph.sparse_initializer.add()), ""
    yield changed(content, lambda model: model.graph.quantization_annotation.add()), ""
    for name in ("doc_string", "name"):
        yield changed(content, lambda model, name=name: setattr(model.graph, name, "x\n")), ""

    def dims(model: onnx.ModelProto, values: list[int]) -> None:
        for dim, value in zip(model.graph.input[0].type.tensor_type.shape.dim, values, strict=True):
            dim.dim_value = value

    for values in ([1, 1, 32, 24], [2, 1, 32, 24], [1, 1, 1 << 40, 1 << 40], [-1, 1, 32, 24]):
        yield changed(content, lambda model, values=values: dims(model, values)), ""
    for place in (0, 1):
        for name in ("class_probs", "heatmap", "image", "x1", "nothing"):
            model = parsed(content)
            if model.graph.output[place].name != name:
                model.graph.output[place].name = name
                yield sealed(model), ""
    for elem_type in (0, 7, 10, 16, 99):
        yield (
            changed(
                content,
                lambda model, elem_type=elem_type: setattr(
                    model.graph.output[0].type.tensor_type, "elem_type", elem_type
                ),
            ),
            "",
        )
    yield changed(content, lambda model: model.graph.ClearField("output")), ""
    yield changed(content, lambda model: model.graph.ClearField("input")), ""
    yield changed(content, lambda model: model.graph.ClearField("node")), "model_operator"
    yield changed(content, lambda model: model.graph.ClearField("initializer")), "model_operator"


def constants(content: bytes) -> Forged:
    def of_first(change: Callable[[TensorProto], object]) -> bytes:
        (place, *_) = (at for at, tensor in enumerate(parsed(content).graph.initializer) if len(tensor.dims) == 4)
        return changed(content, lambda model: change(model.graph.initializer[place]))

    def set_dims(values: list[int]) -> Callable[[TensorProto], object]:
        def change(tensor: TensorProto) -> None:
            del tensor.dims[:]
            tensor.dims.extend(values)

        return change

    for dtype in (-1, 0, 2, 6, 8, 10, 11, 16, 17, 23, 99, (1 << 31) - 1):
        yield of_first(lambda tensor, dtype=dtype: setattr(tensor, "data_type", dtype)), ""
    for values in (
        *([], [0], [-1], [-8, -1, 3, 3], [1 << 62], [1 << 32, 1 << 32], [1 << 63 >> 1, 4], [2] * 9, [1] * 100_000),
        *([BIG, BIG], [(1 << 63) - 1] * 8, [7], [9, 1, 3, 3]),
    ):
        yield of_first(set_dims(values)), ""
    for size in (0, 1, 4, 1 << 20):
        yield of_first(lambda tensor, size=size: setattr(tensor, "raw_data", b"\x01" * size)), ""
    yield of_first(lambda tensor: tensor.ClearField("raw_data")), ""
    yield of_first(lambda tensor: tensor.float_data.extend([1.0])), ""
    yield of_first(lambda tensor: tensor.int32_data.extend([1])), ""
    yield of_first(lambda tensor: tensor.external_data.add(key="location", value="/etc/passwd")), ""
    yield of_first(lambda tensor: setattr(tensor, "data_location", 1)), ""
    yield of_first(lambda tensor: setattr(tensor, "doc_string", "x")), ""
    yield of_first(lambda tensor: tensor.segment.__setattr__("begin", 1)), ""
    for name in ("", "image", "x1", "a\x1b[2J", "n" * 10**6, "ü", "a.b", "heatmap"):
        yield of_first(lambda tensor, name=name: setattr(tensor, "name", name)), ""
    yield changed(content, lambda model: model.graph.initializer.append(model.graph.initializer[0])), ""
    unused = helper.make_tensor("unused", TensorProto.FLOAT, [1], b"\0" * 4, raw=True)
    yield changed(content, lambda model: model.graph.initializer.append(unused)), "model_operator"
    for value in ("nan", "inf", "-inf"):
        packed = struct.pack("<f", float(value))
        yield (
            of_first(lambda tensor, packed=packed: setattr(tensor, "raw_data", packed * (len(tensor.raw_data) // 4))),
            "any",
        )


def nodes(content: bytes) -> Forged:
    def of_first(change: Callable[[onnx.NodeProto], object]) -> bytes:
        return changed(content, lambda model: change(model.graph.node[0]))

    for name in ("Foo", "If", "Loop", "Scan", "Dropout", "RandomNormal", "Identity", "Gather", "NonZero", "Range", ""):
        yield of_first(lambda node, name=name: setattr(node, "op_type", name)), ""
    for domain in ("com.microsoft", "ai.onnx.ml", "ai.onnx", "\x1b[2J"):
        yield of_first(lambda node, domain=domain: setattr(node, "domain", domain)), "model_operator"
    for name in ("name", "doc_string", "overload"):
        yield of_first(lambda node, name=name: setattr(node, name, "x")), ""
    yield of_first(lambda node: node.input.append("image")), ""
    yield of_first(lambda node: node.input.__setitem__(0, "")), ""
    yield of_first(lambda node: node.input.__setitem__(0, "nothing")), "model_operator"
    yield of_first(lambda node: node.input.__setitem__(0, node.output[0])), "model_operator"
    yield of_first(lambda node: node.input.extend(["image"] * 5000)), ""
    yield of_first(lambda node: node.output.append("more")), ""
    yield of_first(lambda node: node.output.append(node.output[0])), ""
    yield of_first(lambda node: node.output.__setitem__(0, "image")), "model_operator"
    yield of_first(lambda node: node.output.__setitem__(0, "c0")), "model_operator"
    yield of_first(lambda node: node.ClearField("input")), ""
    yield of_first(lambda node: node.ClearField("output")), ""

    def cycle(model: onnx.ModelProto) -> None:
        model.graph.node[0].input[0] = model.graph.node[-1].output[0]

    yield changed(content, cycle), "model_operator"
    yield changed(content, lambda model: model.graph.node.append(model.graph.node[0])), "model_operator"
    yield changed(content, lambda model: model.graph.node.reverse()), ""
    yield changed(content, lambda model: model.graph.node.extend([model.graph.node[0]] * 30_000)), "model_operator"
    graph = helper.make_graph([], "g", [], [])
    for attribute in (
        helper.make_attribute("then_branch", graph),
        helper.make_attribute("graphs", [graph]),
        helper.make_attribute("value", helper.make_tensor("t", 1, [1], [1.0])),
        helper.make_attribute("other", 1),
        helper.make_attribute("strings", ["a", "b"]),
        helper.make_attribute("floats", [1.0]),
        AttributeProto(name="other"),
        AttributeProto(name="a\n", type=AttributeProto.INT, i=1),
        AttributeProto(name="x", type=AttributeProto.INT, i=1, ref_attr_name="y"),
        AttributeProto(name="x", type=AttributeProto.INTS, ints=[1] * 100_000),
    ):
        yield of_first(lambda node, attribute=attribute: node.attribute.append(attribute)), ""
    conv = next(index for index, node in enumerate(parsed(content).graph.node) if node.op_type == "Conv")

    def of_conv(change: Callable[[onnx.NodeProto], object]) -> bytes:
        return changed(content, lambda model: change(model.graph.node[conv]))

    yield of_conv(lambda node: node.attribute.append(node.attribute[0])), ""
    yield of_conv(lambda node: node.ClearField("attribute")), ""
    for place in range(len(parsed(content).graph.node[conv].attribute)):
        for values in ([0, 0], [-1, -1], [1 << 40] * 2, [1], [1] * 9, [1 << 62] * 4):
            yield (
                of_conv(
                    lambda node, place=place, values=values: node.attribute.__getitem__(place).CopyFrom(
                        helper.make_attribute(node.attribute[place].name, values)
                    )
                ),
                "",
            )
        for value in (0, -1, 1 << 40, 3, 1.5, "SAME_UPPER"):
            yield (
                of_conv(
                    lambda node, place=place, value=value: node.attribute.__getitem__(place).CopyFrom(
                        helper.make_attribute(node.attribute[place].name, value)
                    )
                ),
                "",
            )


#: Operators with constants as further inputs, put between the image and the program, and the number of inputs' kind.
PLACED: list[tuple[str, list[object], dict[str, object]]] = [
    *(("Reshape", [sizes], {}) for sizes in ([1, 1, 32, 24], [-1, 24, 32, 1], [32, -1, 1, 24], [0, 1, 32, 24])),
    *(("Reshape", [sizes], {}) for sizes in ([-1, -1, 32, 24], [-1], [BIG, -1], [-2, 1, 32, 24], [1] * 9, [])),
    *(("Transpose", [], {"perm": perm}) for perm in ([1, 0, 2, 3], [0, 1], [0, 0, 2, 3], [0, 1, 2, 9], [-1, 0, 1, 2])),
    *(("Expand", [sizes], {}) for sizes in ([1, 1, 32, 24 << 20], [BIG] * 4, [2, 1, 1, 1], [1] * 9, [-1, 1, 1, 1])),
    *(("Tile", [times], {}) for times in ([2, 1, 1, 1], [1, 1, 1 << 20, 1 << 20], [0, 1, 1, 1], [1], [-1] * 4)),
    *(("Pad", [pads, 0.0], {}) for pads in ([0, 0, BIG, BIG, 0, 0, 0, 0], [-1] * 8, [1] * 8, [0] * 7, [9000] * 8)),
    *(("Pad", [[0, 0, 40, 0, 0, 0, 0, 0]], {"mode": mode}) for mode in ("reflect", "wrap", "none")),
    *(("Slice", given, {}) for given in ([[0], [1], [0], [1]], [[5], [5], [2], [1]], [[0], [99], [2], [1]])),
    *(
        ("Slice", given, {})
        for given in ([[0], [9], [2], [0]], [[0], [9], [2], [-1]], [[0, 0], [9, 9], [2, 3], [1, 1]])
    ),
    *(("ReduceMean", [axes], {"keepdims": 1}) for axes in ([0], [9], [2, 2], [-9])),
    *(("ReduceSum", [[2]], {"keepdims": kept}) for kept in (0, 2, -1)),
    ("ReduceMax", [], {}),
    *(("Softmax", [], {"axis": axis}) for axis in (0, 9, -9, BIG)),
    *(("Clip", [low, high], {}) for low, high in ((1.0, 0.0), (float("nan"), 1.0), (0.0, float("nan")))),
    *(("Split", [sizes], {"axis": 2}) for sizes in ([32, 1], [0, 32], [-1, 33], [], [16, 16])),
    *(("Concat", [], {"axis": axis}) for axis in (0, 9, -9)),
    *(("MaxPool", [], {"kernel_shape": kernel}) for kernel in ([0, 0], [99, 99], [1 << 40] * 2, [2], [2] * 3)),
    *(("MaxPool", [], {"kernel_shape": [2, 2], "pads": pads}) for pads in ([2, 2, 2, 2], [-1] * 4, [1], [BIG] * 4)),
    ("MaxPool", [], {"kernel_shape": [2, 2], "ceil_mode": 1}),
    ("MaxPool", [], {"kernel_shape": [2, 2], "storage_order": 1}),
    ("AveragePool", [], {"kernel_shape": [2, 2], "auto_pad": "VALID"}),
    *(("DepthToSpace", [], {"blocksize": size, "mode": "CRD"}) for size in (0, -1, 2, BIG)),
    *(("Resize", ["", "", sizes], {"axes": [2, 3], "mode": "cubic"}) for sizes in ([BIG, BIG], [0, 0], [9], [-1, 9])),
    *(("Resize", ["", "", [9, 9]], {"axes": axes, "mode": "nearest"}) for axes in ([0, 1], [2], [2, 3])),
    ("Resize", ["", 2.0, ""], {"mode": "linear"}),
    ("LayerNormalization", [1.0], {"axis": 0}),
    ("LayerNormalization", [1.0], {"axis": 9}),
    ("InstanceNormalization", [1.0, 1.0], {}),
    ("MatMul", [1.0], {}),
    ("Add", [[1, 2]], {}),
    ("Add", ["image"], {"axis": 1}),
    ("ConstantOfShape", [], {}),
    ("TopK", [[1]], {}),
    ("LSTM", [1.0, 1.0], {}),
    ("StringNormalizer", [], {}),
]


def placed(content: bytes) -> Forged:
    """An operator between the image and the program that no exported model has, with arguments it must not have."""
    for op_type, given, attributes in PLACED:

        def place(
            model: onnx.ModelProto,
            op_type: str = op_type,
            given: list[object] = given,
            attributes: dict[str, object] = attributes,
        ) -> None:
            inputs = ["image"]
            for number, value in enumerate(given):
                if isinstance(value, str):
                    inputs.append(value)
                    continue
                name, is_list = f"k{number}", isinstance(value, list)
                data = struct.pack(f"<{len(value)}q", *value) if is_list else struct.pack("<f", value)
                dims, dtype = ([len(value)], TensorProto.INT64) if is_list else ([], TensorProto.FLOAT)
                model.graph.initializer.append(helper.make_tensor(name, dtype, dims, data, raw=True))
                inputs.append(name)
            first = model.graph.node[0]
            first.input[0] = "placed"
            model.graph.node.insert(0, helper.make_node(op_type, inputs, ["placed"], **attributes))

        yield changed(content, place), ""


def results(content: bytes) -> Forged:
    """Programs of proved operators whose results are not what the spec promises."""

    def bypass(op_type: str) -> Callable[[onnx.ModelProto], None]:
        def change(model: onnx.ModelProto) -> None:
            (node,) = (node for node in model.graph.node if node.op_type == op_type and node.output[0][0] != "x")
            node.op_type = "Neg"
            node.ClearField("attribute")

        return change

    yield changed(content, bypass("Softmax")), "model_failed"
    yield changed(content, bypass("Sigmoid")), "model_failed"

    def chain(model: onnx.ModelProto) -> None:
        first = model.graph.node[0]
        names = ["image", *(f"chain{number}" for number in range(5000))]
        for place, (one, other) in enumerate(pairwise(names)):
            model.graph.node.insert(place, helper.make_node("Sigmoid", [one], [other]))
        first.input[0] = names[-1]

    yield changed(content, chain), "any"


KINDS: dict[str, Callable[[bytes], Forged]] = {
    "damaged bytes": damaged_bytes,
    "foreign files": foreign_files,
    "strange encodings": strange_encodings,
    "metadata": metadata,
    "model fields": model_fields,
    "graph fields": graph_fields,
    "constants": constants,
    "nodes": nodes,
    "placed": placed,
    "results": results,
}
