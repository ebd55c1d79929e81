"""Preparing radiographs compared with the EGD-CXR baseline's steps: 3056x2544 DICOM with 12 of 16 bits, and their gaze.

vs_baseline    the baseline's time per radiograph and heatmap, divided by our time per radiograph and its gaze. The
               baseline uses one thread, as it is written, and takes this time again in every epoch. Ours is
               `prepare_study` from tables to the finished study with two workers, and taken once. Fixed costs of a run,
               above all the start of interpreters, are excluded: the time per radiograph is the difference between a
               long and a short run, divided by the difference of their radiographs
images_per_s   our radiographs per second
mimic_hours    hours for the 377,110 radiographs of MIMIC-CXR at this rate, if the disk is fast enough (see
               input_mb_per_s in the details)
mimic_gb       size of their study on disk; twice that while it is made, if a radiograph is left out

The baseline reads a radiograph with SimpleITK, divides it by its largest value in float64, repeats it in three channels
and resizes it with imgaug, which calls OpenCV's cubic interpolation. It reads the heatmap, a PNG of the radiograph's
size in viridis colours, with Pillow and resizes it to grey. imgaug itself does not run with current NumPy. Both read
files from the page cache.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pydicom
import SimpleITK as sitk
from harness import Sampler, Turns, arguments, finish, rounded, take_turns
from matplotlib import colormaps
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from egaze import Fixations, rasterize_fixations
from egaze.imaging import Canvas
from egaze.sources import Table
from egaze.study import Study, prepare_study
from egaze.study.placing import place_radiograph

FULL = (3056, 2544)
SIZE_PX = 224
FIXATIONS = 60
WINDOW = (2048, 3500)
MIMIC_RADIOGRAPHS = 377_110
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def stored_values(seed: int) -> np.ndarray:
    """Make a 12-bit image that resembles a radiograph: smooth, with noise."""
    generator = np.random.default_rng(seed)
    coarse = generator.random((24, 20), dtype=np.float32)
    smooth = np.asarray(Image.fromarray(coarse).resize(FULL[::-1], Image.Resampling.BICUBIC))
    return np.clip(smooth * 3000 + generator.normal(0, 20, FULL) + 400, 0, 4095).astype(np.uint16)


def write_radiograph(path: Path, stored: np.ndarray) -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = f"2.25.{int(path.stem) + 1}"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.WindowCenter, dataset.WindowWidth = WINDOW
    dataset.PixelData = stored.tobytes()
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def gaze(seed: int) -> Fixations:
    generator = np.random.default_rng(seed)
    x, y = (generator.uniform(0, side, FIXATIONS) for side in FULL[::-1])
    return Fixations(x, y, generator.lognormal(-1.2, 0.5, FIXATIONS))


def write_heatmap(path: Path, fixations: Fixations) -> None:
    """Write the heatmap file that the baseline's code expects for a radiograph."""
    unit = rasterize_fixations(fixations, FULL, sigma_px=150, weight="count", normalize="max")
    colours = colormaps["viridis"](unit, bytes=True)[..., :3]
    Image.fromarray(np.ascontiguousarray(colours)).save(path, compress_level=6)


def write_tables(folder: Path, radiographs: int, distinct: int) -> None:
    """Write a table of the given number of radiographs and one of their gaze, using few files under many names."""
    folder.mkdir()
    names = [f"{number:06d}.dcm" for number in range(radiographs)]
    for number, name in enumerate(names):
        (folder / name).hardlink_to(folder.parent / f"{number % distinct}.dcm")
    pl.DataFrame({"case_id": names, "image": names, "patient_id": names}).write_csv(folder / "cases.csv")
    parts = []
    for number, name in enumerate(names):
        fixations = gaze(number % distinct)
        parts.append(
            pl.DataFrame({"x_px": fixations.x_px, "y_px": fixations.y_px, "duration_s": fixations.duration_s}).select(
                pl.lit(name).alias("case_id"), pl.all()
            )
        )
    pl.concat(parts).write_csv(folder / "fixations.csv")


def baseline_radiograph(path: Path) -> np.ndarray:
    """Return (3, 224, 224) float32, before normalisation, which is measured for neither."""
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    image = np.moveaxis(image / np.max(image), 0, -1)
    image = np.repeat(image, 3, axis=-1)
    image = cv2.resize(image, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
    return image.transpose(2, 0, 1).astype(np.float32)


def baseline_heatmap(path: Path) -> np.ndarray:
    """Return (1, 224, 224) float32 in [0, 1]."""
    picture = Image.open(path).convert("RGB").resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR)
    return np.asarray(picture.convert("L"), dtype=np.float32)[None] / 255.0


def ours(folder: Path, workers: int) -> tuple[float, Study]:
    """Return the seconds from tables to a finished study."""
    out = folder / "study"
    shutil.rmtree(out, ignore_errors=True)
    started_s = time.perf_counter()
    study = prepare_study(
        [Table(folder / "cases.csv", folder / "fixations.csv")], out, size_px=SIZE_PX, workers=workers
    )
    return time.perf_counter() - started_s, study


def area_mean(size: int) -> np.ndarray:
    """Return (224, size) float64 weights by definition."""
    scale = size / SIZE_PX
    i, j = np.arange(SIZE_PX)[:, None], np.arange(size)[None]
    return np.clip(np.minimum((i + 1) * scale, j + 1) - np.maximum(i * scale, j), 0, None) / scale


def check(study: Study, radiographs: list[Path]) -> float:
    """Compare every distinct radiograph with its definition in float64; returns the largest error in 16-bit steps."""
    centre, width = WINDOW
    furthest = 0.0
    for number, radiograph in enumerate(radiographs):
        stored = pydicom.dcmread(radiograph).pixel_array.astype(np.float64)
        shown = np.clip((stored - (centre - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)
        expected = area_mean(FULL[0]) @ shown @ area_mean(FULL[1]).T * 65_535
        for row in range(number, len(study), len(radiographs)):
            furthest = max(furthest, float(np.abs(study.images[row] - expected).max()))
        found, fixations = study.fixations(number, SIZE_PX), gaze(number)
        np.testing.assert_allclose(found.x_px, (fixations.x_px + 0.5) * SIZE_PX / FULL[1] - 0.5, atol=1e-3)
    assert furthest < 0.6, furthest
    return furthest


def check_baseline(radiographs: list[Path], heatmaps: list[Path]) -> None:
    for radiograph, heatmap in zip(radiographs, heatmaps, strict=True):
        image, target = baseline_radiograph(radiograph), baseline_heatmap(heatmap)
        assert image.shape == (3, SIZE_PX, SIZE_PX) and -0.1 < image.min() < 0.3 < 0.6 < image.max() < 1.1
        assert target.shape == (1, SIZE_PX, SIZE_PX) and target.min() > 0.1 and 0.6 < target.max() < 0.86


def per_radiograph(short: Path, long: Path, workers: int) -> Sampler:
    """Return a sampler of the seconds per radiograph: the difference in time between a long and a short run, divided by
    the difference in radiographs."""

    def sample() -> float:
        (short_s, few), (long_s, many) = ours(short, workers), ours(long, workers)
        return (long_s - short_s) / (len(many) - len(few))

    return sample


def each(function: Callable[[Path], object], paths: list[Path]) -> Sampler:
    """Return a sampler of the seconds for one item; the function's result is freed at once, as in a worker."""

    def sample() -> float:
        started_s = time.perf_counter()
        for path in paths:
            function(path)
        return (time.perf_counter() - started_s) / len(paths)

    return sample


def bytes_of(study: Study) -> int:
    return sum(path.stat().st_size for path in study.path.iterdir())


def measure(folder: Path, quick: bool) -> tuple[Turns, dict[str, Any]]:
    distinct = 4 if quick else 12
    radiographs = [folder / f"{number}.dcm" for number in range(distinct)]
    heatmaps = [folder / f"{number}.png" for number in range(distinct)]
    for number, (radiograph, heatmap) in enumerate(zip(radiographs, heatmaps, strict=True)):
        write_radiograph(radiograph, stored_values(number))
        write_heatmap(heatmap, gaze(number))
    short, long = folder / "short", folder / "long"
    write_tables(short, distinct, distinct)
    write_tables(long, (20 if quick else 40) * distinct, distinct)

    check_baseline(radiographs, heatmaps)
    few, many = ours(short, 2)[1], ours(long, 2)[1]
    error = check(many, radiographs)
    radiograph_bytes = (bytes_of(many) - bytes_of(few)) / (len(many) - len(few))

    samplers = {
        "ours_two_workers": per_radiograph(short, long, 2),
        "ours_one_worker": per_radiograph(short, long, 1),
        "decode_and_place": each(lambda path: place_radiograph(path, Canvas.square(SIZE_PX)), radiographs),
        "read_file": each(Path.read_bytes, radiographs),
        "baseline_radiograph": each(baseline_radiograph, radiographs),
        "baseline_heatmap": each(baseline_heatmap, heatmaps),
    }
    turns = take_turns(samplers, 1 if quick else 9)
    return turns, {
        "error_of_65535": error,
        "radiographs": {"distinct": distinct, "short_run": len(few), "long_run": len(many)},
        "seconds_a_radiograph": turns.details(),
        "study_bytes_a_radiograph": radiograph_bytes,
        "input_mb_per_s": radiographs[0].stat().st_size / 1e6 / turns.median("ours_two_workers"),
    }


def main() -> None:
    quick = arguments(__doc__).quick
    cv2.setNumThreads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        turns, details = measure(Path(folder), quick)
    ours_s = turns.median("ours_two_workers")
    baseline = np.add(turns.seconds["baseline_radiograph"], turns.seconds["baseline_heatmap"])
    headline = {
        "vs_baseline": rounded(float(np.median(baseline / turns.seconds["ours_two_workers"]))),
        "images_per_s": rounded(1 / ours_s),
        "mimic_hours": rounded(MIMIC_RADIOGRAPHS * ours_s / 3600),
        "mimic_gb": rounded(MIMIC_RADIOGRAPHS * details["study_bytes_a_radiograph"] / 1e9),
    }
    packages = ["opencv-python-headless", "pillow", "pydicom", "simpleitk"]
    finish("prepare", headline, details, packages, quick=quick)


if __name__ == "__main__":
    main()
