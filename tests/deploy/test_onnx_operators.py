"""Each operator that a proved program may use computes in ONNX what it computes in torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from deploy.scripted_models import make_model, save_model
from torch import Tensor, nn
from torch.nn import functional

from egaze import _core
from egaze.deploy.onnx.export import converted
from egaze.deploy.onnx.translate import TRANSLATIONS
from egaze.deploy.spec import DEFAULT_LIMITS, check_model
from egaze.errors import EgazeError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

SHAPE = HEIGHT, WIDTH = 8, 6
ONE_IMAGE = torch.linspace(-1, 1, HEIGHT * WIDTH).reshape(1, 1, *SHAPE)


@cache  # made before a function is traced, not while it is
def constant(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape, np.float32))


def channels(x: Tensor, count: int = 4) -> Tensor:
    """(N, count, 8, 6) with negative and positive values."""
    return (x * 3 - 1) * torch.linspace(-1.5, 1, count).reshape(1, count, 1, 1)


def rows(x: Tensor) -> Tensor:
    """(N, 8, 6)"""
    return (x * 3 - 1)[:, 0]


def attention(x: Tensor, **options: object) -> Tensor:
    query, key, value = (channels(x * factor, 2) for factor in (1, 0.7, -0.4))
    return functional.scaled_dot_product_attention(query, key, value, **options)


def of_scaled_channels(function: Callable[[Tensor], Tensor], scale: float, x: Tensor) -> Tensor:
    return function(channels(scale * x))


def of_positive_channels(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return function(channels(x).abs() + 0.1)


def in_place(x: Tensor) -> Tensor:
    y = channels(x)
    y = y.mul_(2).add_(channels(x, 1)).relu_()
    return functional.hardtanh(y, -0.5, 0.5, inplace=True)


CASES: dict[str, Callable[[Tensor], Tensor]] = {
    **{
        name: partial(of_scaled_channels, getattr(torch, name), 1)
        for name in ("abs", "cos", "erf", "exp", "neg", "relu", "sigmoid", "sin", "square", "tanh")
    },
    **{name: partial(of_positive_channels, getattr(torch, name)) for name in ("log", "reciprocal", "rsqrt", "sqrt")},
    **{
        name: partial(of_scaled_channels, getattr(functional, name), 4)
        for name in ("elu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "relu6", "selu", "silu")
    },
    "softplus": lambda x: functional.softplus(channels(x)) + functional.softplus(channels(x), beta=2, threshold=30),
    "gelu": lambda x: functional.gelu(channels(x)) + functional.gelu(channels(x), approximate="tanh"),
    "glu": lambda x: functional.glu(channels(x), 1),
    "add": lambda x: torch.add(channels(x), channels(x, 1), alpha=2) + 3,
    "sub": lambda x: torch.sub(channels(x), channels(x, 1), alpha=0.5) - 3,
    "rsub": lambda x: 1 - channels(x),
    "mul": lambda x: channels(x) * channels(x, 1) * 1.7,
    "div": lambda x: channels(x) / (channels(x, 1).abs() + 1) / 3,
    "pow": lambda x: (channels(x).abs() + 0.1) ** 1.5 + channels(x) ** 2,
    "maximum": lambda x: torch.maximum(channels(x), channels(x, 1)),
    "minimum": lambda x: torch.minimum(channels(x), channels(x, 1)),
    "addcmul": lambda x: torch.addcmul(channels(x), constant(4, 1, 1), channels(x, 1), value=0.3),
    "clamp": lambda x: channels(x).clamp(-0.2, 0.3) + channels(x).clamp(max=0.1) + channels(x).clamp(min=0),
    "clamp_max": lambda x: torch.clamp_max(channels(x), 0.2),
    "clamp_min": lambda x: torch.clamp_min(channels(x), 0.2),
    "to": lambda x: channels(x).to(torch.float32),
    "clone": lambda x: channels(x).clone() + 1,
    "contiguous": lambda x: channels(x).transpose(1, 2).contiguous(),
    "amax": lambda x: channels(x).amax(dim=(2, 3), keepdim=True) + channels(x).amin(dim=1, keepdim=True),
    "amin": lambda x: channels(x).amin(dim=-1),
    "mean": lambda x: channels(x).mean(dim=[1, -1]) + channels(x).mean(dim=(2, 3))[:, :1],
    "sum": lambda x: channels(x).sum(dim=1, keepdim=True),
    "var": lambda x: channels(x).var(dim=(2, 3)) + channels(x).var(dim=1, unbiased=False, keepdim=True)[:, 0, 0, :4],
    "linalg_vector_norm": lambda x: (
        torch.linalg.vector_norm(channels(x), 2, [1], True) + channels(x).norm(1, dim=1)[:, None]
    ),
    "softmax": lambda x: channels(x).softmax(dim=1) + channels(x).softmax(dim=-1),
    "log_softmax": lambda x: channels(x).log_softmax(dim=2),
    "conv1d": lambda x: functional.conv1d(rows(x), constant(4, 8, 3), constant(4), padding=1, stride=2),
    "conv2d": lambda x: functional.conv2d(
        channels(x), constant(6, 2, 3, 3), constant(6), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2
    ),
    "linear": lambda x: (
        functional.linear(rows(x), constant(5, 6), constant(5)).flatten(1)
        + functional.linear(rows(x).mean(1), constant(40, 6))
    ),
    "matmul": lambda x: channels(x) @ constant(6, 5) + constant(8, 8) @ channels(x) @ constant(6, 5),
    "bmm": lambda x: torch.bmm(rows(x), rows(x).transpose(1, 2)),
    "scaled_dot_product_attention": lambda x: attention(x) + attention(x, scale=0.3, attn_mask=constant(8, 8)),
    "causal attention": lambda x: attention(x, is_causal=True),
    "batch_norm": lambda x: functional.batch_norm(
        functional.relu(channels(x)), constant(4), constant(4).abs() + 0.5, constant(4, seed=1), constant(4, seed=2)
    ),
    "group_norm": lambda x: torch.group_norm(channels(x), 2, constant(4), constant(4, seed=1)),
    "layer_norm": lambda x: (
        functional.layer_norm(channels(x), (6,), constant(6), constant(6, seed=1))
        + functional.layer_norm(channels(x), (8, 6))
    ),
    "adaptive_avg_pool2d": lambda x: (
        functional.adaptive_avg_pool2d(channels(x), (4, 3)).flatten(1).sum(1, keepdim=True)
        + functional.adaptive_avg_pool2d(channels(x), (3, 4)).flatten(1)
        + functional.adaptive_avg_pool2d(channels(x), 1).flatten(1).sum(1, keepdim=True)
    ),
    "avg_pool2d": lambda x: (
        functional.avg_pool2d(channels(x), 3, 2, 1)
        + functional.avg_pool2d(channels(x), 3, 2, 1, count_include_pad=False)
    ),
    "avg_pool2d that rounds up": lambda x: (
        functional.avg_pool2d(channels(x), (3, 4), 3, 1, ceil_mode=True)
        + functional.avg_pool2d(channels(x), (3, 4), 3, 1, ceil_mode=True, count_include_pad=False)
        + functional.avg_pool2d(channels(x), (3, 4), 3, 1, ceil_mode=True, divisor_override=5)
    ),
    "max_pool2d": lambda x: (
        functional.max_pool2d(channels(x), 3, 2, 1)
        + functional.max_pool2d(channels(x), 3, 2, 1, ceil_mode=True)[:, :, :4, :3]
        + functional.max_pool2d(channels(x), 2, 1, dilation=2)[:, :, :4, :3]
    ),
    "max_pool2d that rounds up": lambda x: functional.max_pool2d(channels(x), 3, 2, ceil_mode=True),
    "pad": lambda x: (
        functional.pad(channels(x), (1, 2, 3, 0), mode="reflect")
        + functional.pad(channels(x), (1, 2, 3, 0), mode="replicate")
    ),
    "constant_pad_nd": lambda x: functional.pad(channels(x), (1, 0, 2, 1, 0, 1), value=0.5),
    "upsample_nearest2d": lambda x: functional.interpolate(channels(x), (13, 5)),
    "upsample_bilinear2d": lambda x: (
        functional.interpolate(channels(x), (13, 5), mode="bilinear")
        + functional.interpolate(channels(x), (13, 5), mode="bilinear", align_corners=True)
    ),
    "upsample_bicubic2d": lambda x: (
        functional.interpolate(channels(x), (13, 5), mode="bicubic")
        + functional.interpolate(channels(x), (13, 5), mode="bicubic", align_corners=True)
    ),
    "cat": lambda x: torch.cat([channels(x), channels(x, 1), x], dim=1),
    "stack": lambda x: torch.stack([channels(x), channels(x) * 2], dim=-1),
    "chunk": lambda x: channels(x).chunk(3, dim=1)[1] + channels(x).chunk(2, dim=1)[0],
    "split": lambda x: channels(x).split(3, dim=1)[0] * channels(x).split(3, dim=1)[1],
    "split_with_sizes": lambda x: channels(x).split([1, 2, 1], dim=1)[1],
    "unbind": lambda x: channels(x).unbind(2)[3] * channels(x).unbind(2)[5],
    "diagonal": lambda x: channels(x)[..., :6, :].diagonal(dim1=2, dim2=3),
    "expand": lambda x: x.expand(-1, 3, -1, -1) * constant(3, 1, 1),
    "expand_as": lambda x: (x * constant(3, 1, 1)) + constant(1, 3, 1, 1).expand_as(x * constant(3, 1, 1)),
    "flatten": lambda x: channels(x).flatten(2) + channels(x).flatten(1, 2).flatten(1).reshape(-1, 4, 48),
    "permute": lambda x: channels(x).permute(0, 2, 3, -3),
    "transpose": lambda x: channels(x).transpose(1, -1),
    "reshape": lambda x: channels(x).reshape(x.shape[0], 2, -1, 12),
    "repeat": lambda x: channels(x, 2).repeat(1, 2, 1, 3),
    "select": lambda x: channels(x)[:, 2] + channels(x).select(1, -1),
    "slice": lambda x: channels(x)[:, 1:3, ::3, -2:],
    "squeeze": lambda x: channels(x, 1).squeeze(1),
    "unsqueeze": lambda x: channels(x).unsqueeze(-1).unsqueeze(1),
    "pixel_shuffle": lambda x: functional.pixel_shuffle(channels(x), 2),
    "pixel_unshuffle": lambda x: functional.pixel_unshuffle(channels(x), 2),
    "in place": in_place,
    "a constant": lambda x: constant(1, 3).expand(x.shape[0], 3),
}


class Wrapped(nn.Module):
    """Gives the values of a function as class probabilities, and a heatmap."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.function(image).flatten(1), image.sigmoid()


def program(function: Callable[[Tensor], Tensor], folder: Path) -> Path:
    """The TorchScript file of a function."""
    module = Wrapped(function)
    classes = module(ONE_IMAGE)[0].shape[1]
    spec = {"class_names": [str(number) for number in range(classes)], "input_height_px": HEIGHT}
    return save_model(folder / "model.pt", make_model(module, shape=SHAPE), **spec, input_width_px=WIDTH)


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Returns the ONNX file of a case."""
    folder = tmp_path_factory.mktemp("operators")

    @cache
    def of(name: str) -> bytes:
        return converted(program(CASES[name], folder), None, DEFAULT_LIMITS)[1]

    return of


@pytest.mark.parametrize("name", CASES)
def test_an_operator_gives_the_same_values(contents, name):
    session = onnxruntime.InferenceSession(contents(name), providers=["CPUExecutionProvider"])
    image = torch.rand(5, 1, *SHAPE, generator=torch.Generator().manual_seed(3))
    for given in (image, image[:1]):
        expected = Wrapped(CASES[name])(given)
        for ours, theirs in zip(session.run(None, {"image": given.numpy()}), expected, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=2e-5)


def test_every_operator_of_a_proved_program_is_tried():
    operators = {
        name.removeprefix("aten::").removesuffix("_") for name in _core.model_operators() if name.startswith("aten::")
    }
    assert operators == set(TRANSLATIONS)
    assert operators <= set(CASES)


def test_every_rule_is_used_by_some_operator(contents):
    used = set()
    for name in CASES:
        used |= {node.op_type for node in onnx.ModelProto.FromString(contents(name)).graph.node}
    assert used == set(_core.onnx_operators())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: torch.linalg.vector_norm(channels(x), 3, [1]), "takes a norm of order 3"),
        (lambda x: functional.softplus(channels(x), threshold=2), "softplus with a threshold"),
        (lambda x: channels(x).diagonal(dim1=1, dim2=2), "takes a diagonal"),
        (lambda x: (channels(x).bfloat16() * 2).float(), "another type than float32"),
    ],
)
def test_what_onnx_cannot_say_is_refused(tmp_path, function, message):
    path = program(function, tmp_path)
    check_model(path)
    with pytest.raises(EgazeError, match=message):
        converted(path, None, DEFAULT_LIMITS)
