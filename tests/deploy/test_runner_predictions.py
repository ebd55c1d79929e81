"""Predictions of egaze-run compared with the same preprocessing and the same module in Python."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from deploy.running import TOLERANCE, assert_same, radiographs, random_radiograph, run, to_unit
from deploy.scripted_models import CLASS_NAMES, expected, make_model, save_model
from PIL import Image
from torch import Tensor, nn

from egaze import resize
from egaze.pictures.colours import blend


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_arrays_give_pythons_numbers(runner, model, tmp_path, fit):
    path = save_model(tmp_path / "model.pt", model, fit=fit)
    arrays = [
        random_radiograph((61, 47), np.uint8),
        random_radiograph((320, 200), np.uint16),
        random_radiograph((19, 400), np.float32),
        random_radiograph((1, 1), np.uint8),
        np.asfortranarray(random_radiograph((50, 90), np.uint16)),
        random_radiograph((1100, 1300), np.uint16),
    ]
    images = []
    for i, array in enumerate(arrays):
        images.append(tmp_path / f"radiograph{i}.npy")
        np.save(images[-1], array)
    for threads in (1, 2):
        done = run(runner, path, *images, "--out", tmp_path / "out", "--threads", threads)
        result = json.loads(done.stdout)
        assert result["model"] == str(path)
        assert result["class_names"] == CLASS_NAMES
        assert done.stderr == ""
        for radiograph, image, array in zip(result["predictions"], images, arrays, strict=True):
            assert radiograph["image"] == str(image)
            assert_same(radiograph, model, to_unit(array), fit=fit)


def test_heatmap_picture_is_in_the_radiographs_frame(runner, tmp_path):
    class Ramp(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            n, height, width = image.shape[0], image.shape[2], image.shape[3]
            ramp = torch.linspace(0.0, 1.0, width).view(1, 1, 1, width).expand(n, 1, height, width)
            return torch.full((n, 3), 1.0 / 3.0), ramp

    path = save_model(
        tmp_path / "model.pt",
        make_model(Ramp(), shape=(64, 64)),
        fit="letterbox",
        input_height_px=64,
        input_width_px=64,
    )
    for shape, shown in {(300, 150): (300, 150), (4000, 2000): (1024, 512), (2, 1): (2, 1)}.items():
        np.save(tmp_path / "radiograph.npy", np.zeros(shape, np.uint8))
        (radiograph,) = radiographs(run(runner, path, tmp_path / "radiograph.npy", "--out", tmp_path))
        with Image.open(radiograph["heatmap_png"]) as picture:
            assert picture.mode == "L"
            grey = np.asarray(picture)
        assert grey.shape == shown
        # The radiograph covers the middle half of the canvas.
        assert grey.min() >= 60 and grey.max() <= 195
        if shown[1] > 1:
            assert grey[:, 0].max() < 70 and grey[:, -1].min() > 185
    assert list(tmp_path.glob("*.part")) == []


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGB", "RGBA", "I;16"])
def test_png_radiographs(runner, formats, model, model_path, tmp_path, mode):
    if formats["png"] != "yes":
        pytest.skip(f"png: {formats['png']}")
    colours = np.random.default_rng(1).integers(0, 256, (80, 60, 4), dtype=np.uint8)
    image = tmp_path / "radiograph.png"
    if mode == "I;16":
        array = random_radiograph((80, 60), np.uint16)
        Image.fromarray(array).save(image)
        pixels = to_unit(array)
    else:
        picture = Image.fromarray(colours, "RGBA")
        picture = picture.convert("L").convert("1") if mode == "1" else picture.convert(mode)
        picture.save(image)
        with Image.open(image) as stored:
            # Alpha is dropped, not blended; palettes, with transparent colours or without, go through RGB.
            grey = stored.getchannel(0) if mode in {"L", "LA"} else stored.convert("RGBA").convert("RGB").convert("L")
            pixels = to_unit(np.asarray(grey))
    (radiograph,) = radiographs(run(runner, model_path, image, "--out", tmp_path))
    assert_same(radiograph, model, pixels)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_radiographs(runner, formats, model, model_path, tmp_path, mode):
    if formats["jpeg"] != "yes":
        pytest.skip(f"jpeg: {formats['jpeg']}")
    y, x = np.mgrid[0:90, 0:70]
    smooth = np.stack([127 + 100 * np.sin(x / 9), 2 * y, x + y], axis=2).astype(np.uint8)
    image = tmp_path / "radiograph.jpg"
    Image.fromarray(smooth).convert(mode).save(image, quality=90)
    with Image.open(image) as picture:
        pixels = to_unit(np.asarray(picture.convert("L")))
    (radiograph,) = radiographs(run(runner, model_path, image, "--out", tmp_path))
    # Decoders of different libjpeg releases may differ by a grey value here and there.
    class_probs, _ = expected(model, pixels)
    np.testing.assert_allclose(list(radiograph["class_probs"].values()), class_probs, rtol=0, atol=1e-3)


@pytest.mark.parametrize("presentation", ["raw-max", "equalize"])
def test_the_models_presentation_is_applied(runner, model, tmp_path, presentation):
    path = save_model(tmp_path / "model.pt", model, presentation=presentation)
    array = random_radiograph((40, 40), np.uint16) // 8
    np.save(tmp_path / "radiograph.npy", array)
    (radiograph,) = radiographs(run(runner, path, tmp_path / "radiograph.npy", "--out", tmp_path))
    if presentation == "raw-max":
        assert_same(radiograph, model, array.astype(np.float32) / np.float32(array.max()))
    else:
        imaging = pytest.importorskip("egaze.imaging")
        assert_same(
            radiograph, model, imaging.read_radiograph(tmp_path / "radiograph.npy", presentation="equalize").pixels
        )


def test_a_model_without_a_heatmap_head_shows_none(runner, model, tmp_path):
    path = save_model(tmp_path / "model.pt", model, heatmap_head=False)
    np.save(tmp_path / "radiograph.npy", np.zeros((8, 8), np.uint8))
    done = run(runner, path, tmp_path / "radiograph.npy", "--out", tmp_path / "out")
    (radiograph,) = radiographs(done)
    assert set(radiograph) == {"image", "class_probs", "notes"}
    assert done.stderr == f"egaze-run: {path} makes no heatmaps, so none are written to {tmp_path / 'out'}\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.needs_cuda
@pytest.mark.skipif(
    not torch.cuda.is_available() and os.environ.get("EGAZE_REQUIRE_CUDA") != "1", reason="no CUDA device"
)
def test_cuda_gives_the_same_numbers(runner, model, model_path, tmp_path):
    image = tmp_path / "radiograph.npy"
    array = random_radiograph((300, 200), np.uint16)
    np.save(image, array)
    (radiograph,) = radiographs(run(runner, model_path, image, "--device", "cuda", "--out", tmp_path))
    class_probs, heatmap = expected(model, to_unit(array))
    # Convolutions may run in TF32 there, whose products have 11 bits.
    np.testing.assert_allclose(list(radiograph["class_probs"].values()), class_probs, rtol=0, atol=1e-2)
    np.testing.assert_allclose(np.load(radiograph["heatmap_npy"]), heatmap, rtol=0, atol=1e-2)


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_pythons_predictor_reads_the_same_file_to_the_same_numbers(runner, model, tmp_path, fit):
    deploy = pytest.importorskip("egaze.deploy")
    path = save_model(tmp_path / "model.pt", model, fit=fit)
    image = tmp_path / "radiograph.npy"
    np.save(image, random_radiograph((150, 90), np.uint16))
    prediction = deploy.Predictor(path).predict(image)
    (radiograph,) = radiographs(run(runner, path, image, "--out", tmp_path))
    np.testing.assert_allclose(list(radiograph["class_probs"].values()), prediction.class_probs, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(np.load(radiograph["heatmap_npy"]), prediction.heatmap, rtol=0, atol=TOLERANCE)


def test_batches_give_the_predictions_of_single_radiographs(runner, model_path, tmp_path):
    root = tmp_path / "radiographs"
    root.mkdir()
    for i in range(7):
        np.save(root / f"{i}.npy", random_radiograph((30 + i, 20), np.uint16, seed=i))
    np.save(root / "3.npy", np.full((20, 20), np.nan, np.float32))  # the reader or the model refuses it
    single = radiographs(run(runner, model_path, root, "--out", tmp_path / "single", code=1))
    batches = radiographs(run(runner, model_path, root / "*.npy", "--batch=4", "--out", tmp_path / "batches", code=1))
    for i, (one, other) in enumerate(zip(single, batches, strict=True)):
        assert one["image"] == other["image"] and ("error" in one) == ("error" in other) == (i == 3)
        if i != 3:
            np.testing.assert_allclose(
                *(list(radiograph["class_probs"].values()) for radiograph in (one, other)), atol=TOLERANCE
            )
            np.testing.assert_allclose(
                *(np.load(radiograph["heatmap_npy"]) for radiograph in (one, other)), atol=TOLERANCE
            )


def test_the_overlay_is_pythons(runner, model, model_path, tmp_path):
    array = random_radiograph((64, 48), np.uint8)
    np.save(tmp_path / "radiograph.npy", array)
    (radiograph,) = radiographs(run(runner, model_path, tmp_path / "radiograph.npy", "--out", tmp_path))
    heatmap = resize(np.load(radiograph["heatmap_npy"]), array.shape, filter="bilinear")
    levels = np.rint(heatmap * (255.0 / np.load(radiograph["heatmap_npy"]).max())).clip(0, 255).astype(np.uint8)
    with Image.open(radiograph["overlay_png"]) as picture:
        assert picture.mode == "RGB"
        difference = np.abs(np.asarray(picture).astype(int) - blend(array, levels))
    # A level that falls between two may be rounded to either.
    assert difference.max() <= 8 and (difference > 0).mean() < 0.01


def test_precisions(runner, model_path, tmp_path):
    np.save(tmp_path / "radiograph.npy", random_radiograph((40, 40), np.uint16))
    answers = {}
    for precision in ("exported", "fp32", "bf16"):
        out = tmp_path / precision
        (radiograph,) = radiographs(
            run(runner, model_path, tmp_path / "radiograph.npy", "--precision", precision, "--out", out)
        )
        answers[precision] = np.load(radiograph["heatmap_npy"])
    np.testing.assert_array_equal(answers["exported"], answers["fp32"])
    np.testing.assert_allclose(answers["bf16"], answers["fp32"], atol=2e-2)
    assert (answers["bf16"] != answers["fp32"]).any()
