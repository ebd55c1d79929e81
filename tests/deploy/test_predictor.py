"""The Python engine's own checks, tested with programs and outputs that `check_model` would refuse.

tests/cpp/test_torchscript_engine.cpp tests those of the C++ engine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from deploy.scripted_models import make_model, members_of, packed, save_model
from torch import Tensor

from egaze.deploy import Predictor, torchscript
from egaze.errors import ModelFileError

SHAPE = (32, 24)
PROBS, HEATMAP = torch.tensor([[0.2, 0.3, 0.5]]), torch.full((1, 1, *SHAPE), 0.5)


@pytest.fixture
def predictor(tmp_path) -> Predictor:
    return Predictor(save_model(tmp_path / "model.pt", make_model()))


@pytest.mark.parametrize(
    ("probs", "heatmap", "message"),
    [
        (PROBS, HEATMAP.long(), "heatmap values of type torch.int64"),
        (PROBS, HEATMAP.bool(), "heatmap values of type torch.bool"),
        (PROBS, HEATMAP.byte(), "heatmap values of type torch.uint8"),
        (PROBS, HEATMAP.double(), "heatmap values of type torch.float64"),
        (PROBS, HEATMAP.bfloat16(), "heatmap values of type torch.bfloat16"),
        (PROBS, HEATMAP.cfloat(), "heatmap values of type torch.complex64"),
        (PROBS.double(), HEATMAP, "class probabilities of type torch.float64"),
        (PROBS, HEATMAP.to_sparse(), "are not a dense tensor"),
        (PROBS, HEATMAP.to("meta"), "are not a dense tensor"),
        (PROBS, HEATMAP * 1e30, "heatmap values outside \\[0, 1\\]"),
        (PROBS, HEATMAP - 1, "heatmap values outside \\[0, 1\\]"),
        (PROBS + 0.6, HEATMAP, "class probabilities outside \\[0, 1\\]"),
        (PROBS, HEATMAP * torch.nan, "heatmap values that are not all finite"),
        (PROBS * torch.inf, HEATMAP, "class probabilities that are not all finite"),
        (PROBS, HEATMAP[0], "heatmap values of shape \\[1, 32, 24\\], promised \\[1, 1, 32, 24\\]"),
        (PROBS[:, :2], HEATMAP, "class probabilities of shape \\[1, 2\\], promised \\[1, 3\\]"),
        (PROBS, 0.5, "heatmap values that are not a tensor"),
        (PROBS, None, "heatmap values that are not a tensor"),
    ],
)
def test_outputs_that_are_not_promised(predictor, monkeypatch, probs, heatmap, message):
    monkeypatch.setattr(predictor, "_module", lambda image: (probs, heatmap))
    with pytest.raises(ModelFileError, match=message) as caught:
        predictor.predict(np.zeros(SHAPE, np.uint8))
    assert caught.value.code == "model_failed"


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError, MemoryError, ZeroDivisionError, torch.jit.Error])
def test_errors_of_any_class_are_typed_and_one_line(predictor, monkeypatch, kind):
    def fail(image: Tensor) -> tuple[Tensor, Tensor]:
        raise kind("while running:\n  ~~~ <- HERE\nfirst\x1b[2J\x07 \x9b \u2028" + "x" * 5000)

    monkeypatch.setattr(predictor, "_module", fail)
    with pytest.raises(ModelFileError, match="the model failed: ") as caught:
        predictor.predict(np.zeros(SHAPE, np.uint8))
    assert caught.value.code == "model_failed"
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1500


def test_a_prediction_belongs_to_the_caller(predictor, monkeypatch):
    monkeypatch.setattr(predictor, "_module", lambda image: (PROBS, HEATMAP))
    prediction = predictor.predict(np.zeros(SHAPE, np.uint8))
    prediction.heatmap[:] = 7
    prediction.class_probs[:] = 7
    assert predictor.predict(np.zeros(SHAPE, np.uint8)).heatmap.max() == 0.5
    assert float(HEATMAP.max()) == 0.5 and float(PROBS.max()) == 0.5


@pytest.mark.parametrize(
    ("statement", "does"),
    [
        ("image = torch.add(image, torch.mean(torch.mul_(CONSTANTS.c0, 2.)))", "changes a constant"),
        ("image = torch.add(image, torch.mean(torch.relu_(torch.slice(CONSTANTS.c0, 0, 0, 1))))", "changes a constant"),
        ("image = torch.dropout(image, 0.5, True)", "does 'aten::dropout'"),
    ],
)
def test_programs_that_change_constants_or_are_random_are_refused(statement, does):
    members = members_of(make_model())
    name = "code/__torch__/egaze.py"
    head, arrow, body = members[name].decode().partition("Tuple[Tensor, Tensor]:\n")
    content = packed({**members, name: f"{head}{arrow}    {statement}\n{body}".encode()})
    with pytest.raises(ModelFileError, match=f"{does}, which no exported model does") as caught:
        torchscript.load(Path("model.pt"), content, torch.device("cpu"))
    assert caught.value.code == "model_operator"


def test_the_same_radiograph_after_any_other_gives_the_same_bits(predictor):
    random = np.random.default_rng(0)
    radiographs = [random.random(SHAPE, dtype=np.float32) for _ in range(4)]
    first = predictor.predict(radiographs[0])
    for _ in range(3):
        for other in radiographs:
            predictor.predict(other)
        again = predictor.predict(radiographs[0])
        np.testing.assert_array_equal(again.heatmap, first.heatmap)
        np.testing.assert_array_equal(again.class_probs, first.class_probs)
