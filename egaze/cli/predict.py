"""`egaze predict`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np

from egaze.cli import progress
from egaze.errors import EgazeError


@click.command()
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.pt")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for heatmaps (.npy and .png).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--workers", type=click.IntRange(1), help="Threads that read films. [default: processors, 4 at most]")
def command(
    model: Path, images: tuple[Path, ...], out: Path | None, as_json: bool, device: str, workers: int | None
) -> None:
    """Ask an exported model about films: DICOM, PNG, JPEG or .npy.

    A film that cannot be read does not stop the others; the exit code is then 1.

    \b
    Example:
      egaze predict model.pt film.dcm
      egaze predict model.pt films/*.png --json --out heatmaps
    """
    from egaze.deploy import Predictor
    from egaze.loading import FailedFilm

    predictor = Predictor(model, device)
    answers = predictor.predict_files(images, workers=workers or min(os.cpu_count() or 1, 4))
    entries, failed = [], 0
    with progress.bar("predicting") as update:
        for number, (image, answer) in enumerate(zip(images, answers, strict=True), start=1):
            if isinstance(answer, FailedFilm):
                failed += 1
                entries.append({"image": str(image), "error": str(answer.error)})
                print(f"egaze: error: {answer.error}", file=sys.stderr)
            else:
                entries.append(_entry(answer, image, out, heatmap_head=predictor.spec.heatmap_head))
            update(number, len(images))
    if as_json:
        content = {"model": str(model), "class_names": list(predictor.spec.class_names), "predictions": entries}
        click.echo(json.dumps(content, indent=2))
    else:
        for entry in entries:
            if "error" not in entry:
                said = "  ".join(f"{name} {value:.4f}" for name, value in entry["class_probs"].items())
                click.echo(f"{entry['image']}: {said}")
    if failed:
        raise EgazeError(f"{failed} of {len(images)} films could not be read")


def _entry(prediction: Any, image: Path, out: Path | None, *, heatmap_head: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "image": str(image),
        "class_probs": dict(zip(prediction.class_names, map(float, prediction.class_probs), strict=True)),
    }
    if heatmap_head:
        heatmap = prediction.heatmap
        y, x = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
        entry["heatmap_peak"] = {"x": (x + 0.5) / heatmap.shape[1], "y": (y + 0.5) / heatmap.shape[0]}
        if out is not None:
            entry |= _write_heatmap(prediction, out / f"{image.stem}_heatmap")
    return entry


def _write_heatmap(prediction: Any, stem: Path) -> dict[str, str]:
    from PIL import Image

    from egaze.atomic import write_file

    free, number = stem, 2
    while free.with_suffix(".npy").exists():
        free, number = stem.with_name(f"{stem.name}_{number}"), number + 1
    npy, png = free.with_suffix(".npy"), free.with_suffix(".png")

    def save_array(partial: Path) -> None:
        with partial.open("wb") as file:
            np.save(file, prediction.heatmap)

    picture = Image.fromarray(np.rint(prediction.film_heatmap() * 255.0).clip(0, 255).astype(np.uint8))
    picture.thumbnail((1024, 1024))
    write_file(npy, save_array)
    write_file(png, lambda partial: picture.save(partial, format="PNG"))
    return {"heatmap_npy": str(npy), "heatmap_png": str(png)}
