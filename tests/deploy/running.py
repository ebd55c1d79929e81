"""Running egaze-run, and comparing its predictions with Python's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from deploy.scripted_models import CLASS_NAMES, expected

TOLERANCE = 1e-5


def run(runner: Path, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([runner, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    return done


def radiographs(done: subprocess.CompletedProcess[str]) -> list[dict]:
    return json.loads(done.stdout)["predictions"]


def assert_same(radiograph: dict, model: torch.jit.ScriptModule, pixels: np.ndarray, **placing: object) -> None:
    class_probs, heatmap = expected(model, pixels, **placing)
    assert list(radiograph["class_probs"]) == CLASS_NAMES
    np.testing.assert_allclose(list(radiograph["class_probs"].values()), class_probs, rtol=0, atol=TOLERANCE)
    written = np.load(radiograph["heatmap_npy"])
    assert written.dtype == np.float32
    np.testing.assert_allclose(written, heatmap, rtol=0, atol=TOLERANCE)
    y, x = np.unravel_index(written.argmax(), written.shape)
    assert radiograph["heatmap_peak"]["x"] == pytest.approx((x + 0.5) / written.shape[1])
    assert radiograph["heatmap_peak"]["y"] == pytest.approx((y + 0.5) / written.shape[0])


def random_radiograph(shape: tuple[int, int], dtype: type, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random(shape, dtype=np.float32) ** 2
    return values if dtype is np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


def to_unit(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.float32:
        return values
    return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
