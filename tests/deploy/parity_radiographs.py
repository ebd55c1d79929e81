"""Radiographs of every kind, and the engines that predict them, for comparing the engines."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import torch
from deploy.c_library import CLibrary, CPredictor, radiograph_of
from deploy.scripted_models import packed
from imaging.dicom_radiographs import write_dicom
from PIL import Image
from pydicom.uid import ImplicitVRLittleEndian, JPEGLosslessSV1, JPEGLSLossless, RLELossless
from torch import nn

from egaze.deploy import Predictor, torchscript
from egaze.deploy.archive import members_of
from egaze.deploy.export import ExportedModel
from egaze.imaging import Canvas, read_radiograph, to_input
from egaze.models import DualHeadUNet

Answers = tuple[np.ndarray, np.ndarray]  # (N, C) probabilities and (N, H, W) heatmaps

#: How a radiograph is stored: kind, bits, MONOCHROME1 or not, transfer syntax.
STORED = [
    ("npy", 8, False, None),
    ("npy", 16, False, None),
    ("npy", 32, False, None),
    ("png", 8, False, None),
    ("png", 16, False, None),
    ("dicom", 8, False, None),
    ("dicom", 10, True, RLELossless),
    ("dicom", 12, False, JPEGLosslessSV1),
    ("dicom", 12, True, ImplicitVRLittleEndian),
    ("dicom", 14, True, JPEGLSLossless),
    ("dicom", 16, False, None),
]


EPOCHS, RATE = 5, 2e-3


def write_radiographs(folder: Path, count: int, kinds: set[str]) -> tuple[list[Path], np.ndarray]:
    """Write radiographs of various sizes, depths and polarities. The label is the position of the bright disc."""
    rng = np.random.default_rng(7)
    stored = [each for each in STORED if each[0] in kinds]
    paths, labels = [], rng.integers(0, 3, count)
    for i, label in enumerate(labels):
        kind, bits, inverted, syntax = stored[i % len(stored)]
        height, width = rng.integers(40, 400, 2)
        picture = _picture(rng, int(height), int(width), int(label))
        paths.append(_write(folder / f"{i:03d}", picture, kind, bits, inverted, syntax))
    return paths, labels


def _picture(rng: np.random.Generator, height: int, width: int, label: int) -> np.ndarray:
    """Draw a smooth field with noise and a disc of low or high contrast, (H, W) float32 in [0, 1]."""
    coarse = Image.fromarray(rng.random((5, 5), dtype=np.float32))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) * 0.5
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None]
    disc = (y - 0.5) ** 2 + (x - (0.2, 0.5, 0.8)[label]) ** 2 < 0.02
    noise = rng.normal(0, 0.03, (height, width))
    return np.clip(smooth + rng.uniform(0.3, 0.8) * disc + noise, 0, 1).astype(np.float32)


def _write(stem: Path, picture: np.ndarray, kind: str, bits: int, inverted: bool, syntax: str | None) -> Path:
    values = picture if bits == 32 else (picture * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    if kind == "npy":
        np.save(stem.with_suffix(".npy"), values)
        return stem.with_suffix(".npy")
    if kind == "png":
        Image.fromarray(values).save(stem.with_suffix(".png"))
        return stem.with_suffix(".png")
    sense = "MONOCHROME1" if inverted else "MONOCHROME2"
    coding = {} if syntax is None else {"syntax": syntax}
    window = {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits * 3 // 4} if bits % 4 == 0 else {}
    return write_dicom(stem.with_suffix(".dcm"), values, bits=bits, PhotometricInterpretation=sense, **window, **coding)


def place(radiographs: list[Path], fit: str, canvas_shape: tuple[int, int], shape: tuple[int, int]) -> torch.Tensor:
    """Read and place radiographs in Python, (N, 1, H, W)."""
    canvas = Canvas(*canvas_shape, fit)
    placed = [to_input(canvas.place(read_radiograph(radiograph)), shape) for radiograph in radiographs]
    return torch.from_numpy(np.stack(placed))[:, None]


def teach(model: DualHeadUNet, images: torch.Tensor, labels: np.ndarray) -> None:
    """Train for a few epochs to classify and to draw the discs.

    Predictions of random weights would tell little, because those multiply rounding errors more than trained ones.
    """
    y, x = torch.meshgrid(*(torch.linspace(0, 1, side) for side in images.shape[2:]), indexing="ij")
    discs = [torch.exp(-((y - 0.5) ** 2 + (x - centre) ** 2) / (2 * 0.1**2)) for centre in (0.2, 0.5, 0.8)]
    maps, places = torch.stack(discs)[:, None], torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(model.parameters(), RATE)
    generator = torch.Generator().manual_seed(0)
    order = [part for _ in range(EPOCHS) for part in torch.randperm(len(images), generator=generator).split(25)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=len(order))
    model.train()
    for part in order:
        output = model(images[part].contiguous(memory_format=torch.channels_last))
        loss = nn.functional.cross_entropy(output.class_logits, places[part])
        loss += nn.functional.binary_cross_entropy_with_logits(output.heatmap_logits, maps[places[part]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()


def export(path: Path, model: DualHeadUNet, shape: tuple[int, int], precision: str = "fp32", **spec: object) -> Path:
    """Export a model in the way that `export_torchscript` exports a run."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    exported = ExportedModel(model.eval(), "softmax")
    members = members_of(torchscript.script(exported, dtype, input_shape=shape))
    if exported.has_class_heatmaps:
        spec = {"format_version": 5, "class_heatmaps": True, **spec}
    path.write_bytes(packed(members, precision=precision, input_height_px=shape[0], input_width_px=shape[1], **spec))
    return path


def by_module(module: nn.Module, images: torch.Tensor) -> Answers:
    """Predict with an eager or a scripted module, one radiograph at a time."""
    with torch.inference_mode():
        answers = [module(image[None])[:2] for image in images]
    return np.concatenate([probs for probs, _ in answers]), np.concatenate([heatmap[:, 0] for _, heatmap in answers])


def by_python(path: Path, radiographs: list[Path]) -> Answers:
    predictor = Predictor(path)
    answers = [predictor.predict(radiograph) for radiograph in radiographs]
    return np.stack([answer.class_probs for answer in answers]), np.stack([answer.heatmap for answer in answers])


def by_runner(runner: Path, path: Path, radiographs: list[Path], out: Path, *options: object) -> Answers:
    command = [runner, path, *radiographs, "--out", out, *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)["predictions"]
    assert [answer["image"] for answer in answers] == [str(radiograph) for radiograph in radiographs]
    probs = np.array([list(answer["class_probs"].values()) for answer in answers], np.float32)
    return probs, np.stack([np.load(answer["heatmap_npy"]) for answer in answers])


def by_c_files(library: CLibrary, path: Path, radiographs: list[Path]) -> Answers:
    """Predict with C's egaze_predict_file, which uses the C++ predictor and the C++ radiograph reader."""
    predictor = CPredictor(library, path)
    answers = []
    for radiograph in radiographs:
        probs, heatmap = predictor.answers()
        name = str(radiograph).encode()
        status = predictor.lib.egaze_predict_file(predictor.handle, name, probs.ctypes.data, heatmap.ctypes.data)
        assert status == 0, library.error()
        answers.append((probs, heatmap))
    predictor.close()
    return np.concatenate([probs for probs, _ in answers]), np.concatenate([heatmap for _, heatmap in answers])


def by_c_arrays(library: CLibrary, path: Path, radiographs: list[Path], batch: int = 1) -> Answers:
    """Predict with C's egaze_predict on pixels that Python reads, which uses the C++ predictor only."""
    predictor = CPredictor(library, path)
    answers = []
    for start in range(0, len(radiographs), batch):
        pixels = [read_radiograph(radiograph).pixels for radiograph in radiographs[start : start + batch]]
        answers.append(predictor.predict(*map(radiograph_of, pixels)))
    predictor.close()
    return np.concatenate([probs for probs, _ in answers]), np.concatenate([heatmap for _, heatmap in answers])
