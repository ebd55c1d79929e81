"""What a radiograph costs to prepare and to predict, stage by stage, and what a Ray cluster adds to that.

prepare_s       seconds of one processor to prepare a 3056x2544 DICOM file (12 of 16 bits, uncompressed)
predict_s       seconds of one processor to predict it, from the file to its row in a table, with one thread
prepare_ray     time of preparing on a local Ray cluster with the machine's processors, divided by that of as many local
                processes (smaller is better)
predict_ray     time of predicting a table on that cluster, with one thread for each process, divided by that in this
                process with one thread, times the number of processors: 1 if the cluster's processes are as fast

Stages are of one process and one thread, for files of three kinds: uncompressed DICOM, DICOM in JPEG 2000, and JPEG of
8 bits as MIMIC-CXR-JPG has them. Files come from the page cache: `mb` is what a disk or a network has to deliver.
Whole runs are the difference between a long and a short one, without the start of processes. The load of the machine
before the benchmark is in the details; docs/scale.md says so if it was not idle.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import ray
import torch
from harness import arguments, finish, rounded, timed
from inference import CLASSES, export
from PIL import Image
from prepare import SIZE_PX, stored_values, write_radiograph
from pydicom.uid import JPEG2000Lossless

from egaze import Predictor
from egaze.cluster import Cluster, open_cluster
from egaze.deploy.prediction_table import predict_to_table
from egaze.imaging import Canvas, read_stored, to_input
from egaze.models import DualHeadUNet
from egaze.sources import Table
from egaze.study import prepare_study


def write_kinds(folder: Path, number: int) -> dict[str, Path]:
    """Write one radiograph as the three kinds of files."""
    stored = stored_values(number)
    paths = {"dicom": folder / f"{number}.dcm", "jpeg2000": folder / f"{number}0.dcm", "jpeg": folder / f"{number}.jpg"}
    write_radiograph(paths["dicom"], stored)
    dataset = pydicom.dcmread(paths["dicom"])
    dataset.compress(JPEG2000Lossless)
    dataset.save_as(paths["jpeg2000"])
    Image.fromarray((stored >> 4).astype(np.uint8)).save(paths["jpeg"], quality=95)
    return paths


def stages(paths: dict[str, Path], predictor: Predictor, repeats: int) -> dict[str, dict[str, float]]:
    """Median seconds of each stage for each kind of file, and its size."""
    canvas, shape = Canvas.square(SIZE_PX), predictor.spec.input_shape
    found = {}
    for kind, path in paths.items():
        radiograph = read_stored(path)
        image = to_input(canvas.place(radiograph), shape)
        steps: dict[str, Callable[[], object]] = {
            "read_s": path.read_bytes,
            "decode_s": lambda path=path: read_stored(path),
            "place_s": lambda radiograph=radiograph: canvas.place(radiograph),
            "infer_s": lambda image=image: predictor.predict(image),
        }
        found[kind] = {"mb": path.stat().st_size / 1e6}
        found[kind] |= {name: timed(step, repeats=repeats)["median_s"] for name, step in steps.items()}
    return found


def whole_prepare(folder: Path, path: Path, counts: tuple[int, int], workers: int, cluster: Cluster | None) -> float:
    """Seconds per radiograph of preparing, from the difference between a long and a short run."""

    def run(count: int) -> float:
        names = [f"{number:05}{path.suffix}" for number in range(count)]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in names:
            (folder / name).hardlink_to(path)
        lines = ["case_id,image,patient_id,label", *(f"{name},{name},{name},normal" for name in names)]
        (folder / "cases.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        started_s = time.perf_counter()
        prepare_study([Table(folder / "cases.csv")], folder / "study", workers=workers, cluster=cluster)
        return time.perf_counter() - started_s

    return slope(run, counts)


def whole_predict(
    folder: Path, path: Path, counts: tuple[int, int], predictor: Predictor, cluster: Cluster | None
) -> float:
    """Seconds per radiograph of predicting a table, likewise."""

    def run(count: int) -> float:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        names = [str(folder / f"{number:05}{path.suffix}") for number in range(count)]
        for name in names:
            os.link(path, name)
        started_s = time.perf_counter()
        predict_to_table(predictor, names, folder / "table.parquet", cluster=cluster)
        return time.perf_counter() - started_s

    return slope(run, counts)


def slope(run: Callable[[int], float], counts: tuple[int, int]) -> float:
    run(counts[0])  # what processes load when they first work
    few, many = run(counts[0]), run(counts[1])
    return (many - few) / (counts[1] - counts[0])


def make_predictor(folder: Path) -> Predictor:
    """A predictor of the default model, on one thread; its weights do not change what it costs."""
    torch.manual_seed(0)
    model = DualHeadUNet("tf_efficientnet_b0", len(CLASSES)).eval()
    return Predictor(export(model, folder / "model.pt", "fp32"), threads=1)


def main() -> None:
    quick = arguments(__doc__).quick
    load = os.getloadavg()[0]
    processors = os.cpu_count() or 1
    counts = (8, 24) if quick else (32, 160)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        predictor = make_predictor(folder)
        paths = write_kinds(folder, 0)
        by_stage = stages(paths, predictor, repeats=3 if quick else 15)
        runs = {
            "prepare_one_s": whole_prepare(folder / "a", paths["dicom"], counts, 1, None),
            "prepare_all_s": whole_prepare(folder / "a", paths["dicom"], counts, processors, None),
            "predict_one_s": whole_predict(folder / "a", paths["dicom"], counts, predictor, None),
        }
        ray.init(num_cpus=processors, num_gpus=0, include_dashboard=False, log_to_driver=False)
        with open_cluster(ray.get_runtime_context().gcs_address) as cluster:
            runs["prepare_ray_s"] = whole_prepare(folder / "a", paths["dicom"], counts, 1, cluster)
            runs["predict_ray_s"] = whole_predict(folder / "a", paths["dicom"], counts, predictor, cluster)
        ray.shutdown()
    headline = {
        "prepare_s": rounded(runs["prepare_one_s"]),
        "predict_s": rounded(runs["predict_one_s"]),
        "prepare_ray": rounded(runs["prepare_ray_s"] / runs["prepare_all_s"]),
        "predict_ray": rounded(runs["predict_ray_s"] * processors / runs["predict_one_s"]),
    }
    details: dict[str, Any] = {
        "load_before": load,
        "radiographs": {"short_run": counts[0], "long_run": counts[1]},
        "stages": by_stage,
        "runs": runs,
    }
    finish("scale", headline, details, ["ray", "torch", "pydicom", "pillow"], quick=quick)


if __name__ == "__main__":
    main()
