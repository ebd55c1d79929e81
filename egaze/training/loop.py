"""The training loop: stages, epochs, and what is kept after each."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray

from egaze.atomic import write_text
from egaze.errors import EgazeError, LossError, RunError
from egaze.loading import DeviceLoader, Shuffled, class_balanced, class_weighted, gaze_and_label
from egaze.loading.sampling import Order
from egaze.models import DualHeadUNet
from egaze.progress import NamedProgress, Progress
from egaze.study import Study
from egaze.targets import BatchTarget
from egaze.training import run as run_files
from egaze.training.checkpoint import BestModel, Checkpoint, TrainedState, WithinEpoch, save_checkpoint
from egaze.training.cost import CostMeter
from egaze.training.engine import EpochProgress, Predictions, predict, train_one_epoch
from egaze.training.epoch_log import EpochLog
from egaze.training.monitor import HeatmapAgreement, defined_macro_auc, monitored
from egaze.training.optimizer import learning_rate
from egaze.training.ranks import from_first
from egaze.training.recipe import OrderSettings, Recipe
from egaze.training.run import Run
from egaze.training.stage import Stage
from egaze.training.trained import Trained
from egaze.training.within_epoch import go_on_within, seed_dropout, within_epoch


@dataclass(slots=True)
class _Position:
    """How far a run has come, as last.pt stores it."""

    stage: int = 0
    epoch: int = 0  # within the stage
    best: tuple[float, float] | None = None  # within the stage: the monitored value, then minus the loss
    best_epoch: int = -1
    best_model: BestModel | None = None  # of the stage or, before it has one, of the stage before


class TrainingLoop:
    """Carries out the stages of a recipe, epoch by epoch, and keeps the run's log and checkpoints up to date.

    All ranks carry out the same; rank 0 alone writes, and tells what was measured and chosen.

    Args:
        fabric: the devices and the precision.
        study: the cases, with the splits of the run.
        recipe: what to carry out.
        learnt: the target of the training split.
        run: the run's folder, with what it has begun with.
        seed: decides order, views and dropout.
        least_samples: the fewest samples of a rank that a last batch is worth.
        threads: number of threads of the loader's kernel.
        progress: called with what is being done and how far it is.
        on_epoch: called with each epoch's log entry.
        epochs: number of epochs of each stage, if they are known before it begins.
    """

    def __init__(
        self,
        fabric: Fabric,
        study: Study,
        recipe: Recipe,
        learnt: BatchTarget,
        run: Run,
        seed: int,
        least_samples: int,
        threads: int,
        progress: NamedProgress | None,
        on_epoch: Callable[[EpochLog], None] | None,
        epochs: Sequence[int] | None,
    ) -> None:
        self.fabric, self.study, self.recipe, self.run, self.seed = fabric, study, recipe, run, seed
        self.progress, self.on_epoch = progress if fabric.is_global_zero else None, on_epoch
        self.epochs = epochs
        self.log: list[EpochLog] = []
        rank, ranks = fabric.global_rank, fabric.world_size
        self.train_loader = self._loader(
            _order(study, recipe.order),
            learnt,
            threads,
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation,
            seed=seed,
            rank=rank,
            ranks=ranks,
            least_samples=least_samples,
        )
        # Each rank measures its own part of the split, which may be empty.
        cases = np.array_split(study.splits.indices(recipe.measured_on), ranks)[rank]
        self.measuring_loader = None
        if len(cases):
            batch_size = -(-recipe.batch_size // ranks)
            self.measuring_loader = self._loader(cases, recipe.batch_target, threads, batch_size=batch_size)

    def _loader(
        self, cases: NDArray[np.int64] | Order, target: BatchTarget, threads: int, **options: Any
    ) -> DeviceLoader:
        return DeviceLoader(
            self.study,
            cases,
            size_px=self.recipe.input_size_px,
            target=target,
            device=self.fabric.device,
            threads=threads,
            **options,
        )

    def carry_out(self, model: DualHeadUNet, state: Checkpoint | None) -> None:
        """Train the model from its beginning or, given a checkpoint, from there."""
        at = _Position()
        if state is not None:
            then = state["progress"]
            at = _Position(then["stage"], then["epoch"], _as_pair(then["best"]), then["best_epoch"], state["best"])
            self.log = [EpochLog.from_line(line) for line in state["log"]]
            if self.fabric.is_global_zero:
                # A kill may have fallen before these were made from last.pt.
                self._write_best(at)
                self._write_log()
        for number in range(at.stage, len(self.recipe.stages)):
            if number != at.stage:
                at = _Position(stage=number, best_model=at.best_model)
                before = self.recipe.stages[number - 1]
                model.load_state_dict(from_first(self.fabric, partial(_chosen, at, before))["model"])
            self._carry_out_stage(model, at, state)
            state = None
        from_first(self.fabric, partial(self._finish, at))

    def _finish(self, at: _Position) -> None:
        _chosen(at, self.recipe.stages[-1])
        (self.run.path / run_files.PREVIOUS).unlink(missing_ok=True)

    def _carry_out_stage(self, model: DualHeadUNet, at: _Position, state: Checkpoint | None) -> None:
        stage = self.recipe.stages[at.stage]
        trained = Trained(self.fabric, model, self.recipe, stage)
        within = None
        if state is not None:
            trained.load_state(state)
            within = state["within_epoch"]
        while self._goes_on(stage, at):
            entry = self._epoch(trained, stage, at, within)
            within = None
            self.log.append(entry)
            if self.fabric.is_global_zero:
                self._keep(trained, stage, at, entry)

    def _keep(self, trained: Trained, stage: Stage, at: _Position, entry: EpochLog) -> None:
        """Write what an epoch has come to, and tell of it."""
        so_far = trained.state()
        if entry.best:
            at.best_model = {
                "model": so_far["average"] or so_far["model"],
                "stage": stage.name,
                "epoch": entry.epoch,
            }
        self._save(at, so_far)
        if entry.best:
            self._write_best(at)
        self._write_log()  # comes last, because a run counts as finished by it
        if self.on_epoch:
            self.on_epoch(entry)

    def _save(self, at: _Position, trained: TrainedState, within: WithinEpoch | None = None) -> None:
        """Write last.pt: with it an epoch counts, and best.pt and log.jsonl can be made from it."""
        checkpoint: Checkpoint = {
            **trained,
            "run": self.run.digest,
            "best": at.best_model,
            "progress": {
                "stage": at.stage,
                "epoch": at.epoch,
                "best": None if at.best is None else list(at.best),
                "best_epoch": at.best_epoch,
            },
            "within_epoch": within,
            "log": [entry.to_line() for entry in self.log],
        }
        save_checkpoint(self.run.path / run_files.LAST, checkpoint, previous=self.run.path / run_files.PREVIOUS)

    def _write_best(self, at: _Position) -> None:
        if at.best_model is not None:
            save_checkpoint(self.run.path / run_files.BEST, {"run": self.run.digest, **at.best_model})

    def _write_log(self) -> None:
        lines = (json.dumps(entry.to_line()) + "\n" for entry in self.log)
        write_text(self.run.path / run_files.LOG, "".join(lines))

    def _goes_on(self, stage: Stage, at: _Position) -> bool:
        if self.epochs is not None:
            return at.epoch < self.epochs[at.stage]
        return at.epoch < stage.epochs and not (stage.patience and at.epoch - at.best_epoch > stage.patience)

    def _epoch(self, trained: Trained, stage: Stage, at: _Position, within: WithinEpoch | None) -> EpochLog:
        """Train and measure one epoch, or the rest of one."""
        started_s = time.perf_counter()
        # The seed and the epoch's number decide all of its randomness, so a resumed run equals an uninterrupted one.
        numbered = 10_000 * at.stage + at.epoch
        seed_dropout(self.fabric, self.seed, numbered)
        self.train_loader.set_epoch(numbered)
        begun = None
        if within is not None:
            begun = go_on_within(self.fabric, within, self.train_loader, self.seed, numbered)
        split = self.recipe.measured_on
        heatmaps = HeatmapAgreement(self.study, self.recipe.heatmap.target, self.recipe.input_size_px)
        before = self.log[len(self.log) - at.epoch :]  # the epochs of this stage
        meter = CostMeter(self.fabric.device, self.fabric.world_size)
        with self._told_where(stage, at, "training"):
            train_losses = train_one_epoch(
                self.fabric,
                trained.model,
                trained.optimizer,
                self.train_loader,
                stage,
                lambda fraction: learning_rate(stage, at.epoch + fraction),
                self._reporter("training"),
                batches_per_step=self.recipe.batches_per_step,
                begun=begun,
                after_step=lambda done: self._after_step(trained, at, done),
                lowest_loss=min((entry.train_losses["loss"] for entry in before), default=math.inf),
                meter=meter,
            )
        cost = meter.cost()
        trained.share_buffers(self.fabric)
        with self._told_where(stage, at, split):
            validated = predict(
                trained.measured,
                self.measuring_loader,
                stage,
                keep_heatmaps=False,
                fabric=self.fabric,
                progress=self._reporter(split),
                on_heatmaps=heatmaps.add if stage.monitors_heatmap else None,
            )
        heatmaps.gather(self.fabric)
        # Rank 0 decides: on computers of different kinds, the last bits may differ.
        auc, agreement, losses, value = from_first(self.fabric, lambda: self._measured(at.stage, validated, heatmaps))
        score = (value, -losses["loss"])
        if self.epochs is not None:
            is_best = at.epoch + 1 == self.epochs[at.stage]
        else:
            is_best = math.isfinite(value) and (at.best is None or score > at.best)
        entry = EpochLog(
            stage=stage.name,
            epoch=at.epoch + 1,
            learning_rate=learning_rate(stage, at.epoch),
            train_losses=train_losses,
            chosen_on=split,
            losses=losses,
            macro_auc=auc,
            best=is_best,
            seconds=round(time.perf_counter() - started_s, 3),
            agreement=agreement,
            cost=cost,
        )
        if is_best:
            at.best, at.best_epoch = score, at.epoch
        at.epoch += 1
        return entry

    def _measured(
        self, stage_index: int, validated: Predictions, heatmaps: HeatmapAgreement
    ) -> tuple[float | None, dict[str, float], dict[str, float], float]:
        """The macro AUC, the agreement with gaze, the losses, and the value that the stage's monitor makes of them."""
        stage = self.recipe.stages[stage_index]
        auc = defined_macro_auc(self.study, validated)
        agreement = heatmaps.means() if stage.monitors_heatmap else {}
        is_trained = self.recipe.has_trained_classifier(stage_index)
        value = monitored(stage, auc if is_trained else None, validated.losses, agreement)
        return auc, agreement, validated.losses, value

    def _after_step(self, trained: Trained, at: _Position, done: EpochProgress) -> None:
        in_epoch = -(-len(self.train_loader) // self.recipe.batches_per_step)
        trained.after_step(at.epoch * in_epoch + done.step)
        every = self.recipe.checkpoint_steps
        if every and done.step % every == 0 and done.step < in_epoch:
            trained.share_buffers(self.fabric)
            within = within_epoch(self.fabric, done, self.train_loader)
            if self.fabric.is_global_zero:
                self._save(at, trained.state(), within)

    @contextmanager
    def _told_where(self, stage: Stage, at: _Position, what: str) -> Iterator[None]:
        """Say of a loss that is not finite in which epoch it is, and what to do; and of a compiler that fails."""
        try:
            yield
        except LossError as error:
            kept = f"{self.run.path / run_files.LAST} keeps all epochs before" if self.log else "no epoch had finished"
            error.args = (
                f"stage {stage.name!r}, epoch {at.epoch + 1}, {what}: {error}; lower the learning rate "
                f"(--set stages.learning_rate=...), or look at these cases; {kept}",
            )
            raise
        except Exception as error:
            if self.recipe.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                # The first line may name the compiler, and the second what it said.
                why = " ".join(str(error).split("\n")[:2]) or type(error).__name__
                raise EgazeError(f"torch.compile: {why}; train with --set compile=false") from error
            raise

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


def _chosen(at: _Position, stage: Stage) -> BestModel:
    """The best model so far, from which the next stage begins."""
    if at.best_model is None:
        raise RunError(f"stage {stage.name!r}: no epoch could be chosen: its monitor was undefined in each of them")
    return at.best_model


def _as_pair(best: list[float] | None) -> tuple[float, float] | None:
    return None if best is None else (best[0], best[1])
