"""`egaze predict`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_file, require_folder
from egaze.cli import progress
from egaze.cli.completing import MODEL, files
from egaze.cli.dicom_options import dicom_options, dicom_out_option, object_options
from egaze.cli.options import connected, device_option, model_limit_option, ray_option
from egaze.cli.radiograph_list import radiograph_list
from egaze.errors import EgazeError
from egaze.serialize import JsonObject

if TYPE_CHECKING:
    from egaze.deploy import ModelLimits, ModelSpec, Prediction
    from egaze.deploy.answers import Answer


@click.command()
@click.argument("model", type=MODEL, metavar="MODEL")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", shell_complete=files)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for heatmaps (.npy and .png).")
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    metavar="FILE.parquet",
    help="Write the predictions to a Parquet file as they come, instead of printing them. The same command continues "
    "an interrupted one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.option(
    "--thresholds",
    is_flag=True,
    help="Also say whether each probability is at least the class's threshold, which the model file carries if it was "
    "exported with --thresholds.",
)
@click.option(
    "--class-heatmaps",
    is_flag=True,
    help="Also give the heatmap of each class, which models of recipes with one heatmap per class make.",
)
@dicom_out_option
@dicom_options
@device_option
@model_limit_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Number of threads that read radiographs. [default: one per processor, at most 4]",
)
@ray_option("Predict a --table")
def command(
    model: Path,
    images: tuple[str, ...],
    out: Path | None,
    table: Path | None,
    as_json: bool,
    thresholds: bool,
    class_heatmaps: bool,
    dicom_out: Path | None,
    dicom: tuple[str, ...],
    dicom_threshold_frac: float | None,
    device: str,
    limits: ModelLimits,
    workers: int | None,
    ray_address: str | None,
) -> None:
    """Predict radiographs (DICOM, PNG, JPEG or .npy) with an exported model (.pt, or .onnx on the CPU).

    IMAGE is a radiograph, a folder of radiographs (with its subfolders; links are followed, hidden names are left out),
    a pattern, or a text file NAME.txt with one path per line. A radiograph that cannot be read does not stop the
    others; the exit code is then 1. Values of a radiograph's header that were overridden, such as a Rescale Slope of 0,
    are noted on stderr and in the output.

    --out is the folder for NAME_heatmap.npy (float32, on the model's canvas) and NAME_heatmap.png (8 bits, in the
    radiograph's frame). NAME is the radiograph's file name without its extension. If that is not a valid name on every
    system, or several radiographs share it, it is cleaned and ends in a digest, as in egaze-run. Files of earlier runs
    are replaced. With --class-heatmaps there are also NAME_heatmap_classes.npy (float32, classes first) and
    NAME_heatmap_classes/CLASS.png, CLASS being made a file's name in the same way.

    --table is for many radiographs. Its columns are those of `egaze-run --csv` but overlay_png. Rows are kept as they
    come, and a later command with the same model predicts only the radiographs that are new, have changed, could not be
    read, or have no heatmap in --out.

    --dicom-out is the folder for NAME_sc.dcm and the other objects that --dicom names. They belong to the study of the
    DICOM radiograph, carry its patient's name and id, and are marked as for research use and not for diagnosis.
    Predicting again gives the same objects with the same UIDs.

    \b
    Example:
      egaze predict model.pt radiograph.dcm
      egaze predict model.onnx radiographs --json --out heatmaps
      egaze predict model.pt radiographs --table predictions.parquet
      egaze predict model.pt radiographs --table predictions.parquet --ray head:6379
      egaze predict model.pt radiograph.dcm --dicom-out objects --dicom sc --dicom sr
    """
    if table is not None and as_json:
        raise click.UsageError("--table and --json: choose one")
    if table is not None and dicom_out is not None:
        raise click.UsageError("--table and --dicom-out: choose one")
    if ray_address is not None and table is None:
        raise click.UsageError("--ray is for many radiographs: use it with --table")
    if dicom_out is None and (dicom or dicom_threshold_frac is not None):
        raise click.UsageError("--dicom and --dicom-threshold need --dicom-out")
    if out is not None:
        require_folder(out)
    if table is not None:
        require_file(table)
    from egaze.deploy import Predictor
    from egaze.deploy.answers import answers
    from egaze.deploy.prediction_table import predict_to_table
    from egaze.pictures.output_names import radiograph_names

    predictor = Predictor(model, device, limits=limits, class_heatmaps=class_heatmaps)
    spec = predictor.spec
    if out is not None and not spec.heatmap_head:
        print(f"egaze: {model} makes no heatmaps, so none are written to {out}", file=sys.stderr)
    if thresholds and not spec.thresholds:
        raise EgazeError(f"{model} carries no thresholds; export it with --thresholds, or predict without it")
    radiographs = radiograph_list(images)
    names = radiograph_names(radiographs)
    heatmaps = None if out is None else [out / f"{name}_heatmap" for name in names]
    write_dicom: Callable[[int, Prediction], Sequence[Path]] | None = None
    if dicom_out is not None:
        from egaze.dicom_objects import DicomFolder

        folder = DicomFolder(dicom_out, object_options(dicom, dicom_threshold_frac), model, spec)

        def write_dicom(number: int, prediction: Prediction) -> Sequence[Path]:
            return folder.write(names[number], Path(radiographs[number]), prediction)

    workers = workers or min(os.cpu_count() or 1, 4)
    if table is not None:
        with connected(ray_address) as cluster, progress.bar("predicting") as update:
            done = predict_to_table(
                predictor,
                radiographs,
                table,
                heatmaps=heatmaps,
                workers=workers,
                cluster=cluster,
                progress=update,
                on_answer=_report,
            )
        failed, unwritten, count = done.failed, done.unwritten, done.radiographs
        kept = f", {done.kept:,} of them kept from an earlier run" if done.kept else ""
        click.echo(f"{table}: {count:,} radiographs{kept}")
    else:
        found = []
        with progress.bar("predicting") as update:
            for answer in answers(predictor, radiographs, heatmaps, workers=workers, write_dicom=write_dicom):
                _report(answer)
                found.append(answer)
                update(len(found), len(radiographs))
        failed, count = sum(bool(answer.error or answer.dicom_error) for answer in found), len(found)
        unwritten = tuple(answer.write_error for answer in found if answer.write_error)
        if as_json:
            click.echo(json.dumps(_json_object(found, model, spec, thresholds=thresholds), indent=2))
        else:
            _print_lines(found, spec, thresholds=thresholds)
    if unwritten:
        # Reported once for all: the disk is full, and the predictions themselves are valid.
        print(f"egaze: error: {unwritten[0]}", file=sys.stderr)
        raise EgazeError(f"heatmaps of {len(unwritten)} of {count} radiographs could not be written")
    if failed:
        done_to_all = "predicted" if dicom_out is None else "predicted and written as DICOM"
        raise EgazeError(f"{failed} of {count} radiographs could not be {done_to_all}")


def _report(answer: Answer) -> None:
    """Say on stderr what is to be known of an answer besides its numbers."""
    if answer.error:
        print(f"egaze: error: {answer.error}", file=sys.stderr)
    if answer.dicom_error:
        print(f"egaze: error: {answer.dicom_error}", file=sys.stderr)
    if answer.notes and not progress.is_quiet():
        print(f"egaze: note: {answer.image}: {'; '.join(answer.notes)}", file=sys.stderr)


def _json_object(found: Sequence[Answer], model: Path, spec: ModelSpec, *, thresholds: bool) -> JsonObject:
    from egaze.deploy.answers import utf8

    content: JsonObject = {
        "model": utf8(str(model)),
        "class_names": list(spec.class_names),
        "label_kind": spec.label_kind,
    }
    if thresholds:
        by_class = dict(zip(spec.class_names, spec.thresholds, strict=True))
        content |= {"threshold_rule": spec.threshold_rule, "thresholds": by_class}
    content["predictions"] = [answer.to_json(thresholds=thresholds) for answer in found]
    return content


def _print_lines(found: Sequence[Answer], spec: ModelSpec, *, thresholds: bool) -> None:
    if thresholds:
        click.echo(f"+ at least the threshold, - below it ({spec.threshold_rule})")
    for answer in found:
        if not answer.error:
            above = answer.above_threshold if thresholds else {}
            marks = {name: {True: " +", False: " -", None: ""}[above.get(name)] for name in spec.class_names}
            said = "  ".join(f"{name} {value:.4f}{marks[name]}" for name, value in answer.class_probs.items())
            click.echo(f"{answer.image}: {said}")
