"""Model files that egaze-run refuses, and models that do not keep to their spec."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from deploy.running import radiographs, run
from deploy.scripted_models import make_model, packed, read_spec, save_model
from torch import Tensor, nn


@pytest.mark.parametrize("member", ["constants/3", "data.pkl", "egaze.py", "extra/egaze_spec.json"])
def test_one_flipped_bit(runner, model_path, tmp_path, member):
    with zipfile.ZipFile(model_path) as file:
        (info,) = [info for info in file.infolist() if info.filename.endswith(member)]
    data = bytearray(model_path.read_bytes())
    # A local header of 30 bytes, its name and its padding come before the content (APPNOTE 4.3.7).
    name_bytes, extra_bytes = struct.unpack_from("<HH", data, info.header_offset + 26)
    data[info.header_offset + 30 + name_bytes + extra_bytes + info.compress_size // 2] ^= 0x10
    model_path.write_bytes(data)
    assert_refused(runner, model_path, tmp_path)


def test_swapped_weights_keep_the_archive_whole_but_not_the_digest(runner, model, tmp_path):
    other = save_model(tmp_path / "other.pt", make_model(seed=1))
    path = save_model(tmp_path / "model.pt", model, model_sha256=read_spec(other)["model_sha256"])
    assert "SHA-256" in assert_refused(runner, path, tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_truncated_model(runner, model_path, tmp_path, kept):
    data = model_path.read_bytes()
    model_path.write_bytes(data[: int(len(data) * kept)])
    assert_refused(runner, model_path, tmp_path)


def test_foreign_archives(runner, model, tmp_path):
    plain = tmp_path / "plain.pt"
    torch.save({"weights": torch.zeros(3)}, plain)
    assert "egaze_spec.json" in assert_refused(runner, plain, tmp_path)
    text = tmp_path / "text.pt"
    text.write_text("hello")
    assert_refused(runner, text, tmp_path)
    assert "no such file" in assert_refused(runner, tmp_path / "missing.pt", tmp_path)
    assert_refused(runner, tmp_path, tmp_path)
    # A spec on an archive that holds no program.
    plain.write_bytes(packed({"data.pkl": b"", "byteorder": b"little"}))
    assert "egaze.py" in assert_refused(runner, plain, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 6}, "format version 6"),
        ({"format_version": None}, "format_version"),
        ({"class_names": []}, "class_names"),
        ({"input_height_px": 0}, "input_height_px"),
        ({"input_width_px": 4097}, "input_width_px"),
        ({"fit": "crop"}, "fit"),
    ],
)
def test_specs_that_are_refused(runner, model, tmp_path, changes, message):
    path = save_model(tmp_path / "model.pt", model, **changes)
    assert message in assert_refused(runner, path, tmp_path)


def assert_refused(runner: Path, path: Path, folder: Path) -> str:
    image = folder / "any.npy"
    np.save(image, np.zeros((8, 8), np.uint8))
    done = run(runner, path, image, code=1)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert str(path) in line
    return line


def test_a_model_that_breaks_its_promise_fails_each_radiograph_in_one_line(runner, tmp_path):
    class NotFinite(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            return image.mean([2, 3]).repeat(1, 3) / 0.0, image

    class OutOfRange(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            return image.mean([2, 3]).repeat(1, 3) + 2.0, image

    image = tmp_path / "radiograph.npy"
    np.save(image, np.zeros((8, 8), np.uint8))
    for module, message in [(NotFinite(), "that are not all finite numbers"), (OutOfRange(), "class probabilities")]:
        path = save_model(tmp_path / "model.pt", make_model(module))
        done = run(runner, path, image, code=1)
        (line,) = done.stderr.splitlines()
        assert str(path) in line and message in line
        assert message in radiographs(done)[0]["error"]


def test_a_model_of_another_signature_is_refused(runner, tmp_path):
    class OneOutput(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image

    path = save_model(tmp_path / "model.pt", make_model(OneOutput()))
    assert "(Tensor, Tensor)" in assert_refused(runner, path, tmp_path)
