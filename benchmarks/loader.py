"""The loader compared with torch's DataLoader, on a synthetic study of 1,083 images of 224x224 with 45 fixations each.

vs_dataloader         our samples per second divided by those of torch.utils.data.DataLoader(num_workers=2) with
                      torchvision's v2 transforms on images and finished heatmaps in memory; batch 32, all augmentations
vs_dataloader_packed  the same, with image and heatmap transformed as two channels of one picture, which is faster
vs_baseline           the same, for a loader that reads files like the EGD-CXR baseline's: decode, resize, two workers
samples_per_s         our samples per second, two threads
rss_growth_mb         growth of resident memory from the third to the last of 100 epochs
wait_share            fraction of a training step of recipe `joint`, batch 32, that is spent waiting for data
startup_ms            time from a new loader to its first batch

On a CUDA device also: copy_gb_per_s, the rate of copies from pinned memory, and copy_hidden, the fraction of a copy's
time during which the step computes.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from harness import Sampler, Turns, arguments, finish, rounded, take_turns
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from egaze import rasterize_batch
from egaze.loading import Augmentation, DeviceLoader
from egaze.sources import Table
from egaze.study import Study, prepare_study
from egaze.targets import FixationHeatmap
from egaze.training import load_recipe
from egaze.training.losses import training_losses
from egaze.training.run import build_model

RADIOGRAPHS, SIDE, FIXATIONS, BATCH, THREADS = 1083, 224, 45, 32, 2
EVERYTHING = Augmentation(shear_deg=3, gamma=0.2, noise=0.02, cutouts=1)
TARGET = FixationHeatmap()


def smooth_radiograph(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Make an image that resembles a radiograph: smooth, with some noise."""
    coarse = generator.random((12, 10), dtype=np.float32)
    smooth = np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))
    return np.clip(smooth * 50_000 + generator.normal(8_000, 500, shape), 0, 65_535).astype(np.uint16)


def make_study(folder: Path, radiographs: int = RADIOGRAPHS, side: int = SIDE) -> Study:
    """Save images as arrays and prepare a study of them."""
    generator = np.random.default_rng(0)
    labels = ["Normal", "CHF", "pneumonia"]
    names = [f"case{number:04}" for number in range(radiographs)]
    for name in names:
        np.save(folder / f"{name}.npy", smooth_radiograph(generator, (side, side)))
    pl.DataFrame(
        {
            "case_id": names,
            "image": [f"{name}.npy" for name in names],
            "patient_id": names,
            "label": [labels[number % 3] for number in range(radiographs)],
        }
    ).write_csv(folder / "cases.csv")
    counts = generator.poisson(FIXATIONS, radiographs).clip(min=1)
    total, margin = int(counts.sum()), min(20, side // 4)
    pl.DataFrame(
        {
            "case_id": np.repeat(names, counts),
            "x_px": generator.uniform(margin, side - margin, total),
            "y_px": generator.uniform(margin, side - margin, total),
            "duration_s": generator.lognormal(-1.2, 0.5, total),
        }
    ).write_csv(folder / "fixations.csv")
    return prepare_study(
        [Table(folder / "cases.csv", folder / "fixations.csv")], folder / "study", size_px=side, workers=2
    )


def ours(study: Study, **options: Any) -> DeviceLoader:
    defaults = {
        "batch_size": BATCH,
        "size_px": study.image_size_px,
        "target": TARGET,
        "augmentation": EVERYTHING,
        "shuffle": True,
    }
    return DeviceLoader(study, np.arange(len(study)), **{**defaults, "threads": THREADS, **options})


class InMemory(Dataset):
    """The best case for the alternative: everything is decoded, resized and rasterized beforehand."""

    transform: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]] | None = None

    def __init__(self, study: Study) -> None:
        radiographs = np.asarray(study.images).astype(np.float32) / np.float32(65535)
        side = study.image_size_px
        heatmaps = rasterize_batch(
            [study.fixations(case, side) for case in range(len(study))],
            (side, side),
            sigma_px=TARGET.sigma_frac * side,
            normalize="max",
        )
        self.pairs = torch.from_numpy(np.stack([radiographs, heatmaps], axis=1))
        self.labels = torch.from_numpy(study.labels.values)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        pair = self.pairs[index]
        image, heatmap = (pair[:1], pair[1:]) if self.transform is None else self.transform(pair)
        return image, heatmap, self.labels[index]


class Transform:
    """Our augmentation by torchvision's transforms, without gamma, which torchvision lacks.

    Args:
        packed: whether image and heatmap are transformed as two channels of one picture, which is faster, instead of as
            two pictures, as in torchvision's documentation.
    """

    def __init__(self, *, packed: bool = False) -> None:
        self.packed = packed
        self.move = v2.RandomAffine(
            10, translate=(0.05, 0.05), scale=(0.9, 1.1), shear=3, interpolation=v2.InterpolationMode.BILINEAR
        )
        self.expose = v2.Compose(
            [v2.ColorJitter(brightness=0.1, contrast=0.2), v2.GaussianNoise(sigma=0.02), v2.RandomErasing(p=1.0)]
        )

    def __call__(self, pair: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.packed:
            pair = self.move(pair)
            return self.expose(pair[:1]), pair[1:]
        image, heatmap = self.move(tv_tensors.Image(pair[:1]), tv_tensors.Image(pair[1:]))
        return self.expose(image), heatmap


class OnFiles(Dataset):
    """A data set like the baseline's, which decodes and resizes DICOM and heatmap PNG for every sample."""

    def __init__(
        self,
        folder: Path,
        radiographs: int,
        side: int = SIDE,
        shape: tuple[int, int] = (3056, 2544),
        repeats: int = 2,
    ) -> None:
        self.side, self.repeats = side, repeats
        generator = np.random.default_rng(1)
        self.paths = [
            (folder / f"radiograph{number}.dcm", folder / f"heat{number}.png") for number in range(radiographs)
        ]
        for radiograph, heatmap in self.paths:
            if radiograph.exists() and heatmap.exists():
                continue
            pixels = smooth_radiograph(generator, shape)
            write_dicom(radiograph, pixels)
            colours = np.stack([pixels >> 8, pixels >> 9, pixels >> 10], axis=2).astype(np.uint8)
            Image.fromarray(colours).save(heatmap)
        self.resize = v2.Resize((side, side), antialias=True)

    def __len__(self) -> int:
        return self.repeats * len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        from pydicom import dcmread

        radiograph, heatmap = self.paths[index % len(self.paths)]
        pixels = dcmread(radiograph).pixel_array.astype(np.float32)
        image = self.resize(torch.from_numpy(pixels / pixels.max())[None])
        grey = Image.open(heatmap).resize((self.side, self.side)).convert("L")
        return image, torch.from_numpy(np.asarray(grey, dtype=np.float32) / 255)[None], 0


def write_dicom(path: Path, pixels: np.ndarray) -> None:
    from pydicom.dataset import Dataset as Dicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    radiograph = Dicom()
    radiograph.file_meta = FileMetaDataset()
    radiograph.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    radiograph.file_meta.MediaStorageSOPClassUID = radiograph.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    radiograph.file_meta.MediaStorageSOPInstanceUID = radiograph.SOPInstanceUID = generate_uid()
    radiograph.Rows, radiograph.Columns = pixels.shape
    radiograph.BitsAllocated = radiograph.BitsStored = 16
    radiograph.HighBit, radiograph.SamplesPerPixel, radiograph.PixelRepresentation = 15, 1, 0
    radiograph.PhotometricInterpretation = "MONOCHROME2"
    radiograph.PixelData = pixels.tobytes()
    radiograph.save_as(path, enforce_file_format=True)


def check(study: Study, rival: InMemory) -> dict[str, float]:
    """Check what is timed: our samples against the definition, and the alternative's against ours."""
    plain = ours(study, augmentation=None, shuffle=False)
    image_error = heatmap_error = 0.0
    side, samples = study.image_size_px, min(BATCH, len(study))
    for batch in islice(plain, 4):
        for case, image, heatmap in zip(batch.case_index.tolist(), batch.image, batch.heatmap, strict=True):
            their_image, their_heatmap, label = rival[case]
            image_error = max(image_error, float((image - their_image).abs().max()))
            heatmap_error = max(heatmap_error, float((heatmap - their_heatmap).abs().max()))
            assert label == study.labels.values[case]
    assert image_error < 1e-5 and heatmap_error < 1e-4, (image_error, heatmap_error)
    still = replace(EVERYTHING, gain=0.0, bias=0.0, gamma=0.0, noise=0.0, cutouts=0)
    batch = next(iter(ours(study, augmentation=still, shuffle=False)))
    views = still.draw(0, 0, batch.case_index.numpy()).to_image_px(side, side).astype(np.float64)
    spots = TARGET.for_batches(study, study.image_size_px).fixations[:, :5].astype(np.float64)
    y, x = np.mgrid[:side, :side]
    moved_error = 0.0
    for case, to_image, heatmap in zip(range(4), views, batch.heatmap[:, 0].numpy(), strict=False):
        x_image = to_image[0, 0] * x + to_image[0, 1] * y + to_image[0, 2]
        y_image = to_image[1, 0] * x + to_image[1, 1] * y + to_image[1, 2]
        expected = np.zeros((side, side))
        for spot_x, spot_y, weight, sigma, _ in spots[study.offsets[case] : study.offsets[case + 1]]:
            expected += weight * np.exp(-0.5 * ((x_image - spot_x) ** 2 + (y_image - spot_y) ** 2) / sigma**2)
        moved_error = max(moved_error, float(np.abs(heatmap - expected / expected.max()).max()))
    # Gaussians end at four sigmas.
    assert moved_error < 2e-3, moved_error
    rival.transform = Transform()
    images = next(iter(DataLoader(rival, BATCH)))[0]
    assert images.shape == (samples, 1, side, side) and images.dtype == torch.float32
    return {"image": image_error, "heatmap": heatmap_error, "moved_heatmap": moved_error}


def epochs(loader: Iterable[Any], samples: int, count: int = 1) -> Sampler:
    """Return a sampler of the seconds per sample over `count` epochs, after one epoch of warm-up."""
    for _batch in loader:
        pass

    def sample() -> float:
        started = time.perf_counter()
        for _ in range(count):
            for _batch in loader:
                pass
        return (time.perf_counter() - started) / (count * samples)

    return sample


def rates(study: Study, folder: Path, quick: bool) -> Turns:
    def rival(*, packed: bool) -> Sampler:
        memory = InMemory(study)
        memory.transform = Transform(packed=packed)
        loader = DataLoader(memory, BATCH, shuffle=True, num_workers=2, persistent_workers=True, drop_last=True)
        return epochs(loader, len(study) // BATCH * BATCH)

    files = OnFiles(folder, 4 if quick else 16)
    baseline = DataLoader(files, 8, shuffle=True, num_workers=2, persistent_workers=True)
    rivals = {
        "ours": epochs(ours(study), len(study), 10),
        "dataloader": rival(packed=False),
        "dataloader_packed": rival(packed=True),
        "baseline": epochs(baseline, len(files)),
    }
    return take_turns(rivals, 1 if quick else 7)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def growth(study: Study, epochs: int) -> dict[str, float]:
    loader = ours(study)
    sizes = []
    for epoch in range(epochs):
        loader.set_epoch(epoch)
        for _batch in loader:
            pass
        sizes.append(resident_mb())
    return {"epochs": epochs, "after_third_mb": sizes[2], "end_mb": sizes[-1], "largest_mb": max(sizes[3:])}


def startup(study: Study, repeats: int) -> dict[str, float]:
    times = []
    for seed in range(repeats):
        started = time.perf_counter()
        batches = iter(ours(study, seed=seed))
        next(batches)
        times.append(time.perf_counter() - started)
    return {"median_s": float(np.median(times)), "first_s": times[0], "repeats": repeats}


def waiting(study: Study, steps: int) -> dict[str, float]:
    """Run training steps on this machine's best device, and time them separately from waiting for data."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe = load_recipe("joint")
    model = build_model(recipe.model, len(study.class_names)).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    batches = iter(ours(study, device=device, threads=1))
    batch, waited, started = next(batches), 0.0, time.perf_counter()
    for _ in range(steps):
        terms = training_losses(model(batch.image), batch, heatmap_losses=("bce",))
        optimizer.zero_grad()
        (terms["classification"] + terms["heatmap"]).backward()
        optimizer.step()
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
    torch.get_device_module(device).synchronize()
    total = time.perf_counter() - started
    return {"steps": steps, "step_s": total / steps, "waited_s": waited / steps, "share": waited / total}


def with_fixations(study: Study, count: int) -> Study:
    """Return the study with the given number of fixations per image."""
    generator = np.random.default_rng(count)
    x, y = generator.uniform(0.1, 0.9, (2, count * len(study))).astype(np.float32)
    offsets = np.arange(len(study) + 1, dtype=np.int64) * count
    return replace(study, x_unit=x, y_unit=y, duration_s=np.full(len(x), 0.3, np.float32), offsets=offsets)


def scaling(study: Study) -> list[dict[str, Any]]:
    """Measure our rate over threads, batch size and fixations."""
    rows = []
    for threads, batch_size, fixations in [
        *((threads, BATCH, FIXATIONS) for threads in range(1, (os.cpu_count() or 1) + 1)),
        *((THREADS, batch_size, FIXATIONS) for batch_size in (1, 2, 4, 8, 16, 64, 128)),
        *((THREADS, BATCH, count) for count in (1, 10, 20, 100, 200, 400)),
    ]:
        loader = ours(with_fixations(study, fixations), threads=threads, batch_size=batch_size)
        usual = {"threads": threads, "batch_size": batch_size, "fixations": fixations}
        sample = epochs(loader, len(study))
        rows.append({**usual, "samples_per_s": 1 / float(np.median([sample() for _ in range(7)]))})
    return rows


def copies(study: Study, device: torch.device, batch_size: int = 256) -> dict[str, float]:
    """Measure the rate of copies from pinned memory to the device, and which fraction of a copy's time overlaps with a
    step's work. A CPU goes the same way, for testing: it copies within its memory, and nothing overlaps."""
    module, is_cpu = torch.get_device_module(device), device.type == "cpu"
    batch = next(iter(ours(study, batch_size=batch_size)))
    pinned = batch.image if is_cpu else batch.image.pin_memory()
    there = torch.empty_like(pinned, device=device)
    for repeats in (3, 50):
        module.synchronize()
        started = time.perf_counter()
        for _ in range(repeats):
            there.copy_(pinned, non_blocking=True)
        module.synchronize()
        copy_s = (time.perf_counter() - started) / repeats
    matrix = torch.rand(*2 * (64 if is_cpu else 4096,), device=device)

    def steps_s(batches: Iterable[Any]) -> float:
        module.synchronize()
        started, count = time.perf_counter(), 0
        for batch in batches:
            batch.image.mean()
            for _ in range(4):
                torch.mm(matrix, matrix)
            count += 1
        module.synchronize()
        return (time.perf_counter() - started) / count

    one = ours(study, device=device, batch_size=batch_size, threads=os.cpu_count() or 1)
    resident = [batch for _ in range(3) for batch in one]
    steps_s(resident)
    alone_s, loaded_s = steps_s(resident), steps_s(batch for _ in range(3) for batch in one)
    copied_s = 2 * copy_s
    return {
        "copy_gb_per_s": there.nbytes / copy_s / 1e9,
        "step_s": alone_s,
        "step_with_loader_s": loaded_s,
        "copy_s": copied_s,
        "copy_hidden": 1 - (loaded_s - alone_s) / copied_s,
    }


def main() -> None:
    quick = arguments(__doc__).quick
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = make_study(folder)
        details: dict[str, Any] = {"errors": check(study, InMemory(study))}
        details["startup"] = startup(study, 5 if quick else 31)
        details["memory"] = growth(study, 20 if quick else 100)
        turns = rates(study, folder, quick)
        details["seconds_a_sample"] = turns.details()
        details["waiting"] = waiting(study, 2 if quick else 30)
        if not quick:
            details["scaling"] = scaling(study)
        if torch.cuda.is_available():
            details["cuda"] = copies(study, torch.device("cuda"))
    resident = details["memory"]
    headline = {
        "vs_dataloader": turns.ratio("dataloader", "ours"),
        "vs_dataloader_packed": turns.ratio("dataloader_packed", "ours"),
        "vs_baseline": turns.ratio("baseline", "ours"),
        "samples_per_s": rounded(1 / turns.median("ours")),
        "rss_growth_mb": rounded(resident["end_mb"] - resident["after_third_mb"]),
        "wait_share": rounded(details["waiting"]["share"]),
        "startup_ms": rounded(1e3 * details["startup"]["median_s"]),
    }
    if "cuda" in details:
        headline |= {key: rounded(details["cuda"][key]) for key in ("copy_gb_per_s", "copy_hidden")}
    finish("loader", headline, details, ["torch", "torchvision", "pillow", "pydicom"], quick=quick)


if __name__ == "__main__":
    main()
