"""`egaze train`."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_free
from egaze.cli import progress
from egaze.cli.completing import RUN, STUDY, recipe_overrides, recipes
from egaze.cli.epoch_table import EpochPrinter
from egaze.cli.options import Numbers, connected, device_option, precision_option, ray_option, threads_option

if TYPE_CHECKING:
    from egaze.training import Run
    from egaze.training.run_set import Member


@click.command()
@click.argument("study", type=STUDY)
@click.option("--out", required=True, type=RUN, metavar="RUN", help="New folder for the run.")
@click.option(
    "--recipe",
    default="joint",
    show_default=True,
    shell_complete=recipes,
    help="Name of a recipe, or a TOML file.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=recipe_overrides,
    help="Change a key of the recipe, as in stages.epochs=5.",
)
@click.option("--seed", type=click.IntRange(0), help="Seed of weights, order, views and dropout. [default: 0]")
@click.option("--seeds", type=Numbers(), metavar="0,1,2", help="Train one run with each of these seeds; also as 0-4.")
@click.option(
    "--folds",
    type=click.IntRange(3),
    metavar="K",
    help="Cross-validate by patient, stratified by class, instead of using the study's splits: one run per fold and "
    "seed.",
)
@click.option(
    "--fold-seed", default=0, show_default=True, type=click.IntRange(0), help="Seed that folds are dealt with."
)
@device_option
@precision_option(("fp32", "bf16", "fp16"), "layers (weights stay fp32)")
@threads_option
@click.option(
    "--compute-threads",
    type=click.IntRange(1),
    help="Number of threads that torch computes with on the CPU. The same number gives the same model, on any number "
    "of processors. [default: one per processor, but two at least; with --resume, as before]",
)
@ray_option("Train the runs of --folds or --seeds, several at a time,")
@click.option(
    "--logger",
    "loggers",
    multiple=True,
    type=click.Choice(["tensorboard", "mlflow"]),
    help="Show the run elsewhere too, while it trains: in RUN/tensorboard, or in MLflow's store at MLFLOW_TRACKING_URI "
    "(without it, mlflow.db beside RUN). Can be repeated. Each needs the extra of its name.",
)
@click.option(
    "--devices",
    type=int,
    metavar="N",
    help="Number of devices of this computer: of CUDA, or processes on the CPU. The batch is divided among them. "
    "[default: 1; as torchrun or SLURM says]",
)
@click.option(
    "--num-nodes",
    type=int,
    metavar="N",
    help="Number of computers, on each of which the command is given with MASTER_ADDR, MASTER_PORT and NODE_RANK in "
    "the environment. [default: 1; as torchrun or SLURM says]",
)
@click.option(
    "--sync-batch-norm/--no-sync-batch-norm",
    default=None,
    help="Whether batch norms on several devices learn from the whole batch. [default: they do; with --resume, as "
    "before]",
)
@click.option(
    "--resume", is_flag=True, help="Continue RUN after its last finished epoch, or a set with its first unfinished run."
)
def command(
    study: Path,
    out: Path,
    recipe: str,
    overrides: tuple[str, ...],
    seed: int | None,
    seeds: tuple[int, ...] | None,
    folds: int | None,
    fold_seed: int,
    device: str,
    precision: str,
    threads: int | None,
    compute_threads: int | None,
    devices: int | None,
    num_nodes: int | None,
    sync_batch_norm: bool | None,
    ray_address: str | None,
    loggers: tuple[str, ...],
    resume: bool,
) -> None:
    """Train the dual-head U-Net on a study.

    The epoch is chosen on validation; the test split is not used (unless the recipe has choose_on = "test"). With
    choose_on = "train", trainings on parts of the training split choose the number of epochs. Each epoch is printed as
    two rows of a table at a terminal, and as a line of JSON in a pipe, with every term of the loss, the learning rate,
    radiographs per second, the share of the time spent waiting for them, and peak memory; RUN/log.jsonl keeps these
    lines, and `egaze runs` shows several runs together. With --folds or --seeds, RUN is a set of runs, one folder each.
    Fold k tests on part k of the patients, validates on the next part and trains on the others.

    \b
    Example:
      egaze train study --out run --recipe joint --set stages.epochs=20 --seed 1
      egaze train study --out control --recipe encoder-only --set model.weights=imagenet
      egaze train study --out shuffled --recipe joint --set control.gaze=same-class
      egaze train study --out runs --folds 5 --seeds 0,1,2
      egaze train study --out runs --folds 5 --seeds 0,1,2 --ray head:6379
      egaze train study --out watched --logger tensorboard && tensorboard --logdir watched
      egaze train study --out run --recipe joint --devices 4
      torchrun --nproc-per-node 4 -m egaze train study --out run --recipe joint
    """
    if seed is not None and seeds is not None:
        raise click.UsageError("--seed is for one run and --seeds for several: give only one of them")
    if ray_address is not None and folds is None and seeds is None:
        raise click.UsageError("--ray trains several runs at a time: use it with --folds or --seeds")
    if ray_address is not None and loggers:
        raise click.UsageError("--ray and --logger: choose one; `egaze runs` shows runs of a cluster as they train")
    if not progress.speaks():
        logging.getLogger().setLevel(logging.ERROR)
    if not resume:
        require_free(out)
    from egaze.study import open_study

    with progress.bar("checking images.npy, bytes") as checked:
        opened = open_study(study, progress=checked)
    # Imported late, so that a missing study is reported before torch is loaded, which takes seconds.
    from egaze.training import load_recipe, train, train_set

    print_epoch = EpochPrinter()
    with connected(ray_address) as cluster, progress.bars() as update:
        if folds is None and seeds is None:
            run = train(
                opened,
                load_recipe(recipe, overrides),
                out,
                seed=seed or 0,
                device=device,
                precision=precision,
                threads=threads,
                compute_threads=compute_threads,
                devices=devices,
                num_nodes=num_nodes,
                sync_batch_norm=sync_batch_norm,
                resume=resume,
                progress=update,
                on_epoch=print_epoch,
                loggers=loggers,
            )
            if progress.speaks():
                click.echo(f"{out}: {_best(run)}", err=True)
        else:
            train_set(
                opened,
                load_recipe(recipe, overrides),
                out,
                folds=folds,
                seeds=seeds or (seed or 0,),
                fold_seed=fold_seed,
                device=device,
                precision=precision,
                threads=threads,
                compute_threads=compute_threads,
                devices=devices,
                num_nodes=num_nodes,
                sync_batch_norm=sync_batch_norm,
                cluster=cluster,
                resume=resume,
                progress=update,
                on_epoch=lambda member, entry: print_epoch(entry, member.name),
                on_run=_Finished(len(seeds or (0,)) * (folds or 1)),
                loggers=loggers,
            )


class _Finished:
    """Prints how each run of a set went, and how long the others will take."""

    def __init__(self, in_all: int) -> None:
        self._in_all, self._finished, self._trained = in_all, 0, 0
        self._started_s = time.monotonic()

    def __call__(self, member: Member, run: Run, was_finished: bool) -> None:
        self._finished += 1
        self._trained += not was_finished
        said = f"{member.name}: {_best(run)}; {self._finished} of {self._in_all} runs finished"
        if self._trained and self._finished < self._in_all:
            each_s = (time.monotonic() - self._started_s) / self._trained
            said += f", about {each_s * (self._in_all - self._finished) / 60:.0f} min to go"
        click.echo(said, err=True)


def _best(run: Run) -> str:
    best = [entry for entry in run.log() if entry.best]
    if not best:
        return "no epoch was chosen"
    chosen = best[-1]
    auc, loss = chosen.macro_auc, chosen.losses["loss"]
    score = f"{chosen.chosen_on} macro AUC {auc:.3f}" if auc is not None else f"{chosen.chosen_on} loss {loss:.4f}"
    score += "".join(f", {name} {value:.3f}" for name, value in chosen.agreement.items())
    return f"best epoch {chosen.epoch} of stage {chosen.stage}, {score}"
