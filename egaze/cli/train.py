"""`egaze train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from egaze.cli import progress


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="RUN", help="The run's new folder.")
@click.option("--recipe", default="joint", show_default=True, help="A recipe's name, or a TOML file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the recipe: stages.epochs=5.")
@click.option("--seed", default=0, show_default=True, help="Of weights, order, views and dropout.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@click.option("--precision", default="32", show_default=True, type=click.Choice(["32", "bf16-mixed", "16-mixed"]))
@click.option("--resume", is_flag=True, help="Go on with the run in RUN from its last finished epoch.")
def command(
    study: Path,
    out: Path,
    recipe: str,
    overrides: tuple[str, ...],
    seed: int,
    device: str,
    precision: str,
    resume: bool,
) -> None:
    """Train the dual-head U-Net on a study; validation chooses the epoch, the test split is not touched (unless
    the recipe says choose_on = "test").

    Prints one JSON line an epoch, which RUN/log.jsonl keeps.

    \b
    Example:
      egaze train study --out run --recipe joint --set stages.epochs=20 --seed 1
      egaze train study --out control --recipe encoder-only --set model.weights=imagenet
    """
    import json

    from egaze.study import open_study

    opened = open_study(study)
    # A missing study is told before torch is loaded, which takes seconds.
    from egaze.training import load_recipe, train

    def print_epoch(line: dict[str, Any]) -> None:
        click.echo(json.dumps(line))

    with progress.bars() as update:
        run = train(
            opened,
            load_recipe(recipe, overrides),
            out,
            seed=seed,
            device=device,
            precision={"32": "32-true"}.get(precision, precision),
            resume=resume,
            progress=update,
            on_epoch=print_epoch,
        )
    best = [line for line in run.log() if line["best"]]
    if best:
        chosen = best[-1]
        side = run.recipe.choose_on
        auc = chosen[f"{side}_macro_auc"]
        said = f"{side} macro AUC {auc:.3f}" if auc is not None else f"loss {chosen[f'{side}_loss']:.4f}"
        click.echo(f"{out}: best epoch {chosen['epoch']} of stage {chosen['stage']}, {said}", err=True)
