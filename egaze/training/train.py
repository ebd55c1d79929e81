"""`train`: carry out a recipe on a study and leave a run behind."""

from __future__ import annotations

import json
import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from egaze.atomic import require_free, write_text
from egaze.errors import EgazeError
from egaze.loading import DeviceLoader, Shuffled, class_balanced, class_weighted, gaze_and_label
from egaze.loading.sampling import Order
from egaze.metrics import StatisticsWarning, macro_auc
from egaze.models.heatmap_prior import PRIOR_PX, HeatmapPrior
from egaze.progress import NamedProgress, Progress
from egaze.study import Splits, Study
from egaze.study.splits import require_seed
from egaze.targets import BatchTarget, EgdHeatmap, mean_heatmap
from egaze.training import run as run_files
from egaze.training.cross_fit import cross_fitted_epochs
from egaze.training.device import open_fabric, speed_up, usable_precision
from egaze.training.engine import Predictions, bare, predict, train_one_epoch
from egaze.training.epoch_log import EpochLog
from egaze.training.monitor import HeatmapAgreement, monitored
from egaze.training.optimizer import learning_rate, make_optimizer
from egaze.training.recipe import OrderSettings, Recipe
from egaze.training.requirements import require_trainable
from egaze.training.run import Checkpoint, Run, build_model, load_checkpoint, open_run, save_checkpoint
from egaze.training.stage import Stage
from egaze.training.start import control_text, resume_state, start_run

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
    resume: bool = False,
    progress: NamedProgress | None = None,
    on_epoch: Callable[[EpochLog], None] | None = None,
) -> Run:
    """Train a model and keep the weights of the epoch that does best on the validation split.

    The test split is not used, unless the recipe chooses the epoch on it (`choose_on`). With choose_on "train",
    trainings on parts of the training split choose the number of epochs first; see `cross_fitted_epochs`.

    Args:
        study: the cases to train on. Each head learns from the cases that have a target for it.
        recipe: the model, its stages and everything else about the training but the data and the seed.
        out: the run's folder, which must not exist yet.
        splits: used in place of the study's splits, and kept in the run's folder.
        seed: seeds weights, order, views and dropout. On the CPU, the same seed gives the same run.
        device: "auto" (CUDA if it is available), "cpu" or "cuda".
        precision: "fp32", "bf16" or "fp16": the type that layers compute in. Weights stay float32. See
            `usable_precision`.
        threads: number of threads of the loader's kernel; the number of processors if None.
        resume: continue the run in `out` after its last finished epoch, or start it over if it has none.
        progress: called with what is being done and how far it is.
        on_epoch: called with each epoch's log entry.

    Returns:
        The finished run.

    Raises:
        StudyError: a split is empty, or the study lacks what the recipe learns from.
        RunError: `out` cannot be resumed.
        EgazeError: `out` exists, the seed is negative, or the device is not available.

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
    out = Path(out)
    if not resume:
        require_free(out)
    if splits is not None:
        study = study.with_splits(splits)
    require_trainable(study, recipe)
    precision = usable_precision(device, precision)
    fabric = open_fabric(device, precision)
    torch.manual_seed(seed)
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
    learnt = recipe.control.of(recipe.target, study, seed)
    control = control_text(study, recipe.control, learnt)
    state = resume_state(out, study, recipe, seed, precision, control) if resume else None
    model = build_model(
        recipe.model, len(study.class_names), weights="none" if state else None, prior=recipe.heatmap.prior
    )
    if state is None and recipe.heatmap.prior == "mean":
        train_cases = study.splits.indices("train")
        mean_map = mean_heatmap(study, recipe.target, train_cases, PRIOR_PX)
        cast(HeatmapPrior, model.decoder.prior).set_mean(torch.from_numpy(mean_map))
    if not resume:
        start_run(out, study, splits, recipe, seed, precision, model.weights_sha256, control)
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
                resume=place.exists(),
                progress=progress and (lambda step, done, total: progress(f"{what}: {step}", done, total)),
            )

        epochs = cross_fitted_epochs(study, recipe, out, train_inner)
    training = _Training(
        fabric, study, recipe, learnt, out, seed, threads or os.cpu_count() or 1, progress, on_epoch, epochs
    )
    training.carry_out(speed_up(model, fabric.device), state)
    return open_run(out)


@dataclass(slots=True)
class _Position:
    """How far a run has come, as last.pt stores it."""

    stage: int = 0
    epoch: int = 0  # within the stage
    best: tuple[float, float] | None = None  # within the stage: the monitored value, then minus the loss
    best_epoch: int = -1


class _Training:
    def __init__(
        self,
        fabric: Fabric,
        study: Study,
        recipe: Recipe,
        learnt: BatchTarget,
        out: Path,
        seed: int,
        threads: int,
        progress: NamedProgress | None,
        on_epoch: Callable[[EpochLog], None] | None,
        epochs: Sequence[int] | None,
    ) -> None:
        self.fabric, self.study, self.recipe, self.out, self.seed = fabric, study, recipe, out, seed
        self.progress, self.on_epoch = progress, on_epoch
        self.epochs = epochs  # of each stage, if they are known before it begins
        self.log: list[EpochLog] = []
        order = _order(study, recipe.order)
        self.train_loader = self._loader("train", learnt, threads, order, augmentation=recipe.augmentation, seed=seed)
        self.measuring_loader = self._loader(recipe.measured_on, recipe.target, threads)

    def _loader(
        self, split: str, target: BatchTarget, threads: int, order: Order | None = None, **options: Any
    ) -> DeviceLoader:
        """Load one split."""
        return DeviceLoader(
            self.study,
            self.study.splits.indices(split) if order is None else order,
            batch_size=self.recipe.batch_size,
            size_px=self.recipe.input_size_px,
            target=target,
            device=self.fabric.device,
            threads=threads,
            **options,
        )

    def carry_out(self, model: nn.Module, state: Checkpoint | None) -> None:
        at = _Position()
        if state is not None:
            then = state["progress"]
            at = _Position(then["stage"], then["epoch"], _as_pair(then["best"]), then["best_epoch"])
            model.load_state_dict(state["model"])
            self.log = open_run(self.out).log()[: state["log_lines"]]
        for number in range(at.stage, len(self.recipe.stages)):
            if number != at.stage:
                at = _Position(stage=number)
                model.load_state_dict(load_checkpoint(self.out / run_files.BEST)["model"])
            self._carry_out_stage(model, at, state)
            state = None

    def _carry_out_stage(self, model: nn.Module, at: _Position, state: Checkpoint | None) -> None:
        stage = self.recipe.stages[at.stage]
        for name, part in model.named_children():
            part.requires_grad_(name in stage.parts)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = make_optimizer(model, stage)
        if not trained:
            raise EgazeError(f"stage {stage.name!r} trains no part of this model")
        wrapped, optimizer = self.fabric.setup(model, optimizer)
        scaler = self.fabric.strategy.precision  # with fp16 it holds the loss's scale, otherwise nothing
        if state is not None:
            # After the set-up, so that the state takes the parameters' device and type.
            optimizer.load_state_dict(state["optimizer"])
            scaler.load_state_dict(state["scaler"])
        while self._goes_on(stage, at):
            self.log.append(self._epoch(wrapped, optimizer, stage, at))
            write_text(self.out / run_files.LOG, "".join(json.dumps(entry.to_line()) + "\n" for entry in self.log))
            save_checkpoint(
                self.out / run_files.LAST,
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "scaler": scaler.state_dict(),
                    "progress": {
                        "stage": at.stage,
                        "epoch": at.epoch,
                        "best": None if at.best is None else list(at.best),
                        "best_epoch": at.best_epoch,
                    },
                    "log_lines": len(self.log),
                },
            )
            if self.on_epoch:
                self.on_epoch(self.log[-1])

    def _goes_on(self, stage: Stage, at: _Position) -> bool:
        if self.epochs is not None:
            return at.epoch < self.epochs[at.stage]
        return at.epoch < stage.epochs and not (stage.patience and at.epoch - at.best_epoch > stage.patience)

    def _epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, stage: Stage, at: _Position) -> EpochLog:
        started_s = time.perf_counter()
        # The seed and the epoch's number decide all of its randomness, so a resumed run equals an uninterrupted one.
        numbered = 10_000 * at.stage + at.epoch
        torch.manual_seed(int(np.random.SeedSequence((self.seed, numbered)).generate_state(1)[0]))
        self.train_loader.set_epoch(numbered)
        trained = train_one_epoch(
            self.fabric,
            model,
            optimizer,
            self.train_loader,
            stage,
            lambda fraction: learning_rate(stage, at.epoch + fraction),
            self._reporter("training"),
        )
        split = self.recipe.measured_on
        heatmaps = HeatmapAgreement(self.study, self.recipe.heatmap.target, self.recipe.input_size_px)
        validated = predict(
            model,
            self.measuring_loader,
            stage,
            keep_heatmaps=False,
            progress=self._reporter(split),
            on_heatmaps=heatmaps.add if stage.monitors_heatmap else None,
        )
        auc = _macro_auc(self.study, validated)
        agreement = heatmaps.means() if stage.monitors_heatmap else {}
        is_trained = self.recipe.has_trained_classifier(at.stage)
        value = monitored(stage, auc if is_trained else None, validated.losses, agreement)
        score = (value, -validated.losses["loss"])
        if self.epochs is not None:
            is_best = at.epoch + 1 == self.epochs[at.stage]
        else:
            is_best = math.isfinite(value) and (at.best is None or score > at.best)
        entry = EpochLog(
            stage=stage.name,
            epoch=at.epoch + 1,
            learning_rate=learning_rate(stage, at.epoch),
            train_losses=trained,
            chosen_on=split,
            losses=validated.losses,
            macro_auc=auc,
            best=is_best,
            seconds=round(time.perf_counter() - started_s, 3),
            agreement=agreement,
        )
        if not math.isfinite(trained["loss"]):
            raise EgazeError(
                f"stage {stage.name!r}, epoch {at.epoch + 1}: the loss is {trained['loss']}; "
                "lower the learning rate (--set stages.learning_rate=...)"
            )
        if is_best:
            at.best, at.best_epoch = score, at.epoch
            save_checkpoint(self.out / run_files.BEST, {"model": bare(model).state_dict(), "epoch": at.epoch + 1})
        at.epoch += 1
        return entry

    def _reporter(self, what: str) -> Progress | None:
        if self.progress is None:
            return None
        report = self.progress
        return lambda done, total: report(what, done, total)


def _order(study: Study, settings: OrderSettings) -> Order:
    """The order of the training cases that the recipe asks for."""
    cases = study.splits.indices("train")
    if settings.kind == "class-balanced":
        return class_balanced(study, cases)
    if settings.kind == "class-weighted":
        return class_weighted(study, cases, settings.class_weights)
    return gaze_and_label(study, cases, gaze_share=settings.gaze_share) if settings.kind == "mixed" else Shuffled(cases)


def _as_pair(best: list[float] | None) -> tuple[float, float] | None:
    return None if best is None else (best[0], best[1])


def _macro_auc(study: Study, predictions: Predictions) -> float | None:
    """Macro AUC over the classes that have both positive and negative cases; None if there is no such class."""
    answers = study.labels.answers[predictions.case_index]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StatisticsWarning)  # the log has null, which says it
        auc = macro_auc(answers, predictions.class_probs)
    return None if math.isnan(auc) else auc
