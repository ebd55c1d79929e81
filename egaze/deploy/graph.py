"""Making a frozen program compute in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

# Operators that use only the shape of the image that they are given.
_USES_SHAPE_ONLY = {"aten::expand_as"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the program that keeps computing in float32.

    Attributes:
        entry: the node whose input is cast to float32, or None if the input is the image, which is float32 already.
        steps: the nodes whose constant tensors stay float32.
        output: the value that is cast for the nodes after this part.
    """

    entry: Any
    steps: list[Any]
    output: Any


def nodes(block: Any) -> Iterator[Any]:
    """Iterate over the nodes of a graph or block, including those of nested blocks."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from nodes(inner)


def compute_in(graph: Any, dtype: torch.dtype) -> None:
    """Make a float32 program compute in `dtype`, except in two kinds of parts; weights outside of them are cast too.

    Two kinds of parts stay in float32. The first is everything up to the first convolution and its activation: in
    bfloat16, grey values near 1 have only two decimal digits, most of which are lost when the mean is subtracted. The
    second is every depthwise convolution with its squeeze and excitation, which has too few products to become faster.
    `csrc/runtime/torchscript/precision.cpp` does the same when a model is loaded.
    """
    parts = [_first_part(graph), *_depthwise_parts(graph)]
    kept = {name for part in parts for step in part.steps for name in _own_constants(graph, step)}
    for node in nodes(graph):
        if _is_float32_constant(node) and node.output().debugName() not in kept:
            node.t_("value", node.t("value").to(dtype))
            node.output().inferTypeFrom(node.t("value"))
    for part in parts:
        if part.entry is not None:
            part.entry.replaceInput(0, _cast_before(graph, part.entry, next(part.entry.inputs()), torch.float32))
        _cast_after(graph, part.output, dtype)


def _first_part(graph: Any) -> Part:
    """Find the steps from the image up to the first convolution and the activation that follows it.

    If several steps use the image, or a value on the way, the part consists of the image alone.
    """
    _, image = graph.inputs()
    value = image
    steps: list[Any] = []
    while not steps or steps[-1].kind() != "aten::conv2d":
        users = [use.user for use in value.uses() if use.user.kind() not in _USES_SHAPE_ONLY]
        if len(users) != 1 or users[0].outputsSize() != 1:
            return Part(None, [], image)
        steps.append(users[0])
        value = users[0].output()
    return Part(None, steps, _activated(value))


def _depthwise_parts(graph: Any) -> Iterator[Part]:
    for node in graph.nodes():
        if not _is_depthwise(node):
            continue
        pad = next(node.inputs()).node()
        entry = pad if pad.kind() == "aten::pad" and _user_of(pad.output()) == node else node
        features = _activated(node.output())
        products, output = _excited(features)
        yield Part(entry, [node, *products], output)


def _is_depthwise(node: Any) -> bool:
    if node.kind() != "aten::conv2d":
        return False
    _, weight, *_, groups = node.inputs()
    if not _is_float32_constant(weight.node()):
        return False
    channels, of_group = weight.node().t("value").shape[:2]
    return bool(of_group == 1 and channels > 1 and groups.toIValue() == channels)


def _excited(features: Any) -> tuple[list[Any], Any]:
    """Find squeeze and excitation of the features: its two convolutions, and the weighted features.

    Without squeeze and excitation, the result is an empty list and the features themselves.
    """
    users = [use.user for use in features.uses()]
    means = [user for user in users if user.kind() == "aten::mean"]
    if len(users) != 2 or len(means) != 1 or [value.toIValue() for value in list(means[0].inputs())[1:]] != _OF_PIXELS:
        return [], features
    squeeze = _user_of(means[0].output())
    excite = squeeze and squeeze.kind() == "aten::conv2d" and _user_of(_activated(squeeze.output()))
    weighing = excite and excite.kind() == "aten::conv2d" and _user_of(_activated(excite.output()))
    if not weighing or weighing.kind() != "aten::mul" or weighing not in users:
        return [], features
    return [squeeze, excite], weighing.output()


# Arguments of aten::mean: the dimensions, whether they are kept, and the type of the result.
_OF_PIXELS = [[2, 3], True, None]


def _activated(value: Any) -> Any:
    """Return the result of the activation if it is the only user of the value, and otherwise the value."""
    user = _user_of(value)
    return user.output() if user is not None and user.inputsSize() == 1 and user.outputsSize() == 1 else value


def _user_of(value: Any) -> Any:
    """Return the node that uses the value if there is exactly one, and otherwise None."""
    uses = value.uses()
    return uses[0].user if len(uses) == 1 else None


def _own_constants(graph: Any, step: Any) -> list[str]:
    """Give the node its own copies of its constant float32 tensors, and return their names."""
    names = []
    for place, value in enumerate(list(step.inputs())):
        if _is_float32_constant(value.node()):
            graph.setInsertPoint(step)
            own = graph.insertConstant(value.node().t("value"))
            step.replaceInput(place, own)
            names.append(own.debugName())
            if not value.node().hasUses():
                value.node().destroy()
    return names


def _is_float32_constant(node: Any) -> bool:
    is_tensor = node.kind() == "prim::Constant" and node.hasAttribute("value") and node.kindOf("value") == "t"
    return bool(is_tensor and node.t("value").dtype == torch.float32)


def _cast_before(graph: Any, step: Any, value: Any, dtype: torch.dtype) -> Any:
    graph.setInsertPoint(step)
    arguments = [graph.insertConstant(argument) for argument in (dtype, False, False, None)]
    return graph.insertNode(graph.create("aten::to", [value, *arguments], 1)).output()


def _cast_after(graph: Any, value: Any, dtype: torch.dtype) -> None:
    """Insert a cast of the value, which all nodes after it use instead."""
    step = value.node()
    following = next(graph.nodes()) if step.kind() == "prim::Param" else _next(graph, step)
    cast = _cast_before(graph, following, value, dtype)
    value.replaceAllUsesAfterNodeWith(cast.node(), cast)


def _next(graph: Any, step: Any) -> Any:
    order = list(graph.nodes())
    return order[order.index(step) + 1]
