"""`egaze share`."""

from __future__ import annotations

from pathlib import Path

import click

from egaze.atomic import require_free
from egaze.cli import progress
from egaze.cli.options import split_option, study_option
from egaze.errors import RunError


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="A new folder.")
@split_option
@study_option
@click.option(
    "--license",
    "license_name",
    metavar="NAME",
    help="Licence of the weights, as model hubs call it, such as cc-by-4.0. Mind what the terms of your data allow.",
)
@click.option(
    "--hub",
    "repository",
    metavar="OWNER/NAME",
    help="Also upload the folder to the Hugging Face hub; a new repository is private. Log in first: hf auth login.",
)
def command(
    run: Path, folder: Path, split: str, study_path: Path | None, license_name: str | None, repository: str | None
) -> None:
    """Write a run's best model into a folder for others, as model hubs want it.

    The folder gets the weights (model.safetensors), the spec with the digests (spec.json), the recipe, the metrics of
    the evaluation with their intervals, and a model card (README.md). No file in it names a patient, a case or a path.
    `egaze fetch` makes a model file of it, which predicts the same numbers as the run's own.

    The run must be finished and evaluated. Of a set of runs, share one run.

    \b
    Example:
      egaze share run --to shared
      egaze share run --to shared --license cc-by-4.0 --hub OWNER/NAME
    """
    require_free(folder)
    from egaze.sharing import share_run, upload
    from egaze.sharing.hub import require_hub
    from egaze.training import is_run_set, open_run, open_run_set

    if repository is not None:
        require_hub(repository)
    if is_run_set(run):
        first = open_run_set(run).members[0].name
        raise RunError(f"{run}: a set of runs is several models; share one of them, such as {run / first}")
    share_run(open_run(run, study=study_path), folder, split=split, license=license_name)
    click.echo(f"{folder}: weights, spec, recipe, metrics and model card")
    if license_name is None and not progress.is_quiet():
        click.echo("egaze: note: no licence of the weights is stated; --license states one", err=True)
    if repository is not None:
        click.echo(f"uploaded to {upload(folder, repository)}")
