"""`egaze predict`."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from egaze.atomic import require_folder
from egaze.cli import progress
from egaze.cli.options import device_option, model_limit_option
from egaze.cli.radiograph_list import radiograph_list
from egaze.errors import EgazeError
from egaze.serialize import JsonObject

if TYPE_CHECKING:
    from egaze.deploy import ModelLimits


@click.command()
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.pt")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for heatmaps (.npy and .png).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.option(
    "--thresholds",
    is_flag=True,
    help="Also say whether each probability is at least the class's threshold, which the model file carries if it was "
    "exported with --thresholds.",
)
@device_option
@model_limit_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Number of threads that read radiographs. [default: one per processor, at most 4]",
)
def command(
    model: Path,
    images: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    thresholds: bool,
    device: str,
    limits: ModelLimits,
    workers: int | None,
) -> None:
    """Predict radiographs (DICOM, PNG, JPEG or .npy) with an exported model.

    IMAGE is a radiograph, a folder of radiographs (with its subfolders; links are followed, hidden names are left out),
    or a pattern. A radiograph that cannot be read does not stop the others; the exit code is then 1. Values of a
    radiograph's header that were overridden, such as a Rescale Slope of 0, are noted on stderr and in the JSON object.

    --out is the folder for NAME_heatmap.npy (float32, on the model's canvas) and NAME_heatmap.png (8 bits, in the
    radiograph's frame). NAME is the radiograph's file name without its extension. If that is not a valid name on every
    system, or several radiographs share it, it is cleaned and ends in a digest, as in egaze-run. Files of earlier runs
    are replaced.

    \b
    Example:
      egaze predict model.pt radiograph.dcm
      egaze predict model.pt radiographs --json --out heatmaps
    """
    if out is not None:
        require_folder(out)
    from egaze.deploy import Predictor
    from egaze.loading import FailedRadiograph
    from egaze.pictures.output_names import radiograph_names

    predictor = Predictor(model, device, limits=limits)
    if out is not None and not predictor.spec.heatmap_head:
        print(f"egaze: {model} makes no heatmaps, so none are written to {out}", file=sys.stderr)
    spec = predictor.spec
    if thresholds and not spec.thresholds:
        raise EgazeError(f"{model} carries no thresholds; export it with --thresholds, or predict without it")
    radiographs = radiograph_list(images)
    predictions = predictor.predict_files(radiographs, workers=workers or min(os.cpu_count() or 1, 4))
    entries, failed, unwritten = [], 0, []
    with progress.bar("predicting") as update:
        for number, (image, name, prediction) in enumerate(
            zip(radiographs, radiograph_names(radiographs), predictions, strict=True), start=1
        ):
            if not isinstance(prediction, FailedRadiograph):
                _print_notes(image, prediction.notes)
            try:
                if isinstance(prediction, FailedRadiograph):
                    raise prediction.error
                entries.append(_entry(prediction, image, heatmap_head=spec.heatmap_head, thresholds=thresholds))
            except EgazeError as error:
                failed += 1
                entries.append({"image": _utf8(image), "error": _utf8(str(error))})
                print(f"egaze: error: {error}", file=sys.stderr)
            else:
                if out is not None and predictor.spec.heatmap_head:
                    try:
                        entries[-1] |= _write_heatmap(prediction, out / f"{name}_heatmap")
                    except EgazeError as error:
                        # Reported once for all: the disk is full, and the prediction itself is valid.
                        unwritten.append(error)
            update(number, len(radiographs))
    if as_json:
        content: JsonObject = {
            "model": _utf8(str(model)),
            "class_names": list(spec.class_names),
            "label_kind": spec.label_kind,
        }
        if thresholds:
            by_class = dict(zip(spec.class_names, spec.thresholds, strict=True))
            content |= {"threshold_rule": spec.threshold_rule, "thresholds": by_class}
        content["predictions"] = entries
        click.echo(json.dumps(content, indent=2))
    else:
        if thresholds:
            click.echo(f"+ at least the threshold, - below it ({spec.threshold_rule})")
        for entry in entries:
            if "error" not in entry:
                above = entry.get("above_threshold", {})
                marks = {name: {True: " +", False: " -"}.get(above.get(name), "") for name in spec.class_names}
                said = "  ".join(f"{name} {value:.4f}{marks[name]}" for name, value in entry["class_probs"].items())
                click.echo(f"{entry['image']}: {said}")
    if unwritten:
        print(f"egaze: error: {unwritten[0]}", file=sys.stderr)
        raise EgazeError(f"heatmaps of {len(unwritten)} of {len(radiographs)} radiographs could not be written")
    if failed:
        raise EgazeError(f"{failed} of {len(radiographs)} radiographs could not be predicted")


def _print_notes(image: str, notes: tuple[str, ...]) -> None:
    if notes and not progress.is_quiet():
        print(f"egaze: note: {image}: {'; '.join(notes)}", file=sys.stderr)


def _utf8(text: str) -> str:
    """Replace each byte of a file name that is not UTF-8 by U+FFFD, as `egaze-run` prints it."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _entry(prediction: Any, image: str, *, heatmap_head: bool, thresholds: bool) -> JsonObject:
    entry: JsonObject = {
        "image": _utf8(image),
        "class_probs": dict(zip(prediction.class_names, map(float, prediction.class_probs), strict=True)),
        "notes": list(prediction.notes),
    }
    if thresholds:
        entry["above_threshold"] = dict(zip(prediction.class_names, prediction.above_thresholds(), strict=True))
    if heatmap_head:
        heatmap = prediction.heatmap
        y, x = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
        entry["heatmap_peak"] = {"x": (x + 0.5) / heatmap.shape[1], "y": (y + 0.5) / heatmap.shape[0]}
    return entry


def _write_heatmap(prediction: Any, stem: Path) -> dict[str, str]:
    from PIL import Image

    from egaze.atomic import write_file

    npy, png = stem.with_name(f"{stem.name}.npy"), stem.with_name(f"{stem.name}.png")

    def save_array(partial: Path) -> None:
        with partial.open("wb") as file:
            np.save(file, prediction.heatmap)

    picture = Image.fromarray(np.rint(prediction.radiograph_heatmap() * 255.0).clip(0, 255).astype(np.uint8))
    picture.thumbnail((1024, 1024))
    write_file(npy, save_array)
    write_file(png, lambda partial: picture.save(partial, format="PNG"))
    return {"heatmap_npy": _utf8(str(npy)), "heatmap_png": _utf8(str(png))}
