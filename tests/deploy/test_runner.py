"""egaze-run against the same preprocessing and the same module in Python."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import places
import pytest
import torch
from deploy.scripted_models import CLASS_NAMES, expected, make_model, packed, read_spec, save_model
from PIL import Image
from torch import Tensor, nn

from egaze import resize
from egaze.pictures.colours import blend

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def model() -> torch.jit.ScriptModule:
    return make_model()


@pytest.fixture
def model_path(model: torch.jit.ScriptModule, tmp_path: Path) -> Path:
    return save_model(tmp_path / "model.pt", model)


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

    path = save_model(tmp_path / "model.pt", make_model(Ramp()), fit="letterbox", input_height_px=64, input_width_px=64)
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


def test_kinds_that_this_build_lacks_are_named(runner, formats, model_path, tmp_path):
    beginnings = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff\xe0", "dicom": bytes(128) + b"DICM"}
    assert formats["npy"] == "yes"
    assert set(formats) == {"npy", *beginnings}
    for kind, beginning in beginnings.items():
        image = tmp_path / f"radiograph.{kind}"
        image.write_bytes(beginning)
        done = run(runner, model_path, image, code=1)
        (radiograph,) = radiographs(done)
        assert str(image) in radiograph["error"]
        if formats[kind] != "yes":
            assert "apt-get install" in radiograph["error"] and "apt-get install" in formats[kind]


def test_a_bad_radiograph_does_not_stop_the_others(runner, model_path, tmp_path):
    good = tmp_path / "good.npy"
    np.save(good, random_radiograph((40, 40), np.uint8))
    bad = tmp_path / "bad.npy"
    bad.write_bytes(good.read_bytes()[:-1])
    strange = tmp_path / 'strange "n\u00e4me".npy'
    np.save(strange, np.zeros((3, 3, 3), np.uint8))
    missing = tmp_path / "missing.npy"
    done = run(runner, model_path, good, bad, strange, missing, good, code=1)
    first, second, third, fourth, last = radiographs(done)
    assert first["class_probs"] == last["class_probs"]
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    for radiograph, path, line in zip((second, third, fourth), (bad, strange, missing), lines, strict=True):
        assert radiograph["image"] == str(path)
        assert str(path) in radiograph["error"] and radiograph["error"] in line
        assert "class_probs" not in radiograph


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
        ({"format_version": 4}, "format version 4"),
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
    class Wrong(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            return torch.zeros(image.shape[0], 2), image

    class NotFinite(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            return torch.zeros(image.shape[0], 3) / 0.0, image

    class Raises(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            assert image.shape[0] > 99, "too few radiographs"
            return torch.zeros(image.shape[0], 3), image

    image = tmp_path / "radiograph.npy"
    np.save(image, np.zeros((8, 8), np.uint8))
    for module, message in [(Wrong(), "[1, 2]"), (NotFinite(), "finite"), (Raises(), "too few radiographs")]:
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


def test_usage(runner, model_path, tmp_path):
    for words in (
        [],
        [model_path],
        [model_path, "a.npy", "--nonsense"],
        [model_path, "a.npy", "--threads", "0"],
        [model_path, "a.npy", "--batch=x"],
        [model_path, "a.npy", "--precision", "int8"],
    ):
        done = run(runner, *words, code=2)
        assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and "--help" in done.stderr
    assert run(runner, "--help").stdout.startswith("usage: egaze-run MODEL IMAGE...")
    version = run(runner, "--version").stdout
    assert torch.__version__.split("+")[0] in version and "npy: yes" in version
    image = tmp_path / "radiograph.npy"
    np.save(image, np.zeros((8, 8), np.uint8))
    assert "toaster" in run(runner, model_path, image, "--device", "toaster", code=1).stderr


@pytest.mark.parametrize("place", places.REFUSED["folder"])
def test_out_is_looked_at_first(runner, tmp_path, permissions, place):
    """As `egaze`'s commands do: see tests/cli/test_out.py."""
    out, before = places.made(place, tmp_path)
    done = run(runner, tmp_path / "none.pt", tmp_path / "none.npy", "--out", out, code=1)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"egaze-run: {out}: cannot write: ")
    assert places.content(tmp_path) == before


def test_a_full_disk_is_told_once_and_answers_are_given(runner, model_path, tmp_path):
    """The largest file that may be written stands for the room that is left."""
    resource = pytest.importorskip("resource")
    for name in ("a", "b", "c"):
        np.save(tmp_path / f"{name}.npy", random_radiograph((80, 60), np.uint8))
    done = subprocess.run(
        [runner, model_path, *sorted(tmp_path.glob("?.npy")), "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        timeout=120,
        restore_signals=False,  # the program is told that the file is too large, and not ended
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
    )
    assert done.returncode == 1 and [len(radiograph["class_probs"]) for radiograph in radiographs(done)] == [3, 3, 3]
    assert done.stderr.splitlines() == [
        f"egaze-run: {tmp_path / 'out' / 'a_heatmap.npy'}: cannot be written: File too large",
        "egaze-run: heatmaps of 3 of 3 radiographs could not be written",
    ]
    assert not list((tmp_path / "out").iterdir())


def test_no_folder_is_left_by_a_model_that_is_not_there(runner, tmp_path):
    assert (
        "none.pt" in run(runner, tmp_path / "none.pt", tmp_path / "none.npy", "--out", tmp_path / "out", code=1).stderr
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_without_a_device_is_one_line(runner, model_path, tmp_path):
    image = tmp_path / "radiograph.npy"
    np.save(image, np.zeros((8, 8), np.uint8))
    done = run(runner, model_path, image, "--device", "cuda", code=1)
    (line,) = done.stderr.splitlines()
    assert "cuda" in line


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


def test_folders_and_patterns(runner, model_path, tmp_path):
    root = tmp_path / "radiographs"
    names = ["b.npy", "a.npy", "deep/er/c.npy", "deep/.hidden/d.npy", ".e.npy"]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(root / name, np.zeros((4, 4), np.uint8))
    odd = root / "[1].npy"  # a name that is a pattern too
    np.save(odd, np.zeros((4, 4), np.uint8))

    def found(*words: object) -> list[str]:
        return [radiograph["image"] for radiograph in radiographs(run(runner, model_path, *words))]

    assert found(root) == [str(odd), *(str(root / name) for name in ("a.npy", "b.npy", "deep/er/c.npy"))]
    assert found(root / "?.npy", root / "b.npy") == [str(root / name) for name in ("a.npy", "b.npy", "b.npy")]
    assert found(root / "d*") == [str(root / "deep/er/c.npy")]
    assert found(odd) == [str(odd)]
    (tmp_path / "empty").mkdir()
    done = run(runner, model_path, tmp_path / "empty", root / "z*.npy", code=1)
    assert [str(tmp_path / "empty") in done.stderr, "z*.npy" in done.stderr] == [True, True]


def test_a_table_says_what_the_json_says(runner, model_path, tmp_path):
    root = tmp_path / "radiographs"
    root.mkdir()
    for i, name in enumerate(["plain.npy", 'comma, "quote".npy', "bad.npy"]):
        np.save(root / name, random_radiograph((30, 20), np.uint16, seed=i))
    (root / "bad.npy").write_bytes(b"\x93NUMPY")
    said = radiographs(run(runner, model_path, root / "*.npy", "--out", tmp_path, code=1))
    done = run(runner, model_path, root / "*.npy", "--csv", "--out", tmp_path, code=1)
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert list(rows[0]) == [
        "image", *(f"prob_{name}" for name in CLASS_NAMES), "peak_x", "peak_y", "heatmap_npy", "heatmap_png",
        "overlay_png", "error", "notes",
    ]  # fmt: skip
    for row, radiograph in zip(rows, said, strict=True):
        assert row["image"] == radiograph["image"] and row["error"] == radiograph.get("error", "")
        assert [row["heatmap_npy"], row["overlay_png"]] == [
            radiograph.get("heatmap_npy", ""),
            radiograph.get("overlay_png", ""),
        ]
        probs = [row[f"prob_{name}"] for name in CLASS_NAMES]
        assert (
            probs == ["", "", ""]
            if "error" in radiograph
            else list(map(float, probs)) == list(radiograph["class_probs"].values())
        )
        if "error" not in radiograph:
            assert [float(row["peak_x"]), float(row["peak_y"])] == list(radiograph["heatmap_peak"].values())


def test_batches_answer_as_radiographs_do(runner, model_path, tmp_path):
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


def test_it_times_itself(runner, model_path, tmp_path):
    np.save(tmp_path / "radiograph.npy", random_radiograph((400, 400), np.uint16))
    (radiograph,) = radiographs(run(runner, model_path, tmp_path / "radiograph.npy"))
    times = json.loads(run(runner, model_path, tmp_path / "radiograph.npy", "--bench", 5, "--batch", 2).stdout)
    assert times["class_probs"] == list(radiograph["class_probs"].values())
    for name in ("read_s", "predict_s", "model_s"):
        low, median, high = (times[name][key] for key in ("quartile_low_s", "median_s", "quartile_high_s"))
        assert 0 < low <= median <= high < 10
    assert times["predict_s"]["median_s"] > times["read_s"]["median_s"] and times["load_s"] > 0
    assert 10 < times["peak_rss_mb"] < 4000
    missing = run(runner, model_path, tmp_path / "none.npy", "--bench", 5, code=1)
    assert missing.stdout == "" and len(missing.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no pseudo-terminals")
def test_progress_is_shown_to_people_alone(runner, model_path, tmp_path):
    root = tmp_path / "radiographs"
    root.mkdir()
    for i in range(3):
        np.save(root / f"{i}.npy", np.zeros((8, 8), np.uint8))
    assert run(runner, model_path, root).stderr == ""
    try:
        terminal, end = os.openpty()
    except OSError as error:  # a chroot or a container without /dev/pts
        pytest.skip(f"this system gives no terminal: {error}")
    subprocess.run([runner, model_path, root], stdout=subprocess.DEVNULL, stderr=end, check=True, timeout=120)
    os.close(end)
    assert os.read(terminal, 1000).decode().replace("\r\n", "\n") == "".join(
        f"\r{done} of 3 radiographs" for done in (1, 2, 3)
    ) + "\n"  # fmt: skip
    os.close(terminal)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system does not show a process's environment")
@pytest.mark.parametrize("said", [None, "ACTIVE"])
def test_threads_wait_asleep_unless_the_environment_says_otherwise(runner, model, tmp_path, said):
    # OpenMP's library reads the variable before main begins, so it must be there from the start.
    path = save_model(tmp_path / "model.pt", model)
    np.save(tmp_path / "radiograph.npy", np.zeros((32, 24), np.float32))
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [runner, path, tmp_path / "radiograph.npy", "--bench", "1000000"]
    process = subprocess.Popen(command, env=environment | ({"OMP_WAIT_POLICY": said} if said else {}))
    try:
        expected = f"OMP_WAIT_POLICY={said or 'PASSIVE'}".encode()
        until = time.monotonic() + 20
        while expected not in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
