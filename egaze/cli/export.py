"""`egaze export`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.pt")
def command(run: Path, model: Path) -> None:
    """Write a run's best model as one TorchScript file for Python's and C++'s Predictor and egaze-run.

    \b
    Example:
      egaze export run model.pt
    """
    from egaze.deploy import export_torchscript
    from egaze.training import open_run

    spec = export_torchscript(open_run(run), model)
    click.echo(f"{model}: {', '.join(spec.class_names)}; {spec.input_height_px}x{spec.input_width_px} px input")
    click.echo(f"model sha256 {spec.model_sha256}")
