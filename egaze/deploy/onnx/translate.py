"""Turning a proved TorchScript program into a graph of ONNX's standard operators."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from egaze import _core
from egaze.deploy.onnx.elementwise import ELEMENTWISE
from egaze.deploy.onnx.graph import IMAGE, GraphError, result_names
from egaze.deploy.onnx.layers import LAYERS
from egaze.deploy.onnx.shapes import SHAPES
from egaze.deploy.onnx.writer import GraphWriter
from egaze.deploy.spec import ModelLimits, ModelSpec

#: Functions that write one of torch's operators, by its name; those that change their argument in place among them.
TRANSLATIONS = {**ELEMENTWISE, **SHAPES, **LAYERS}


def translate(graph: Any, spec: ModelSpec, limits: ModelLimits) -> _core.OnnxGraph:
    """Write the graph of a program that `read_model` has proved.

    What it proves makes this simple: the program is a straight line, every shape follows from the spec and the number
    of images, and no value is read after an operator has changed it in place, so that such an operator is like any
    other.

    Args:
        graph: TorchScript's graph of the proved text.
        spec: the model's spec.
        limits: how large the program may be.

    Raises:
        GraphError: an operator has arguments that no operator of ONNX has, or a limit is exceeded.
    """
    writer = GraphWriter(spec.input_shape, limits)
    _, image = graph.inputs()
    values: dict[str, Any] = {image.debugName(): IMAGE}
    for node in graph.nodes():
        _translate_node(node, values, writer)
    (results,) = graph.outputs()
    promised = result_names(spec)
    names = dict(zip(values[results.debugName()], promised, strict=True))
    if len(names) < len(promised) or IMAGE in names:
        raise GraphError("returns a value twice, or the image")
    return writer.finish(names, spec.to_json())


def _translate_node(node: Any, values: dict[str, Any], writer: GraphWriter) -> None:
    outputs = [value.debugName() for value in node.outputs()]
    if node.kind() == "prim::Constant":
        constant = node.output().toIValue()
        values[outputs[0]] = _written(constant, writer) if isinstance(constant, torch.Tensor) else constant
        return
    arguments = [values[value.debugName()] for value in node.inputs()]
    if node.kind() in ("prim::ListConstruct", "prim::TupleConstruct"):
        values[outputs[0]] = arguments
    elif node.kind() == "prim::ListUnpack":
        values.update(zip(outputs, arguments[0], strict=True))
    else:
        name = node.kind().removeprefix("aten::").removesuffix("_")
        if name not in TRANSLATIONS:
            raise GraphError(f"uses '{node.kind()}', which ONNX has no operator for")
        values[outputs[0]] = TRANSLATIONS[name](writer, *arguments)


def _written(tensor: torch.Tensor, writer: GraphWriter) -> str:
    if tensor.dtype != torch.float32:
        raise GraphError(f"has a constant of type {tensor.dtype}, not torch.float32")
    return writer.constant(np.ascontiguousarray(tensor.numpy()))
