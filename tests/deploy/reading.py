"""What C++ reads of a radiograph, held against what Python reads.

A model that hands its input back as its heatmap, on a canvas of the radiograph's own shape, shows what C++ has read.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import torch
from torch import Tensor, nn

from egaze.errors import RadiographError
from egaze.imaging import PRESENTATIONS, Canvas, read_radiograph, to_input

SHAPE = (23, 31)
PYDICOM_FILES = Path(pydicom.__file__).parent / "data" / "test_files"


class PassThrough(nn.Module):
    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full((image.shape[0], 3), 1.0 / 3.0), image


def run(runner: Path, model: Path, *radiographs: Path) -> list[dict[str, Any]]:
    """What egaze-run says of each radiograph, in order."""
    out = radiographs[0].parent / model.stem
    done = subprocess.run([runner, model, *radiographs, "--out", out], capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)["predictions"]


def as_predicted(pixels: np.ndarray, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """What a model whose input has that shape is given of a radiograph: 16 bits a pixel."""
    return to_input(Canvas(*shape).place(pixels), shape)


def assert_same(result: dict[str, Any], radiograph: Path, presentation: str, atol: float = 0.0) -> None:
    """Equal pixels and notes, or both sides refuse the radiograph."""
    try:
        read = read_radiograph(radiograph, presentation=presentation)
    except RadiographError:
        assert "error" in result, "Python refuses the radiograph, C++ reads it"
        return
    assert "error" not in result, result["error"]
    np.testing.assert_allclose(np.load(result["heatmap_npy"]), as_predicted(read.pixels), rtol=0, atol=atol)
    assert result["notes"] == list(read.presentation.notes)


def assert_parity(
    runner: Path, models: dict[str, Path], radiograph: Path, presentation: str, atol: float = 0.0
) -> None:
    (result,) = run(runner, models[presentation], radiograph)
    assert_same(result, radiograph, presentation, atol)


def requires(formats: dict[str, str], kind: str) -> None:
    if formats[kind] != "yes":
        pytest.skip(f"{kind}: {formats[kind]}")


def answers_of(
    radiographs: dict[str, Path], runner: Path, models: dict[str, Path]
) -> dict[str, dict[str, dict[str, Any]]]:
    """By presentation and name, what egaze-run says of radiographs, from one run each."""
    return {
        policy: dict(zip(radiographs, run(runner, models[policy], *radiographs.values()), strict=True))
        for policy in PRESENTATIONS
    }
