"""egaze-run and ONNX files: the same answers as Python, and one-line errors for a wrong engine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from deploy.untrained import untrained_run

from egaze.deploy import Predictor, export_run

pytest.importorskip("onnxruntime")


def run(runner: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([runner, *map(str, words)], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def files(runner: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An ONNX file and a radiograph."""
    if "openvino" not in run(runner, "--version").stdout:
        pytest.skip("egaze-run was built without OpenVINO")
    folder = tmp_path_factory.mktemp("onnx")
    export_run(untrained_run("joint", "mobilenetv3_large_100"), folder / "model.onnx")
    np.save(folder / "radiograph.npy", (np.random.default_rng(2).random((90, 70)) * 65535).astype(np.uint16))
    return folder / "model.onnx", folder / "radiograph.npy"


@pytest.mark.parametrize("options", [(), ("--engine", "openvino", "--threads", 2)])
def test_an_onnx_file_gives_pythons_answers(runner, files, tmp_path, options):
    model, radiograph = files
    done = run(runner, model, radiograph, "--out", tmp_path, *options)
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = json.loads(done.stdout)["predictions"]
    expected = Predictor(model, threads=1).predict(radiograph)
    np.testing.assert_allclose(list(found["class_probs"].values()), expected.class_probs, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.load(tmp_path / "radiograph_heatmap.npy"), expected.heatmap, rtol=0, atol=1e-5)


def test_a_wrong_engine_or_device_is_one_line(runner, files, tmp_path):
    model, radiograph = files
    program = tmp_path / "model.pt"
    program.write_bytes(model.read_bytes())
    for words, said in (
        ((model, "--engine", "torch"), f"{model}: the engine torch runs TorchScript files (.pt), not ONNX files"),
        ((program, "--engine", "openvino"), f"{program}: the engine openvino runs ONNX files (.onnx), not TorchScript"),
        (
            (model, "--device", "cuda"),
            "device cuda: an ONNX model runs on the CPU only, unlike a TorchScript model (.pt)",
        ),
    ):
        done = run(runner, *words, radiograph)
        assert done.returncode == 1
        assert done.stderr.startswith(f"egaze-run: {said}") and done.stderr.count("\n") == 1, done.stderr
    done = run(runner, model, radiograph, "--engine", "abacus")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_damaged_file_has_pythons_words(runner, files, tmp_path):
    model, radiograph = files
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(model.read_bytes()[:-3])
    with pytest.raises(Exception) as caught:
        Predictor(damaged)
    assert run(runner, damaged, radiograph).stderr == f"egaze-run: {caught.value}\n"
