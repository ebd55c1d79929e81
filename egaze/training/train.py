"""`train`: carry out a recipe on a study and leave a run behind."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from egaze.atomic import require_free
from egaze.models.heatmap_prior import PRIOR_PX, HeatmapPrior
from egaze.progress import NamedProgress
from egaze.study import Splits, Study
from egaze.study.splits import require_seed
from egaze.targets import ClassHeatmapTarget, EgdHeatmap, mean_heatmap
from egaze.training.checkpoint import Checkpoint
from egaze.training.cross_fit import cross_fitted_epochs
from egaze.training.device import (
    computing_with,
    default_compute_threads,
    open_fabric,
    require_devices,
    speed_up,
    usable_precision,
)
from egaze.training.epoch_log import EpochLog
from egaze.training.launch import launch
from egaze.training.lock import only_process_in
from egaze.training.loop import TrainingLoop
from egaze.training.ranks import Placement, from_first, naming_the_rank, settle_placement
from egaze.training.recipe import Recipe
from egaze.training.requirements import require_shares, require_trainable
from egaze.training.run import Run, build_model, open_run
from egaze.training.run_loggers import open_loggers, require_loggers
from egaze.training.start import RunSettings, class_heatmaps_text, control_text, resume_state, start_run
from egaze.training.synced_batch_norm import synchronise_batch_norms

logger = logging.getLogger(__name__)


def train(
    study: Study,
    recipe: Recipe,
    out: str | Path,
    *,
    splits: Splits | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "fp32",
    threads: int | None = None,
    compute_threads: int | None = None,
    devices: int | None = None,
    num_nodes: int | None = None,
    sync_batch_norm: bool | None = None,
    resume: bool = False,
    progress: NamedProgress | None = None,
    on_epoch: Callable[[EpochLog], None] | None = None,
    loggers: Sequence[str] = (),
) -> Run:
    """Train a model and keep the weights of the epoch that does best on the validation split.

    The test split is not used, unless the recipe chooses the epoch on it (`choose_on`). With choose_on "train",
    trainings on parts of the training split choose the number of epochs first; see `cross_fitted_epochs`.

    On several devices, each is driven by a process, a rank, that learns from its part of each batch; together they
    learn what one would from the whole, but for dropout and drop-path, which differ, and for rounding. The processes
    are started here, so that a script which trains on several devices must be guarded by `if __name__ == "__main__"`;
    under torchrun and SLURM, the processes that they have started are the ranks.

    Args:
        study: the cases to train on. Each head learns from the cases that have a target for it.
        recipe: the model, its stages and everything else about the training but the data and the seed.
        out: the run's folder, which must not exist yet.
        splits: used in place of the study's splits, and kept in the run's folder.
        seed: seeds weights, order, views and dropout. On the CPU, the same seed and the same `compute_threads` give
            the same run to the bit, on any number of processors of one kind and with the same versions of the packages
            that run.json names.
        device: "auto" (CUDA if it is available), "cpu" or "cuda".
        precision: "fp32", "bf16" or "fp16": the type that layers compute in. Weights stay float32. See
            `usable_precision`.
        threads: number of threads of the loader's kernel, which change nothing but its speed; the number of processors
            if None.
        compute_threads: number of threads that torch computes with on the CPU, kept in run.json. If None, that of the
            run that is resumed, else the number of processors, but two at least, shared among the devices.
        devices: number of devices of each node, or of processes on the CPU; 1 if None, or as torchrun or SLURM says.
        num_nodes: number of computers, on each of which the same call is made, with the variables MASTER_ADDR,
            MASTER_PORT and NODE_RANK; 1 if None, or as torchrun or SLURM says.
        sync_batch_norm: whether the batch norms of several devices learn from the whole batch rather than each from the
            device's part. If None, as in the run that is resumed, else they do.
        resume: continue the run in `out` after its last finished epoch, or start it over if it has none.
        progress: called with what is being done and how far it is.
        on_epoch: called with each epoch's log entry.
        loggers: which loggers show the run while it trains, "tensorboard" or "mlflow"; see `run_loggers`.

    Returns:
        The finished run.

    Raises:
        StudyError: a split is empty, or the study lacks what the recipe learns from.
        RunError: `out` cannot be resumed, or another process trains there.
        RecipeError: the batch is smaller than the number of devices.
        EgazeError: `out` exists, the seed is negative, the devices are not available, a logger cannot be opened, or a
            rank has failed.

    Example:
        >>> from egaze import open_study, train
        >>> from egaze.training import load_recipe
        >>> small = ["input_size_px=32", "model.encoder=mobilenetv3_small_050", "stages.epochs=1"]
        >>> recipe = load_recipe("encoder-only", small)
        >>> finished = train(open_study("study"), recipe, "new-run", device="cpu")
        >>> finished.is_finished, sorted(path.name for path in finished.path.iterdir())
        (True, ['best.pt', 'last.pt', 'log.jsonl', 'recipe.toml', 'run.json'])
    """
    require_seed(seed)
    require_loggers(loggers)
    out = Path(out)
    placement = settle_placement(devices, num_nodes)
    require_devices(device, placement)
    require_shares(recipe, placement)
    if splits is not None:
        study = study.with_splits(splits)
    given: dict[str, Any] = {
        "recipe": recipe,
        "out": out,
        "splits": splits,
        "seed": seed,
        "device": device,
        "precision": precision,
        "threads": threads,
        "compute_threads": compute_threads,
        "sync_batch_norm": sync_batch_norm,
        "resume": resume,
        "loggers": tuple(loggers),
    }
    if placement.is_launched:
        with naming_the_rank(placement):
            return _train(study, placement, **given, progress=progress, on_epoch=on_epoch)
    _run_in(out, resume)
    require_trainable(study, recipe)
    given |= {"devices": placement.devices, "num_nodes": placement.nodes}
    run: Run = launch(placement, train, study, given, {"progress": progress, "on_epoch": on_epoch})
    return run


def _train(
    study: Study,
    placement: Placement,
    *,
    recipe: Recipe,
    out: Path,
    splits: Splits | None,
    seed: int,
    device: str,
    precision: str,
    threads: int | None,
    compute_threads: int | None,
    sync_batch_norm: bool | None,
    resume: bool,
    loggers: Sequence[str],
    progress: NamedProgress | None,
    on_epoch: Callable[[EpochLog], None] | None,
) -> Run:
    """Train on the only device, or as one of the ranks."""
    precision = usable_precision(device, precision)
    fabric = open_fabric(device, precision, placement, finds_unused=recipe.leaves_unused)
    run = from_first(fabric, lambda: _run_in(out, resume))
    if compute_threads is None:
        then = run and run.facts.get("compute_threads")
        compute_threads = from_first(fabric, lambda: then or default_compute_threads(placement.devices))
    if sync_batch_norm is None:
        sync_batch_norm = run.facts.get("sync_batch_norm", True) if run else True
    if splits is not None:
        study = study.with_splits(splits)
    require_trainable(study, recipe)
    if fabric.is_global_zero:
        _warn_of_oddities(study, recipe)
    controlled = recipe.control.of(recipe.target, study, seed)
    control = control_text(study, recipe.control, controlled)
    learnt = recipe.batch_target if recipe.class_heatmaps.is_on else controlled
    settings = RunSettings(recipe, seed, precision, compute_threads, placement.ranks, sync_batch_norm)
    with computing_with(compute_threads), ExitStack() as until_the_end:

        def resumed(run: Run) -> Checkpoint | None:
            until_the_end.enter_context(only_process_in(out))
            return resume_state(run, study, settings, control)

        def started() -> Run:
            new = start_run(out, study, splits, settings, sha256, control, class_heatmaps_text(study, recipe))
            until_the_end.enter_context(only_process_in(out))
            return new

        torch.manual_seed(seed)
        state = None if run is None else from_first(fabric, partial(resumed, run))
        model = build_model(
            recipe.model, len(study.class_names), weights="none" if state else None, prior=recipe.heatmap.prior
        )
        sha256 = model.weights_sha256
        if state is None and recipe.heatmap.prior == "mean":
            train_cases = study.splits.indices("train")
            mean_map = mean_heatmap(study, recipe.target, train_cases, PRIOR_PX)
            cast(HeatmapPrior, model.decoder.prior).set_mean(torch.from_numpy(mean_map))
        run = run or from_first(fabric, started)
        epochs = None
        if recipe.choose_on == "train":

            def train_inner(inner: Recipe, place: Path, inner_splits: Splits, what: str) -> list[EpochLog]:
                inner_run = train(
                    study,
                    inner,
                    place,
                    splits=inner_splits,
                    seed=seed,
                    device=device,
                    precision=precision,
                    threads=threads,
                    compute_threads=compute_threads,
                    devices=placement.devices,
                    num_nodes=placement.nodes,
                    sync_batch_norm=sync_batch_norm,
                    resume=from_first(fabric, place.exists),
                    progress=progress and (lambda step, done, total: progress(f"{what}: {step}", done, total)),
                )
                return from_first(fabric, inner_run.log)

            epochs = cross_fitted_epochs(fabric, study, recipe, out, train_inner)
        speed_up(model, fabric.device)
        if placement.ranks > 1 and sync_batch_norm:
            twice = any(stage.alignment_weight > 0 for stage in recipe.stages)
            synchronise_batch_norms(model, fabric.device, twice_differentiable=twice)
        shown = until_the_end.enter_context(open_loggers(loggers if fabric.is_global_zero else (), run))

        def after_epoch(entry: EpochLog) -> None:
            shown.write(loop.log)
            if on_epoch:
                on_epoch(entry)

        loop = TrainingLoop(
            fabric,
            study,
            recipe,
            learnt,
            run,
            seed,
            0 if sync_batch_norm else 2,
            threads or max(1, (os.cpu_count() or 1) // placement.devices),
            progress,
            after_epoch,
            epochs,
        )
        loop.carry_out(model, state)
        shown.write(loop.log)  # the last epochs, if an earlier process ended before it had shown them
    return run


def _run_in(out: Path, resume: bool) -> Run | None:
    """The run that is to be resumed; None for a new one, for which the folder must be free."""
    if resume:
        return open_run(out)
    require_free(out)
    return None


def _warn_of_oddities(study: Study, recipe: Recipe) -> None:
    """Warn of what can be trained, but is seldom meant."""
    if recipe.choose_on == "test":
        logger.warning("the epoch is chosen on the test split: metrics measured on that split will be optimistic")
    if study.image_size_px < recipe.input_size_px:
        logger.warning(
            "%s: its images of %d px are enlarged to the model's input of %d px, which adds no detail; "
            "prepare the study with --size %d, or train with --set input_size_px=...",
            study.path,
            study.image_size_px,
            recipe.input_size_px,
            recipe.input_size_px,
        )
    if isinstance(recipe.target, EgdHeatmap) and not 0.02 <= (sigma_frac := recipe.target.sigma_frac(study)) <= 0.1:
        logger.warning(
            "%s: egd_sigma_px %g is %.3f of the radiographs' long side, where EGD-CXR's code has about 0.05 (150 px of "
            "3,056): its targets are of another blur; train with --set egd_sigma_px=%.0f",
            study.path,
            recipe.egd_sigma_px,
            sigma_frac,
            max(1.0, recipe.egd_sigma_px / sigma_frac * 150 / 3056),
        )
    if isinstance(target := recipe.batch_target, ClassHeatmapTarget) and recipe.class_heatmaps.gaze == "named":
        left, gazed = target.taught_by_whole_gaze(study)
        if left:
            logger.warning(
                "%s: on %d of %d training cases with gaze and a class, no class is named in words with times: their "
                "whole gaze teaches the maps of all their classes together",
                study.path,
                left,
                gazed,
            )
