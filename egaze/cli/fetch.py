"""`egaze fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_file
from egaze.cli.options import model_limit_option, precision_option

if TYPE_CHECKING:
    from egaze.deploy import ModelLimits

_SHOWN = 5


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.pt|MODEL.onnx")
@precision_option(("fp32", "bf16"), "the model; bf16 is not for ONNX")
@model_limit_option
def command(folder: Path, model: Path, precision: str, limits: ModelLimits) -> None:
    """Make a model file of a folder that `egaze share` wrote, from wherever it comes.

    The folder is not trusted: its files must have the digests that its spec names, and the weights must be exactly
    those of the recipe's model. Other files in it are named and not read; nothing in it can run. The digests detect
    damage, and do not say who made the folder.

    The model file is the one that `egaze export` would write of the run: `egaze predict` and egaze-run take it.

    \b
    Example:
      egaze fetch shared model.pt
      hf download OWNER/NAME --local-dir shared && egaze fetch shared model.onnx
    """
    require_file(model)
    from egaze.sharing import fetch_model, open_shared

    shared = open_shared(folder)
    if others := shared.other_files:
        more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
        names = ", ".join(repr(name) for name in others[:_SHOWN])
        click.echo(f"egaze: note: {folder}: not read: {names}{more}", err=True)
    spec = fetch_model(shared, model, precision=precision, limits=limits)
    size = f"{spec.input_height_px}x{spec.input_width_px} px input"
    click.echo(f"{model}: {', '.join(spec.class_names)}; {size}, {spec.precision}")
    click.echo(f"model sha256 {spec.model_sha256}")
