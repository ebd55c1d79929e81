"""The example in JavaScript answers as Python does, through ONNX Runtime's package for Node."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from deploy.onnx_files import parsed, sealed, small_file, spec_of

from egaze.deploy import Predictor

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "docs" / "examples" / "onnx-js"


@pytest.fixture(scope="module")
def example() -> Path:
    """The example in a folder of the build, with the package that it needs; npm is asked for it once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    folder = PROJECT / "build" / "onnx-js"
    folder.mkdir(parents=True, exist_ok=True)
    for file in EXAMPLE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    if not (folder / "node_modules" / "onnxruntime-node" / "package.json").is_file():
        # Its script would download libraries for graphics cards; those for the processor are in the package.
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            assert os.environ.get("EGAZE_REQUIRE_NODE") != "1", done.stderr
            pytest.skip(f"npm cannot install onnxruntime-node: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def predict(example: Path, model: Path, *radiographs: Path) -> subprocess.CompletedProcess[str]:
    command = ["node", "predict.mjs", model, *radiographs]
    return subprocess.run(command, cwd=example, capture_output=True, text=True, check=False)


def radiographs(folder: Path) -> list[Path]:
    paths = []
    for number, (dtype, shape) in enumerate([(np.uint8, (90, 70)), (np.uint16, (20, 90)), (np.float32, (150, 100))]):
        values = np.random.default_rng(number).random(shape)
        largest = 1 if dtype == np.float32 else np.iinfo(dtype).max
        paths.append(folder / f"{number}.npy")
        np.save(paths[-1], (values * largest).astype(dtype))
    return paths


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fit": "letterbox", "canvas_height_px": 64, "canvas_width_px": 48},
        {"canvas_height_px": 20, "canvas_width_px": 20},
    ],
    ids=["stretch", "letterbox", "enlarged"],
)
def test_it_answers_as_python_does(example, tmp_path, changes):
    model = tmp_path / "model.onnx"
    file = parsed(small_file())
    model.write_bytes(sealed(file, {**spec_of(file), **changes}))
    paths = radiographs(tmp_path)
    done = predict(example, model, *paths)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)["predictions"]
    predictor = Predictor(model)
    for path, answer in zip(paths, answers, strict=True):
        expected = predictor.predict(path)
        assert tuple(answer["class_probs"]) == expected.class_names
        np.testing.assert_allclose(list(answer["class_probs"].values()), expected.class_probs, rtol=0, atol=1e-5)
        y, x = np.unravel_index(expected.heatmap.argmax(), expected.heatmap.shape)
        assert answer["heatmap_peak"]["x"] == pytest.approx((x + 0.5) / 24)
        assert answer["heatmap_peak"]["y"] == pytest.approx((y + 0.5) / 32)


def test_what_it_refuses(example, tmp_path):
    good, model, (path, *_) = small_file(), tmp_path / "model.onnx", radiographs(tmp_path)
    at = good.index(b"Conv")
    for content, message in [
        (good[:at] + b"T" + good[at + 1 :], "damaged or changed"),
        (good[:-9], "incomplete"),
        (b"PK\x03\x04", "not an ONNX file|incomplete"),
        (good[: good.index(b"egaze_spec") - 10], "not an ONNX file|incomplete"),
    ]:
        model.write_bytes(content)
        done = predict(example, model, path)
        assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1
        assert re.search(message, done.stderr)
    model.write_bytes(good)
    np.save(path, np.full((4, 4), 2.0, np.float32))
    assert "finite and lie in [0, 1]" in predict(example, model, path).stderr
    np.save(path, np.zeros((4, 4), np.int64))
    assert "expected uint8, uint16 or float32" in predict(example, model, path).stderr
