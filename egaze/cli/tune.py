"""`egaze tune`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_folder
from egaze.cli import progress
from egaze.cli.completing import STUDY, recipe_overrides, recipes
from egaze.cli.options import device_option, precision_option, threads_option
from egaze.cli.text import count_text

if TYPE_CHECKING:
    from egaze.tuning import SearchResult, TrialResult


@click.command()
@click.argument("study", type=STUDY)
@click.option(
    "--recipe",
    default="joint",
    show_default=True,
    shell_complete=recipes,
    help="Name of the recipe to vary, or a TOML file.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=recipe_overrides,
    help="Change a key of the recipe, as in stages.epochs=5.",
)
@click.option(
    "--space",
    "space_path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="SPACE.toml",
    help="The keys to search, and their values.",
)
@click.option(
    "--trials",
    required=True,
    type=click.IntRange(1),
    help="Number of trials of the search, failed ones included.",
)
@click.option(
    "--out",
    default="search",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the search, new or of this search.",
)
@click.option(
    "--storage",
    metavar="URL|FILE",
    help="A database (sqlite:///search.db, postgresql://...) or a journal file, which workers share.  "
    "[default: DIR/journal.log]",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the search.")
@device_option
@precision_option(("fp32", "bf16", "fp16"), "layers (weights stay fp32)")
@threads_option
@click.option(
    "--compute-threads",
    type=click.IntRange(1),
    help="Number of threads that torch computes with on the CPU.  [default: that of the search's first worker]",
)
def command(
    study: Path,
    recipe: str,
    overrides: tuple[str, ...],
    space_path: Path,
    trials: int,
    out: Path,
    storage: str | None,
    seed: int,
    device: str,
    precision: str,
    threads: int | None,
    compute_threads: int | None,
) -> None:
    """Search for values of a recipe's keys that do well on the validation split of STUDY.

    SPACE.toml names keys as --set does, each with low and high, and log or step if wanted, or with choices:

    \b
      stages.learning_rate = {low = 1e-5, high = 1e-2, log = true}
      stages.heatmap_weight = {low = 0.0, high = 2.0, step = 0.25}
      model.encoder = {choices = ["tf_efficientnet_b0", "resnet18"]}

    Each trial is a run in DIR/trials. Its score is what the recipe's monitor is at its best epoch; trials that fall
    behind are stopped early. The test split is taken out of the study first. The same command goes on with a search
    that was interrupted, and with more trials if --trials is larger. Started several times, with a --storage that all
    machines reach, it shares the search among them.

    DIR/best.toml is the best recipe. Its score is the best of many, and therefore optimistic.

    \b
    Example:
      egaze tune study --recipe joint --space space.toml --trials 50 --out search
      egaze tune study --space space.toml --trials 50 --storage postgresql://user@host/searches
      egaze train study --recipe search/best.toml --seeds 0-4 --out runs
    """
    from egaze.tuning.storage import require_optuna

    require_optuna()
    require_folder(out)
    from egaze.study import open_study

    with progress.bar("checking images.npy, bytes") as checked:
        opened = open_study(study, progress=checked)
    from egaze.training import load_recipe
    from egaze.tuning import load_space, tune

    varied = load_recipe(recipe, overrides)
    space = load_space(space_path, varied)
    try:
        with progress.bars() as update:
            result = tune(
                opened,
                varied,
                space,
                out,
                trials=trials,
                storage=storage,
                seed=seed,
                device=device,
                precision=precision,
                threads=threads,
                compute_threads=compute_threads,
                progress=update,
                on_trial=_print_trial,
            )
    except KeyboardInterrupt:
        click.echo(f"egaze: {out}: all trials are kept; the same command goes on", err=True)
        raise
    kinds = ", ".join(f"{result.count(kind)} {kind}" for kind in ("finished", "pruned", "failed", "running"))
    click.echo(f"{out}: {count_text(len(result.trials), 'trial')}: {kinds}", err=True)
    click.echo(f"{out / 'best.toml'}: trial {result.best}, score {result.score:.4f} ({result.monitor})", err=True)
    click.echo(f"  {result.caution}", err=True)


def _print_trial(trial: TrialResult, result: SearchResult) -> None:
    """Print a trial that has ended: as words if stdout is a terminal, else as a line of JSON."""
    from egaze.serialize import to_json

    if not sys.stdout.isatty():
        click.echo(json.dumps(to_json(trial)))
        return
    values = ", ".join(f"{key} {_short(value)}" for key, value in trial.values.items())
    score = "" if trial.score is None else f", score {trial.score:.4f}"
    best = "" if result.best is None else f" (best: {result.score:.4f} of trial {result.best})"
    why = f": {trial.reason}" if trial.reason else ""
    click.echo(f"trial {trial.number} {trial.state}{score}{best}; {values}{why}")


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
