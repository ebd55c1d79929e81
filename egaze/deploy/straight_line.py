"""Turning a traced program into a straight line of operators whose shapes depend on the number of images only."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# Operators whose results depend on the shape or type of their tensors, but not on the values.
_USES_SHAPE_ONLY = {
    "aten::dim",
    "aten::full_like",
    "aten::new_full",
    "aten::new_ones",
    "aten::new_zeros",
    "aten::numel",
    "aten::ones_like",
    "aten::size",
    "aten::zeros_like",
    "prim::device",
    "prim::dtype",
    "prim::shape",
}
_RESHAPES = {"aten::flatten", "aten::reshape", "aten::unflatten", "aten::view", "aten::view_as"}
# Operators whose second operand may be a number.
_ARITHMETIC = {f"aten::{name}{place}" for name in ("add", "div", "mul", "sub") for place in ("", "_")} | {"aten::pow"}
_RESIZES = {"aten::upsample_bicubic2d", "aten::upsample_bilinear2d", "aten::upsample_nearest2d"}
# A value that is the same for both of these numbers of images is assumed to be the same for any number.
_COUNTS = (2, 3)


def straighten(graph: Any, image: Tensor) -> None:
    """Replace everything in a traced and frozen graph that does not depend on the image's content by constants.

    In shapes, the number of images becomes -1. Values that cannot be replaced stay as they are; if they are not allowed
    in an exported program, `check_model` refuses it and names them.

    Args:
        graph: a graph with two inputs: self, which nothing uses, and the image.
        image: (1, 1, H, W), an image of the size for which shapes become constants.
    """
    torch._C._jit_pass_dce(graph)
    _name_convolutions(graph)
    of_image, constants = _sorted(graph)
    shaped = [node.output() for node in of_image if node.kind() in {*_RESHAPES, *_RESIZES, "aten::expand"}]
    few, more = (_observe(graph, [*shaped, *constants], image.expand(count, -1, -1, -1)) for count in _COUNTS)
    for value, *observed in zip(shaped, few, more, strict=False):
        _write_shape(graph, value.node(), *observed)
    for value, *observed in zip(constants, few[len(shaped) :], more[len(shaped) :], strict=True):
        _write_constant(graph, value, *observed)
    torch._C._jit_pass_dce(graph)
    _write_numbers(graph)
    torch._C._jit_pass_constant_propagation(graph)
    torch._C._jit_pass_dce(graph)
    graph.lint()


def _sorted(graph: Any) -> tuple[list[Any], list[Any]]:
    """Return the nodes that depend on the image's content, and the values that do not, except constants and lists."""
    dependent = {_image_of(graph).debugName()}
    of_image, constants = [], []
    for node in graph.nodes():
        if node.kind() not in _USES_SHAPE_ONLY and any(value.debugName() in dependent for value in node.inputs()):
            dependent.update(value.debugName() for value in node.outputs())
            of_image.append(node)
        elif not node.kind().startswith("prim::") or node.kind() in {"prim::NumToTensor", *_USES_SHAPE_ONLY}:
            constants.extend(node.outputs())
    return of_image, constants


def _image_of(graph: Any) -> Any:
    _, image = graph.inputs()
    return image


def _observe(graph: Any, values: list[Any], images: Tensor) -> list[Any]:
    """Run the program on the images and return what the values are."""
    if not values:
        return []
    outputs = len(list(graph.outputs()))
    for value in values:
        graph.registerOutput(value)
    observing = graph.copy()
    for _ in values:
        graph.eraseOutput(outputs)
    for _ in range(outputs):
        observing.eraseOutput(0)
    observing.makeMultiOutputIntoTuple()
    observing.eraseInput(0)
    with torch.no_grad():
        return list(torch._C._create_function_from_graph("observing", observing)(images))


def _write_shape(graph: Any, node: Any, few: Tensor, more: Tensor) -> None:
    """Make the observed shape of a node's output a constant argument of the node."""
    sizes = [size if size == other else -1 for size, other in zip(few.shape, more.shape, strict=True)]
    graph.setInsertPoint(node)
    if node.kind() in _RESIZES:
        node.replaceInput(1, graph.insertConstant(sizes[2:]))
        for place in range(1 if node.kind() == "aten::upsample_nearest2d" else 2, node.inputsSize() - 1):
            node.replaceInput(place + 1, graph.insertConstant(None))
    elif node.kind() == "aten::expand":
        node.replaceInput(1, graph.insertConstant(sizes))
    else:
        given = [next(node.inputs()), graph.insertConstant(sizes)]
        _replace(node.output(), graph.insertNode(graph.create("aten::reshape", given, 1)).output())


def _write_constant(graph: Any, value: Any, few: Any, more: Any) -> None:
    """Replace a value by a constant if it is the same for any number of images, or for each of the images."""
    if not isinstance(few, int | float | bool | Tensor):
        return
    graph.setInsertPoint(value.node())
    if not isinstance(few, Tensor):
        if few == more:
            _replace(value, graph.insertConstant(few))
        return
    if few.shape == more.shape:
        if torch.equal(few, more):
            _replace(value, graph.insertConstant(few))
        return
    of_one = few[:1]
    if not (torch.equal(of_one.expand_as(few), few) and torch.equal(of_one.expand_as(more), more)):
        return
    constant = graph.insertConstant(of_one.clone())
    (answers,) = graph.outputs()
    if value.debugName() in {answer.debugName() for answer in answers.node().inputs()}:
        # An output must have an entry for each image, and memory of its own: whoever receives it may write to it.
        spread = _one_for_each_image(graph, constant, of_one.dim())
        # A copy, in float32 even if the program computes in bfloat16.
        given = [graph.insertConstant(argument) for argument in (torch.float32, False, True, None)]
        constant = graph.insertNode(graph.create("aten::to", [spread, *given], 1)).output()
    _replace(value, constant)


def _one_for_each_image(graph: Any, constant: Any, dimensions: int) -> Any:
    """Repeat a constant of the shape (1, 1, H, W) or (1, C) for each of the images."""
    image = _image_of(graph)
    if dimensions == 4:
        return graph.insertNode(graph.create("aten::expand_as", [constant, image], 1)).output()
    # The sum of the constant and 0 times the means of the images has the right shape. Images are finite, so the
    # products are 0.
    pixels, keepdim, dtype = (graph.insertConstant(argument) for argument in ([2, 3], False, None))
    mean = graph.insertNode(graph.create("aten::mean", [image, pixels, keepdim, dtype], 1)).output()
    zeros = graph.insertNode(graph.create("aten::mul", [mean, graph.insertConstant(0.0)], 1)).output()
    return graph.insertNode(graph.create("aten::add", [constant, zeros, graph.insertConstant(1)], 1)).output()


def _write_numbers(graph: Any) -> None:
    """Turn constant tensors without dimensions back into the numbers from which tracing made them."""
    for node in graph.nodes():
        if node.kind() not in _ARITHMETIC:
            continue
        other = list(node.inputs())[1].node()
        if other.kind() == "prim::Constant" and other.kindOf("value") == "t" and other.t("value").dim() == 0:
            graph.setInsertPoint(node)
            node.replaceInput(1, graph.insertConstant(other.t("value").item()))


def _name_convolutions(graph: Any) -> None:
    """Replace aten::_convolution, which tracing writes for every kind of convolution, by the operator of its kind."""
    for node in list(graph.nodes()):
        if node.kind() != "aten::_convolution":
            continue
        image, weight, bias, stride, padding, dilation, transposed, output_padding, groups, *_ = node.inputs()
        sides = f"{len(stride.toIValue())}d"
        graph.setInsertPoint(node)
        if transposed.toIValue():
            given = [image, weight, bias, stride, padding, output_padding, groups, dilation]
            named = graph.create(f"aten::conv_transpose{sides}", given, 1)
        else:
            named = graph.create(f"aten::conv{sides}", [image, weight, bias, stride, padding, dilation, groups], 1)
        _replace(node.output(), graph.insertNode(named).output())
        node.destroy()


def _replace(value: Any, other: Any) -> None:
    other.setType(value.type() if other.node().kind() != "prim::Constant" else other.type())
    value.replaceAllUsesWith(other)
