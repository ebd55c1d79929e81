"""The operators of ONNX's standard domain that an exported model may use, with the rules for their arguments.

Operator names and meanings are those of https://onnx.ai/onnx/operators, in version `OPSET`.
"""

from __future__ import annotations

import math

from egaze.deploy.onnx.builder import Arguments, Outcome, Rule, axis_of, broadcast, fixed, require
from egaze.deploy.onnx.graph import ONE, Extent, Shape, elements_of
from egaze.deploy.onnx.image_rules import IMAGE_RULES
from egaze.deploy.onnx.shape_rules import SHAPE_RULES

# Products are bounded long before, by `ModelLimits`.
_MAX_STEP = 4096


def _same(arguments: Arguments) -> Outcome:
    return Outcome((arguments.tensor(0),))


def _with_other(arguments: Arguments) -> Outcome:
    return Outcome((broadcast(arguments.tensor(0), arguments.tensor(1)),))


def _clip(arguments: Arguments) -> Outcome:
    low = arguments.number(1) if arguments.has(1) else -math.inf
    high = arguments.number(2) if arguments.has(2) else math.inf
    require(low <= high, "clamps without valid bounds")
    return _same(arguments)


def _along_axis(arguments: Arguments) -> Outcome:
    shape = arguments.tensor(0)
    fixed(shape[axis_of(arguments.integer("axis", -1), len(shape))])
    return Outcome((shape,))


def _reduced(arguments: Arguments) -> Outcome:
    shape, axes = arguments.tensor(0), arguments.integers(1)
    kept = arguments.integer("keepdims", 1)
    require(kept in (0, 1), "has a flag that is neither 0 nor 1")
    places = {axis_of(axis, len(shape)) for axis in axes}
    require(len(places) == len(axes), "names a dimension twice")
    for place in places:
        fixed(shape[place])
    left: Shape = tuple(
        ONE if place in places else extent for place, extent in enumerate(shape) if kept or place not in places
    )
    return Outcome((left,), elements_of(shape))


def _matmul(arguments: Arguments) -> Outcome:
    a, b = arguments.tensor(0), arguments.tensor(1)
    require(len(a) >= 2 and len(b) >= 2, "multiplies tensors with too few dimensions")
    require(fixed(a[-1]) == fixed(b[-2]), "multiplies matrices whose sizes do not match")
    batch = broadcast(a[:-2], b[:-2])
    shape = (*batch, a[-2], b[-1])
    # The engine may copy the operands to the shape of the whole batch.
    copied = sum(4 * elements_of((*batch, *operand[-2:])) for operand in (a, b))
    return Outcome((shape,), elements_of(shape) * a[-1].count, copied)


def _conv(arguments: Arguments) -> Outcome:
    x, weight = arguments.tensor(0), arguments.tensor(1)
    sides = len(x) - 2
    require(sides in (1, 2) and len(weight) == len(x), "convolves tensors with another number of dimensions")
    stride = arguments.list("strides", (1,) * sides)
    pads, dilation = arguments.list("pads", (0,) * 2 * sides), arguments.list("dilations", (1,) * sides)
    require(
        (len(stride), len(pads), len(dilation)) == (sides, 2 * sides, sides)
        and all(1 <= step <= _MAX_STEP for step in (*stride, *dilation))
        and all(0 <= pad <= _MAX_STEP for pad in pads),
        "has a stride, padding or dilation out of range",
    )
    kernel = tuple(map(fixed, weight[2:]))
    require(arguments.list("kernel_shape", kernel) == kernel, "states another kernel than its weights have")
    groups, outputs, inputs = arguments.integer("group", 1), fixed(weight[0]), fixed(weight[1])
    require(
        groups >= 1 and outputs % groups == 0 and fixed(x[1]) == inputs * groups,
        "convolves another number of channels than its weights have",
    )
    if arguments.has(2):
        require(arguments.tensor(2) == (Extent(outputs),), "has a bias of another length")
    shape = [x[0], Extent(outputs)]
    for side in range(sides):
        reach = dilation[side] * (kernel[side] - 1) + 1
        padded = fixed(x[2 + side]) + pads[side] + pads[side + sides]
        require(padded >= reach, "convolves an image that is smaller than its kernel")
        shape.append(Extent((padded - reach) // stride[side] + 1))
    products = inputs * math.prod(kernel)
    # Where the engine has no faster way, it unfolds the image: for each pixel, the values under the kernel.
    pixels = elements_of((x[0], *shape[2:]))
    unfolded_bytes = 0 if products == inputs else 4 * pixels * products * groups
    return Outcome((tuple(shape),), elements_of(tuple(shape)) * products, unfolded_bytes)


def _layer_normalization(arguments: Arguments) -> Outcome:
    shape = arguments.tensor(0)
    normalised = shape[axis_of(arguments.integer("axis", -1), len(shape)) :]
    for extent in normalised:
        fixed(extent)
    for index in (1, 2):
        if arguments.has(index):
            require(arguments.tensor(index) == normalised, "has parameters for another number of channels")
    return Outcome((shape,), 4 * elements_of(shape))


def _instance_normalization(arguments: Arguments) -> Outcome:
    shape = arguments.tensor(0)
    require(len(shape) >= 3, "normalises channels of a tensor without channels")
    for extent in shape[1:]:
        fixed(extent)
    for index in (1, 2):
        require(arguments.tensor(index) == (shape[1],), "has parameters for another number of channels")
    return Outcome((shape,), 4 * elements_of(shape))


_UNARY = ("Abs", "Cos", "Erf", "Exp", "HardSwish", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Selu", "Sigmoid", "Sin")
_REDUCTIONS = ("ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")
_EPSILON = {"epsilon": float}

RULES: dict[str, Rule] = {
    **{name: Rule(_same) for name in (*_UNARY, "Softplus", "Sqrt", "Tanh")},
    **{name: Rule(_same, attributes={"alpha": float}) for name in ("Elu", "LeakyRelu")},
    "HardSigmoid": Rule(_same, attributes={"alpha": float, "beta": float}),
    **{name: Rule(_with_other, (2, 2)) for name in ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")},
    "Clip": Rule(_clip, (1, 3)),
    **{name: Rule(_along_axis, attributes={"axis": int}) for name in ("LogSoftmax", "Softmax")},
    **{name: Rule(_reduced, (2, 2), {"keepdims": int}) for name in _REDUCTIONS},
    "MatMul": Rule(_matmul, (2, 2)),
    "Conv": Rule(
        _conv, (2, 3), {**dict.fromkeys(("dilations", "kernel_shape", "pads", "strides"), tuple), "group": int}
    ),
    "LayerNormalization": Rule(_layer_normalization, (2, 3), {"axis": int, **_EPSILON}),
    "InstanceNormalization": Rule(_instance_normalization, (3, 3), _EPSILON),
    **SHAPE_RULES,
    **IMAGE_RULES,
}
