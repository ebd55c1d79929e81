"""A traced program as one straight line: operators on tensors whose shapes follow from the number of images alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# What tells of a tensor's shape or type only, or takes no more of it.
_TELLS_OF_SHAPE = {
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
# The other operand of these may be a number.
_ARITHMETIC = {f"aten::{name}{place}" for name in ("add", "div", "mul", "sub") for place in ("", "_")} | {"aten::pow"}
_RESIZES = {"aten::upsample_bicubic2d", "aten::upsample_bilinear2d", "aten::upsample_nearest2d"}
# What is equal for 2 and 3 images is for any.
_COUNTS = (2, 3)


def straighten(graph: Any, image: Tensor) -> None:
    """Write a traced and frozen graph's shapes as constants, the number of images as -1, and what does not depend on
    the image as the constants it comes to.

    What cannot be written so stays; `check_model` names it.

    Args:
        graph: with the inputs self, which nothing reads, and the image.
        image: one, (1, 1, H, W), of the size that shapes are for.
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
    """The nodes that depend on what the image shows, and the values that do not, constants and lists aside."""
    dependent = {_image_of(graph).debugName()}
    of_image, constants = [], []
    for node in graph.nodes():
        if node.kind() not in _TELLS_OF_SHAPE and any(value.debugName() in dependent for value in node.inputs()):
            dependent.update(value.debugName() for value in node.outputs())
            of_image.append(node)
        elif not node.kind().startswith("prim::") or node.kind() in {"prim::NumToTensor", *_TELLS_OF_SHAPE}:
            constants.extend(node.outputs())
    return of_image, constants


def _image_of(graph: Any) -> Any:
    _, image = graph.inputs()
    return image


def _observe(graph: Any, values: list[Any], images: Tensor) -> list[Any]:
    """What values are when the program is given the images."""
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
    """Give a node the shape that its output was seen to have."""
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
    """Put a constant in the place of a value that is the same for any number of images, or for each of them."""
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
        # An answer has one for each image, and is no constant that its user could write to.
        spread = _one_for_each_image(graph, constant, of_one.dim())
        # float32 and copied, whatever the program computes in.
        given = [graph.insertConstant(argument) for argument in (torch.float32, False, True, None)]
        constant = graph.insertNode(graph.create("aten::to", [spread, *given], 1)).output()
    _replace(value, constant)


def _one_for_each_image(graph: Any, constant: Any, dimensions: int) -> Any:
    """The constant of one image, (1, 1, H, W) or (1, C), for as many images as there are."""
    image = _image_of(graph)
    if dimensions == 4:
        return graph.insertNode(graph.create("aten::expand_as", [constant, image], 1)).output()
    # Images are finite, so that nothing times their means adds nothing.
    sides, keeps, unset = (graph.insertConstant(argument) for argument in ([2, 3], False, None))
    mean = graph.insertNode(graph.create("aten::mean", [image, sides, keeps, unset], 1)).output()
    nothing = graph.insertNode(graph.create("aten::mul", [mean, graph.insertConstant(0.0)], 1)).output()
    return graph.insertNode(graph.create("aten::add", [constant, nothing, graph.insertConstant(1)], 1)).output()


def _write_numbers(graph: Any) -> None:
    """Tracing makes tensors of the numbers that tensors are added to and multiplied with; make them numbers again."""
    for node in graph.nodes():
        if node.kind() not in _ARITHMETIC:
            continue
        other = list(node.inputs())[1].node()
        if other.kind() == "prim::Constant" and other.kindOf("value") == "t" and other.t("value").dim() == 0:
            graph.setInsertPoint(node)
            node.replaceInput(1, graph.insertConstant(other.t("value").item()))


def _name_convolutions(graph: Any) -> None:
    """Tracing calls every convolution by one name."""
    for node in list(graph.nodes()):
        if node.kind() != "aten::_convolution":
            continue
        image, weight, bias, stride, padding, dilation, transposed, output_padding, groups, *_ = node.inputs()
        sides = f"{weight.node().t('value').dim() - 2}d"
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
