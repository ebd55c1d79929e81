"""`egaze export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_file
from egaze.cli.options import model_limit_option, precision_option

if TYPE_CHECKING:
    from egaze.deploy import ModelLimits


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.pt")
@precision_option(
    ("fp32", "bf16"), "the model (bf16 makes a smaller file, and is faster where the processor or GPU supports it)"
)
@click.option(
    "--format",
    "format_name",
    default="torchscript",
    show_default=True,
    metavar="NAME",
    help="torchscript, or a format that another installed package adds.",
)
@click.option(
    "--sign",
    type=click.Path(path_type=Path),
    metavar="KEY.pem",
    help="Sign the file with this Ed25519 private key (PEM).",
)
@model_limit_option
def command(run: Path, model: Path, precision: str, format_name: str, sign: Path | None, limits: ModelLimits) -> None:
    """Write a run's best model as one TorchScript file for Python's and C++'s Predictor and egaze-run.

    A model whose program exceeds the default limits is exported, checked and run only with the same --model-limit.

    \b
    Example:
      egaze export run model.pt
      egaze export run model-bf16.pt --precision bf16
      egaze export run model.pt --sign key.pem

    \b
    A pair of keys, of which key.pem stays yours and the other goes to whom the model goes:
      openssl genpkey -algorithm ed25519 -out key.pem
      openssl pkey -in key.pem -pubout -out key.pub.pem
    """
    require_file(model)
    from egaze.deploy import export_run
    from egaze.training import open_run

    spec = export_run(open_run(run), model, format=format_name, precision=precision, sign=sign, limits=limits)
    if spec is None:
        click.echo(f"{model}: {format_name}")
        return
    canvas = f"{spec.input_height_px}x{spec.input_width_px} px input"
    click.echo(f"{model}: {', '.join(spec.class_names)}; {canvas}, {spec.precision}")
    click.echo(f"model sha256 {spec.model_sha256}")
    if sign is not None:
        click.echo(f"signed with {sign}")
