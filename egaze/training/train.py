"""`train`: carry out a recipe on a study and leave a run behind."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import torch

from egaze.atomic import require_free
from egaze.models.heatmap_prior import PRIOR_PX, HeatmapPrior
from egaze.progress import NamedProgress
from egaze.study import Splits, Study
from egaze.study.splits import require_seed
from egaze.targets import ClassHeatmapTarget, EgdHeatmap, mean_heatmap
from egaze.training.cross_fit import cross_fitted_epochs
from egaze.training.device import computing_with, default_compute_threads, open_fabric, speed_up, usable_precision
from egaze.training.epoch_log import EpochLog
from egaze.training.lock import only_process_in
from egaze.training.loop import TrainingLoop
from egaze.training.recipe import Recipe
from egaze.training.requirements import require_trainable
from egaze.training.run import Run, build_model, open_run
from egaze.training.run_loggers import open_loggers, require_loggers
from egaze.training.start import class_heatmaps_text, control_text, resume_state, start_run

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
    resume: bool = False,
    progress: NamedProgress | None = None,
    on_epoch: Callable[[EpochLog], None] | None = None,
    loggers: Sequence[str] = (),
) -> Run:
    """Train a model and keep the weights of the epoch that does best on the validation split.

    The test split is not used, unless the recipe chooses the epoch on it (`choose_on`). With choose_on "train",
    trainings on parts of the training split choose the number of epochs first; see `cross_fitted_epochs`.

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
            run that is resumed, else the number of processors, but two at least.
        resume: continue the run in `out` after its last finished epoch, or start it over if it has none.
        progress: called with what is being done and how far it is.
        on_epoch: called with each epoch's log entry.
        loggers: which loggers show the run while it trains, "tensorboard" or "mlflow"; see `run_loggers`.

    Returns:
        The finished run.

    Raises:
        StudyError: a split is empty, or the study lacks what the recipe learns from.
        RunError: `out` cannot be resumed, or another process trains there.
        EgazeError: `out` exists, the seed is negative, the device is not available, or a logger cannot be opened.

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
    if not resume:
        require_free(out)
    run = open_run(out) if resume else None
    if compute_threads is None:
        compute_threads = (run and run.facts.get("compute_threads")) or default_compute_threads()
    if splits is not None:
        study = study.with_splits(splits)
    require_trainable(study, recipe)
    precision = usable_precision(device, precision)
    _warn_of_oddities(study, recipe)
    controlled = recipe.control.of(recipe.target, study, seed)
    control = control_text(study, recipe.control, controlled)
    learnt = recipe.batch_target if recipe.class_heatmaps.is_on else controlled
    class_heatmaps = class_heatmaps_text(study, recipe)
    with computing_with(compute_threads), ExitStack() as until_the_end:
        fabric = open_fabric(device, precision)
        torch.manual_seed(seed)
        state = None
        if run is not None:
            until_the_end.enter_context(only_process_in(out))
            state = resume_state(run, study, recipe, seed, precision, compute_threads, control)
        model = build_model(
            recipe.model, len(study.class_names), weights="none" if state else None, prior=recipe.heatmap.prior
        )
        if state is None and recipe.heatmap.prior == "mean":
            train_cases = study.splits.indices("train")
            mean_map = mean_heatmap(study, recipe.target, train_cases, PRIOR_PX)
            cast(HeatmapPrior, model.decoder.prior).set_mean(torch.from_numpy(mean_map))
        if run is None:
            run = start_run(
                *(out, study, splits, recipe, seed, precision, compute_threads),
                *(model.weights_sha256, control, class_heatmaps),
            )
            until_the_end.enter_context(only_process_in(out))
        epochs = None
        if recipe.choose_on == "train":

            def train_inner(inner: Recipe, place: Path, inner_splits: Splits, what: str) -> Run:
                return train(
                    study,
                    inner,
                    place,
                    splits=inner_splits,
                    seed=seed,
                    device=device,
                    precision=precision,
                    threads=threads,
                    compute_threads=compute_threads,
                    resume=place.exists(),
                    progress=progress and (lambda step, done, total: progress(f"{what}: {step}", done, total)),
                )

            epochs = cross_fitted_epochs(study, recipe, out, train_inner)
        shown = until_the_end.enter_context(open_loggers(loggers if fabric.is_global_zero else (), run))

        def after_epoch(entry: EpochLog) -> None:
            shown.write(loop.log)
            if on_epoch:
                on_epoch(entry)

        loop = TrainingLoop(
            fabric, study, recipe, learnt, run, seed, threads or os.cpu_count() or 1, progress, after_epoch, epochs
        )
        loop.carry_out(speed_up(model, fabric.device), state)
        shown.write(loop.log)  # the last epochs, if an earlier process ended before it had shown them
    return run


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
