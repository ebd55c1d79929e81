"""Resizing a full-size radiograph to 224x224, compared with OpenCV, Pillow, torch and memcpy, with one thread each.

area_over_memcpy   time of our area resize of 3056x2544 uint16, divided by that of a copy (smaller is better)
area_vs_opencv     time of OpenCV's INTER_AREA divided by ours
area_vs_pillow     time of Pillow's BOX divided by ours, both on uint16
area_vs_torch      time of torch's antialiased bilinear resize on float32, divided by our area resize on uint16; torch
                   takes float32 only, and has nothing closer to an area mean
bilinear_vs_torch  time of torch's antialiased bilinear resize on float32, divided by ours on uint16
bilinear_vs_pillow time of Pillow's BILINEAR divided by ours, both on uint16
float_area_vs_pillow, float_bilinear_vs_pillow, float_bilinear_vs_torch
                   the same, all on float32, which has twice the bytes and is limited by memory bandwidth
two_threads        time with one thread divided by the time with two, area resize on uint16
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from harness import arguments, finish, one_thread_for_rivals, per_call, take_turns, timed
from PIL import Image

from egaze import resize

FULL = (3056, 2544)
OUT = (224, 224)


def radiograph() -> np.ndarray:
    """Make an image that resembles a radiograph: smooth, with 12-bit noise."""
    generator = np.random.default_rng(0)
    coarse = generator.random((24, 20), dtype=np.float32)
    smooth = np.asarray(Image.fromarray(coarse).resize(FULL[::-1], Image.Resampling.BICUBIC))
    return np.clip(smooth * 40_000 + generator.normal(0, 300, FULL) + 8_000, 0, 65_535).astype(np.uint16)


def weights(size: int, out: int, filter: str) -> np.ndarray:
    """Return (out, size) float64 weights by definition."""
    scale = size / out
    i, j = np.arange(out)[:, None], np.arange(size)[None]
    if filter == "area":
        matrix = np.clip(np.minimum((i + 1) * scale, j + 1) - np.maximum(i * scale, j), 0, None)
    else:
        matrix = np.clip(1 - np.abs(j + 0.5 - (i + 0.5) * scale) / max(scale, 1.0), 0, None)
    return matrix / matrix.sum(axis=1, keepdims=True)


def exact(image: np.ndarray, filter: str) -> np.ndarray:
    return weights(FULL[0], OUT[0], filter) @ image.astype(np.float64) @ weights(FULL[1], OUT[1], filter).T


def check(found: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """Return the largest error as a fraction of the 16-bit range, after checking that it is within tolerance."""
    error = float(np.abs(found.astype(np.float64) - expected).max() / 65_535)
    assert error < tolerance, error
    return error


def main() -> None:
    quick = arguments(__doc__).quick
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    image = radiograph()
    as_float = image.astype(np.float32)
    stored_picture, picture, tensor = (
        Image.fromarray(image),
        Image.fromarray(as_float),
        torch.from_numpy(as_float)[None, None],
    )
    copy = np.empty_like(image)

    calls = {
        "memcpy": lambda: np.copyto(copy, image),
        "area_uint16": lambda: resize(image, OUT, out_dtype=np.float32),
        "area_uint16_two_threads": lambda: resize(image, OUT, out_dtype=np.float32, threads=2),
        "area_float32": lambda: resize(as_float, OUT),
        "bilinear_float32": lambda: resize(as_float, OUT, filter="bilinear"),
        "bilinear_uint16": lambda: resize(image, OUT, filter="bilinear", out_dtype=np.float32),
        "opencv_area_uint16": lambda: cv2.resize(image, OUT[::-1], interpolation=cv2.INTER_AREA),
        "pillow_box_uint16": lambda: np.asarray(stored_picture.resize(OUT[::-1], Image.Resampling.BOX)),
        "pillow_bilinear_uint16": lambda: np.asarray(stored_picture.resize(OUT[::-1], Image.Resampling.BILINEAR)),
        "pillow_box_float32": lambda: np.asarray(picture.resize(OUT[::-1], Image.Resampling.BOX)),
        "pillow_bilinear_float32": lambda: np.asarray(picture.resize(OUT[::-1], Image.Resampling.BILINEAR)),
        "torch_bilinear_float32": lambda: torch.nn.functional.interpolate(
            tensor, size=OUT, mode="bilinear", antialias=True, align_corners=False
        )[0, 0].numpy(),
    }
    area, bilinear = exact(image, "area"), exact(image, "bilinear")
    errors = {
        "area_uint16": check(calls["area_uint16"](), area, 1e-5),
        "area_float32": check(calls["area_float32"](), area, 1e-5),
        "bilinear_float32": check(calls["bilinear_float32"](), bilinear, 1e-5),
        "bilinear_uint16": check(calls["bilinear_uint16"](), bilinear, 1e-5),
        "bilinear_float32_from_torch": check(calls["bilinear_float32"](), calls["torch_bilinear_float32"](), 1e-4),
        # OpenCV rounds to integers; Pillow's BOX weighs whole pixels only, so it is a coarser area mean.
        "opencv_area_uint16": check(calls["opencv_area_uint16"](), area, 2e-5),
        "pillow_box_uint16": check(calls["pillow_box_uint16"](), area, 1e-2),
        "pillow_bilinear_uint16": check(calls["pillow_bilinear_uint16"](), bilinear, 1e-4),
        "pillow_box_float32": check(calls["pillow_box_float32"](), area, 1e-2),
        "pillow_bilinear_float32": check(calls["pillow_bilinear_float32"](), bilinear, 1e-4),
    }
    turns = take_turns({name: per_call(call) for name, call in calls.items()}, 9 if quick else 41)
    headline = {
        "area_over_memcpy": turns.ratio("area_uint16", "memcpy"),
        "area_vs_opencv": turns.ratio("opencv_area_uint16", "area_uint16"),
        "area_vs_pillow": turns.ratio("pillow_box_uint16", "area_uint16"),
        "area_vs_torch": turns.ratio("torch_bilinear_float32", "area_uint16"),
        "bilinear_vs_torch": turns.ratio("torch_bilinear_float32", "bilinear_uint16"),
        "bilinear_vs_pillow": turns.ratio("pillow_bilinear_uint16", "bilinear_uint16"),
        "float_area_vs_pillow": turns.ratio("pillow_box_float32", "area_float32"),
        "float_bilinear_vs_torch": turns.ratio("torch_bilinear_float32", "bilinear_float32"),
        "float_bilinear_vs_pillow": turns.ratio("pillow_bilinear_float32", "bilinear_float32"),
        "two_threads": turns.ratio("area_uint16", "area_uint16_two_threads"),
    }
    details: dict[str, Any] = {"errors_of_range": errors, "times": turns.details()}
    if not quick:
        details["scaling"] = [
            {"out_px": out, **timed(lambda out=out: resize(image, (out, out), out_dtype=np.float32), repeats=21)}
            for out in (32, 64, 128, 224, 448, 896, 1792)
        ]
    finish("resize", headline, details, ["opencv-python-headless", "pillow", "torch"], quick=quick)


if __name__ == "__main__":
    one_thread_for_rivals()
    main()
