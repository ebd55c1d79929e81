"""A frozen program's graph: its nodes, and what they compute in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

# This takes no more of a radiograph than its shape.
_ASKING = {"aten::expand_as"}


@dataclass(frozen=True, slots=True)
class Part:
    """Steps that compute in float32 in a program of another type.

    Attributes:
        entry: the step whose input is made float32; None where that is the radiograph, which is.
        steps: those with tensors of their own.
        output: what is cast for the steps that follow.
    """

    entry: Any
    steps: list[Any]
    output: Any


def nodes(block: Any) -> Iterator[Any]:
    """A graph's nodes, those of nested blocks among them."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from nodes(inner)


def compute_in(graph: Any, dtype: torch.dtype) -> None:
    """Let a float32 program compute in `dtype` where products are many; its weights there become of it.

    The radiograph and its first convolution stay float32: grey values near 1 have two digits in bfloat16, and lose most
    of them as the mean is taken off. So do depthwise convolutions with their squeeze and excitation, which have few
    products to be quick at. `csrc/runtime/torchscript/precision.cpp` does the same on loading.
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
    """What is done to the radiograph up to its first convolution and the activation behind that; the radiograph alone
    where it goes several ways before."""
    _, radiograph = graph.inputs()
    value = radiograph
    steps: list[Any] = []
    while not steps or steps[-1].kind() != "aten::conv2d":
        users = [use.user for use in value.uses() if use.user.kind() not in _ASKING]
        if len(users) != 1 or users[0].outputsSize() != 1:
            return Part(None, [], radiograph)
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
    """The two products of squeeze and excitation on the features, and the features weighed; none, and the features,
    where it is not that which follows."""
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


# aten::mean's dimensions, whether they are kept, and the type of the result.
_OF_PIXELS = [[2, 3], True, None]


def _activated(value: Any) -> Any:
    """What the activation that alone uses a value gives; else the value."""
    user = _user_of(value)
    return user.output() if user is not None and user.inputsSize() == 1 and user.outputsSize() == 1 else value


def _user_of(value: Any) -> Any:
    """The step that alone uses a value, or None."""
    uses = value.uses()
    return uses[0].user if len(uses) == 1 else None


def _own_constants(graph: Any, step: Any) -> list[str]:
    """The names of a step's float32 tensors, once no other step has them."""
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
    """A cast of the value for all steps that follow."""
    step = value.node()
    following = next(graph.nodes()) if step.kind() == "prim::Param" else _next(graph, step)
    cast = _cast_before(graph, following, value, dtype)
    value.replaceAllUsesAfterNodeWith(cast.node(), cast)


def _next(graph: Any, step: Any) -> Any:
    order = list(graph.nodes())
    return order[order.index(step) + 1]
