"""What torch's elementwise operators and reductions are in ONNX's standard operators.

Each function takes the graph's writer and the operator's arguments as torch's schema orders them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from egaze.deploy.onnx.graph import GraphError
from egaze.deploy.onnx.writer import GraphWriter, Operand

Translation = Callable[..., Any]

_FLOAT32 = 6  # torch's number of the type


def _unary(op_type: str, writer: GraphWriter, x: str) -> str:
    return writer.op(op_type, x)


def _binary(op_type: str, writer: GraphWriter, x: str, other: Operand) -> str:
    return writer.op(op_type, x, other)


def _scaled_binary(op_type: str, writer: GraphWriter, x: str, other: Operand, alpha: float = 1) -> str:
    if alpha != 1:
        other = writer.op("Mul", other, alpha) if isinstance(other, str) else other * alpha
    return writer.op(op_type, x, other)


def _rsub(writer: GraphWriter, x: str, other: float, alpha: float = 1) -> str:
    return writer.op("Sub", other, x if alpha == 1 else writer.op("Mul", x, alpha))


def _addcmul(writer: GraphWriter, x: str, a: str, b: str, value: float = 1) -> str:
    product = writer.op("Mul", a, b)
    return writer.op("Add", x, product if value == 1 else writer.op("Mul", product, value))


def _clamp(writer: GraphWriter, x: str, low: float | None = None, high: float | None = None) -> str:
    bounds = ["" if bound is None else float(bound) for bound in (low, high)]
    return writer.op("Clip", x, *(bounds if bounds[1] != "" else bounds[:1]))


def _elu(writer: GraphWriter, x: str, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> str:
    if input_scale != 1:
        raise GraphError("scales the input of an exponential unit, which ONNX has no operator for")
    elu = writer.op("Elu", x, alpha=float(alpha))
    return elu if scale == 1 else writer.op("Mul", elu, scale)


def _gelu(writer: GraphWriter, x: str, approximate: str = "none") -> str:
    if approximate == "tanh":
        cubic = writer.op("Mul", writer.op("Mul", writer.op("Mul", x, x), x), 0.044715)
        inner = writer.op("Tanh", writer.op("Mul", writer.op("Add", x, cubic), math.sqrt(2 / math.pi)))
    else:
        inner = writer.op("Erf", writer.op("Div", x, math.sqrt(2)))
    return writer.op("Mul", writer.op("Mul", x, writer.op("Add", inner, 1.0)), 0.5)


def _glu(writer: GraphWriter, x: str, dim: int = -1) -> str:
    half = writer.shape(x)[dim].count // 2
    a, b = writer.ops("Split", x, writer.integers([half, half]), outputs=2, axis=dim)
    return writer.op("Mul", a, writer.op("Sigmoid", b))


def _softplus(writer: GraphWriter, x: str, beta: float = 1, threshold: float = 20) -> str:
    """Above the threshold torch returns x itself, which differs by less than exp(-threshold) / beta."""
    if math.exp(-threshold) / beta > 1e-8:
        raise GraphError("has a softplus with a threshold for which ONNX has no operator")
    if beta == 1:
        return writer.op("Softplus", x)
    return writer.op("Div", writer.op("Softplus", writer.op("Mul", x, beta)), beta)


def _silu(writer: GraphWriter, x: str) -> str:
    return writer.op("Mul", x, writer.op("Sigmoid", x))


def _along(op_type: str, writer: GraphWriter, x: str, dim: int, dtype: int | None = None) -> str:
    return writer.op(op_type, x, axis=dim)


def _reduced(op_type: str, writer: GraphWriter, x: str, dims: Sequence[int], kept: bool = False, _: Any = None) -> str:
    return writer.op(op_type, x, writer.integers(dims), keepdims=int(kept))


def _variance(writer: GraphWriter, x: str, dims: Sequence[int], unbiased: bool = True, kept: bool = False) -> str:
    count = math.prod(writer.shape(x)[dim].count for dim in dims)
    off = writer.op("Sub", x, _reduced("ReduceMean", writer, x, dims, True))
    squares = _reduced("ReduceMean", writer, writer.op("Mul", off, off), dims, kept)
    return writer.op("Mul", squares, count / (count - 1)) if unbiased and count > 1 else squares


def _vector_norm(
    writer: GraphWriter, x: str, order: float = 2, dims: Sequence[int] = (), kept: bool = False, dtype: Any = None
) -> str:
    if order not in (1, 2):
        raise GraphError(f"takes a norm of order {order}, which ONNX has no operator for")
    return _reduced(f"ReduceL{order:.0f}", writer, x, dims, kept)


def _same(writer: GraphWriter, x: str, *arguments: Any) -> str:
    return x


def _to(writer: GraphWriter, x: str, dtype: int, *arguments: Any) -> str:
    if dtype != _FLOAT32:
        raise GraphError("computes in another type than float32")
    return x


_UNARY = {
    **{"abs": "Abs", "cos": "Cos", "erf": "Erf", "exp": "Exp", "hardswish": "HardSwish", "log": "Log", "mish": "Mish"},
    **{"neg": "Neg", "reciprocal": "Reciprocal", "relu": "Relu", "selu": "Selu", "sigmoid": "Sigmoid", "sin": "Sin"},
    **{"sqrt": "Sqrt", "tanh": "Tanh"},
}
_BINARY = {"div": "Div", "maximum": "Max", "minimum": "Min", "mul": "Mul", "pow": "Pow"}
_REDUCED = {"amax": "ReduceMax", "amin": "ReduceMin", "mean": "ReduceMean", "sum": "ReduceSum"}

ELEMENTWISE: dict[str, Translation] = {
    **{name: partial(_unary, op_type) for name, op_type in _UNARY.items()},
    **{name: partial(_binary, op_type) for name, op_type in _BINARY.items()},
    **{name: partial(_reduced, op_type) for name, op_type in _REDUCED.items()},
    "add": partial(_scaled_binary, "Add"),
    "addcmul": _addcmul,
    "clamp": _clamp,
    "clamp_max": lambda writer, x, high: _clamp(writer, x, None, high),
    "clamp_min": lambda writer, x, low: _clamp(writer, x, low),
    "clone": _same,
    "contiguous": _same,
    "elu": _elu,
    "gelu": _gelu,
    "glu": _glu,
    "hardsigmoid": lambda writer, x: writer.op("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "hardtanh": lambda writer, x, low=-1, high=1: _clamp(writer, x, low, high),
    "leaky_relu": lambda writer, x, slope=0.01: writer.op("LeakyRelu", x, alpha=float(slope)),
    "linalg_vector_norm": _vector_norm,
    "log_softmax": partial(_along, "LogSoftmax"),
    "relu6": lambda writer, x: _clamp(writer, x, 0, 6),
    "rsqrt": lambda writer, x: writer.op("Reciprocal", writer.op("Sqrt", x)),
    "rsub": _rsub,
    "silu": _silu,
    "softmax": partial(_along, "Softmax"),
    "softplus": _softplus,
    "square": lambda writer, x: writer.op("Mul", x, x),
    "sub": partial(_scaled_binary, "Sub"),
    "to": _to,
    "var": _variance,
}
