"""`egaze export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_file
from egaze.cli import progress
from egaze.cli.completing import MODEL, RUN, registered
from egaze.cli.options import model_limit_option, precision_option
from egaze.errors import RunError

if TYPE_CHECKING:
    from egaze.deploy import ModelLimits
    from egaze.deploy.spec import Thresholds
    from egaze.training import Run


@click.command()
@click.argument("run", type=RUN)
@click.argument("model", type=MODEL, metavar="MODEL.pt|MODEL.onnx")
@precision_option(
    ("fp32", "bf16"),
    "the model (bf16 makes a smaller file, and is faster where the processor or GPU supports it; not for ONNX)",
)
@click.option(
    "--format",
    "format_name",
    metavar="NAME",
    shell_complete=registered("egaze.exports", ("torchscript", "onnx")),
    help="torchscript, onnx, or a format that another installed package adds. [default: what the suffix of MODEL says]",
)
@click.option(
    "--thresholds",
    "rule",
    type=click.Choice(["youden", "specificity"]),
    help="Carry thresholds that `egaze evaluate` chose on validation: with the largest sensitivity + specificity, or "
    "with the largest sensitivity at a specificity of at least 0.9. egaze-run and egaze predict apply them on request.",
)
@click.option(
    "--sign",
    type=click.Path(path_type=Path),
    metavar="KEY.pem",
    help="Sign the file with this Ed25519 private key (PEM).",
)
@model_limit_option
def command(
    run: Path,
    model: Path,
    precision: str,
    format_name: str | None,
    rule: str | None,
    sign: Path | None,
    limits: ModelLimits,
) -> None:
    """Write a run's best model as one file: TorchScript (.pt) or ONNX (.onnx).

    Python's and C++'s Predictor and egaze-run read the TorchScript file. The ONNX file is for Python's Predictor and
    for any other engine that reads ONNX, such as ONNX Runtime in C#, Java and browsers, or OpenVINO; it needs
    ONNX Runtime (pip install 'egaze[onnx]').

    A model whose program exceeds the default limits is exported, checked and run only with the same --model-limit.

    \b
    Example:
      egaze export run model.pt
      egaze export run model.onnx
      egaze export run model-bf16.pt --precision bf16
      egaze export run model.pt --thresholds youden
      egaze export run model.pt --sign key.pem

    \b
    A pair of keys, of which key.pem stays yours and the other goes to whom the model goes:
      openssl genpkey -algorithm ed25519 -out key.pem
      openssl pkey -in key.pem -pubout -out key.pub.pem
    """
    require_file(model)
    from egaze.deploy import export_run
    from egaze.training import open_run

    opened = open_run(run)
    thresholds = None if rule is None else _thresholds(opened, rule)
    with progress.waiting("exporting and comparing"):
        spec = export_run(
            opened, model, format=format_name, precision=precision, sign=sign, thresholds=thresholds, limits=limits
        )
    if spec is None:
        click.echo(f"{model}: {format_name}")
        return
    canvas = f"{spec.input_height_px}x{spec.input_width_px} px input"
    click.echo(f"{model}: {', '.join(spec.class_names)}; {canvas}, {spec.precision}")
    for name, threshold in zip(spec.class_names, spec.thresholds, strict=False):
        said = "none could be chosen" if threshold is None else f"{threshold:.4f}"
        click.echo(f"  threshold of {name}: {said} ({spec.threshold_rule})")
    click.echo(f"model sha256 {spec.model_sha256}")
    if sign is not None:
        click.echo(f"signed with {sign}")


def _thresholds(run: Run, rule: str) -> Thresholds:
    """The thresholds of the run's evaluation, whichever split was measured: all are chosen on validation."""
    from egaze.deploy.spec import Thresholds
    from egaze.evaluation import open_evaluation

    folders = [run.path / "evaluation" / split for split in ("validation", "test", "train")]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        raise RunError(f"{run.path}: not evaluated yet, so no thresholds are chosen; run `egaze evaluate` first")
    classification = open_evaluation(folder).metrics.classification
    points = (
        {}
        if classification is None
        else {
            name: next((point for point in item.operating_points or () if point.name.lower().startswith(rule)), None)
            for name, item in classification.classes.items()
        }
    )
    chosen = [point for point in points.values() if point is not None]
    if not chosen:
        raise RunError(f"{folder}: no class has a threshold; validation needs radiographs with it and without it")
    values = tuple(None if point is None else point.thresholds[0] for point in points.values())
    return Thresholds(f"{chosen[0].name}, chosen on {chosen[0].chosen_on}", values)
