"""`train`: carry out a recipe on a study and leave a run behind."""

from __future__ import annotations

import json
import logging
import math
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from egaze.atomic import new_directory, require_free, write_text
from egaze.errors import EgazeError, RunError, StudyError
from egaze.loading import DeviceLoader, Shuffled, class_balanced, gaze_and_label
from egaze.loading.sampling import Order
from egaze.metrics import StatisticsWarning, macro_auc
from egaze.progress import NamedProgress, Progress
from egaze.study import Splits, Study
from egaze.study.splits import require_seed, save_splits
from egaze.training import run as run_files
from egaze.training.engine import Predictions, bare, predict, train_one_epoch
from egaze.training.optimizer import make_optimizer
from egaze.training.quicken import quicken
from egaze.training.recipe import OrderSettings, Recipe
from egaze.training.run import (
    Checkpoint,
    LogLine,
    Run,
    RunFacts,
    build_model,
    load_checkpoint,
    open_run,
    save_checkpoint,
)
from egaze.training.schedule import learning_rate
from egaze.training.stage import Stage

logger = logging.getLogger(__name__)

#: What layers may compute in, and Lightning Fabric's names for it.
PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


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
    on_epoch: Callable[[LogLine], None] | None = None,
) -> Run:
    """Train a model; the epoch with the best validation is kept, the test split is not touched unless the recipe
    asks for the epoch to be chosen on it.

    Args:
        study: what to learn from. Each head learns from the cases that have an answer for it.
        recipe: how.
        out: the run's folder, which must not exist yet.
        splits: the run's own, kept in its folder, in place of the study's.
        seed: of weights, order, views and dropout. On the CPU the same seed gives the same run.
        device: "auto" (CUDA where there is one), "cpu" or "cuda".
        precision: what layers compute in, "fp32", "bf16" or "fp16"; weights stay float32. See `usable_precision`.
        threads: of the loader's kernel; the number of processors when None.
        resume: go on with the run in `out` from its last finished epoch, or begin where it has none.
        progress, on_epoch: called along the way; on_epoch gets the epoch's log line.

    Raises:
        StudyError: an empty split, or too little to learn from for what the recipe asks.
        RunError: `out` cannot be resumed.
        EgazeError: `out` exists, the seed is negative, or the device is not there.

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
    require_answers(study, recipe)
    precision = usable_precision(device, precision)
    fabric = _fabric(device, precision)
    torch.manual_seed(seed)
    if recipe.choose_on == "test":
        logger.warning("the epoch is chosen on the test split: what the run says of that split will be optimistic")
    if study.image_size_px < recipe.input_size_px:
        logger.warning(
            "%s: its images of %d px are enlarged to the model's input of %d px, which shows no more of them; "
            "prepare them with --size %d, or train with --set input_size_px=...",
            study.path,
            study.image_size_px,
            recipe.input_size_px,
            recipe.input_size_px,
        )
    state = _resume_state(out, study, recipe, seed, precision) if resume else None
    model = build_model(recipe.model, len(study.class_names), weights="none" if state else None)
    if not resume:
        _start_run(out, study, splits, recipe, seed, precision, model.weights_sha256)
    training = _Training(fabric, study, recipe, out, seed, threads or os.cpu_count() or 1, progress, on_epoch)
    training.carry_out(quicken(model, fabric.device), state)
    return open_run(out)


@dataclass(slots=True)
class _Place:
    """How far a run has come, as last.pt keeps it."""

    stage: int = 0
    epoch: int = 0  # within the stage
    best: tuple[float, float] | None = None  # of the stage: monitored value, then minus the loss
    best_epoch: int = -1


class _Training:
    def __init__(
        self,
        fabric: Fabric,
        study: Study,
        recipe: Recipe,
        out: Path,
        seed: int,
        threads: int,
        progress: NamedProgress | None,
        on_epoch: Callable[[LogLine], None] | None,
    ) -> None:
        self.fabric, self.study, self.recipe, self.out, self.seed = fabric, study, recipe, out, seed
        self.progress, self.on_epoch = progress, on_epoch
        self.lines: list[LogLine] = []
        order = _order(study, recipe.order)
        self.train_loader = self._loader("train", threads, order, augmentation=recipe.augmentation, seed=seed)
        self.choosing_loader = self._loader(recipe.choose_on, threads)

    def _loader(self, split: str, threads: int, order: Order | None = None, **options: Any) -> DeviceLoader:
        """A loader of one split, with the heatmaps that the recipe asks for."""
        return DeviceLoader(
            self.study,
            self.study.splits.indices(split) if order is None else order,
            batch_size=self.recipe.batch_size,
            size_px=self.recipe.input_size_px,
            target=self.recipe.target,
            device=self.fabric.device,
            threads=threads,
            **options,
        )

    def carry_out(self, model: nn.Module, state: Checkpoint | None) -> None:
        at = _Place()
        if state is not None:
            then = state["progress"]
            at = _Place(then["stage"], then["epoch"], _as_pair(then["best"]), then["best_epoch"])
            model.load_state_dict(state["model"])
            self.lines = open_run(self.out).log()[: state["log_lines"]]
        for number in range(at.stage, len(self.recipe.stages)):
            if number != at.stage:
                at = _Place(stage=number)
                model.load_state_dict(load_checkpoint(self.out / run_files.BEST)["model"])
            self._carry_out_stage(model, at, state)
            state = None

    def _carry_out_stage(self, model: nn.Module, at: _Place, state: Checkpoint | None) -> None:
        stage = self.recipe.stages[at.stage]
        for name, part in model.named_children():
            part.requires_grad_(name in stage.parts)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = make_optimizer(model, stage)
        if not trained:
            raise EgazeError(f"stage {stage.name!r} trains none of the model's parts")
        wrapped, optimizer = self.fabric.setup(model, optimizer)
        scaler = self.fabric.strategy.precision  # holds the loss's scale with fp16, and nothing otherwise
        if state is not None:
            # After the set-up: the state goes where the parameters are, in their type.
            optimizer.load_state_dict(state["optimizer"])
            scaler.load_state_dict(state["scaler"])
        while at.epoch < stage.epochs and not (stage.patience and at.epoch - at.best_epoch > stage.patience):
            self.lines.append(self._epoch(wrapped, optimizer, stage, at))
            write_text(self.out / run_files.LOG, "".join(json.dumps(line) + "\n" for line in self.lines))
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
                    "log_lines": len(self.lines),
                },
            )
            if self.on_epoch:
                self.on_epoch(self.lines[-1])

    def _epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, stage: Stage, at: _Place) -> LogLine:
        started_s = time.perf_counter()
        # Every epoch's randomness follows from the seed and its number, so a resumed run is the same run.
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
        split = self.recipe.choose_on
        validated = predict(model, self.choosing_loader, stage, keep_heatmaps=False, progress=self._reporter(split))
        auc = _macro_auc(self.study, validated)
        monitored = auc if stage.monitor == "macro_auc" and auc is not None else -validated.losses["loss"]
        score = (monitored, -validated.losses["loss"])
        is_best = math.isfinite(monitored) and (at.best is None or score > at.best)
        line = {
            "stage": stage.name,
            "epoch": at.epoch + 1,
            "learning_rate": learning_rate(stage, at.epoch),
            **{f"train_{name}": value for name, value in trained.items()},
            **{f"{split}_{name}": value for name, value in validated.losses.items()},
            f"{split}_macro_auc": auc,
            "best": is_best,
            "seconds": round(time.perf_counter() - started_s, 3),
        }
        if not math.isfinite(trained["loss"]):
            raise EgazeError(
                f"stage {stage.name!r}, epoch {at.epoch + 1}: the loss is {trained['loss']}; "
                "lower the learning rate (--set stages.learning_rate=...)"
            )
        if is_best:
            at.best, at.best_epoch = score, at.epoch
            save_checkpoint(self.out / run_files.BEST, {"model": bare(model).state_dict(), "epoch": at.epoch + 1})
        at.epoch += 1
        return line

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
    return gaze_and_label(study, cases, gaze_share=settings.gaze_share) if settings.kind == "mixed" else Shuffled(cases)


def _as_pair(best: list[float] | None) -> tuple[float, float] | None:
    return None if best is None else (best[0], best[1])


def _macro_auc(study: Study, predictions: Predictions) -> float | None:
    """Macro AUC over the classes that the predictions have cases of and against; None when there is none."""
    labels = study.labels[predictions.case_index]
    known = labels >= 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StatisticsWarning)  # null in the log says it
        auc = macro_auc(labels[known], predictions.class_probs[known])
    return None if math.isnan(auc) else auc


def require_answers(study: Study, recipe: Recipe) -> None:
    """Refuse what cannot work before a folder is made."""
    for split in ("train", recipe.choose_on):
        study.splits.indices(split)
    recipe.target.require(study)
    train = study.splits.indices("train")
    if recipe.order.kind == "class-balanced" and not (study.labels[train] >= 0).any():
        raise StudyError(f"{study.path}: no case of the train split has a label to balance (order.kind)")
    with_gaze = int(study.has_gaze[train].sum())
    if recipe.order.kind == "mixed" and not 0 < with_gaze < len(train):
        raise StudyError(
            f"{study.path}: {with_gaze} of {len(train)} cases of the train split have gaze; order.kind mixed needs "
            "cases with and without"
        )
    if recipe.trains_classifier:
        if len(study.class_names) < 2:
            raise StudyError(
                f"{study.path}: a classifier needs two classes, the study has {', '.join(study.class_names) or 'none'}"
            )
        counts = np.bincount(study.labels[train][study.labels[train] >= 0], minlength=len(study.class_names))
        if not counts.all():
            missing = study.class_names[int(np.argmin(counts))]
            raise StudyError(f"{study.path}: class {missing!r} has no case in the train split")
    learns_gaze = any(stage.heatmap_weight > 0 or stage.alignment_weight > 0 for stage in recipe.stages)
    if learns_gaze and not study.has_gaze[train].any():
        raise StudyError(
            f"{study.path}: no case of the train split has gaze, which recipe {recipe.name!r} learns from; "
            "use --recipe encoder-only"
        )


def _fabric(device: str, precision: str) -> Fabric:
    if device == "cuda" and not torch.cuda.is_available():
        raise EgazeError("device cuda: no CUDA device is available")
    return Fabric(accelerator=_accelerator(device), devices=1, precision=PRECISIONS[precision])


def usable_precision(device: str, precision: str) -> str:
    """The precision that is used: the CPU has no fp16, and bf16 takes its place with a warning.

    Raises:
        EgazeError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise EgazeError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "fp16" and _accelerator(device) == "cpu":
        logger.warning("precision fp16 is not there on the CPU: bf16 is used and recorded")
        return "bf16"
    return precision


def _accelerator(device: str) -> str:
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def _start_run(
    out: Path, study: Study, splits: Splits | None, recipe: Recipe, seed: int, precision: str, weights_sha256: str
) -> None:
    facts = _facts(out, study, recipe, seed, precision, weights_sha256)
    with new_directory(out) as partial:
        (partial / run_files.RECIPE).write_text(recipe.to_toml(), encoding="utf-8")
        if splits is not None:
            save_splits(partial, splits)
        (partial / run_files.FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _facts(out: Path, study: Study, recipe: Recipe, seed: int, precision: str, weights_sha256: str) -> RunFacts:
    return {
        "format_version": run_files.FORMAT_VERSION,
        "study": str(study.path.resolve()),
        "study_from_run": os.path.relpath(study.path.resolve(), out.resolve()),
        "study_sha256": study.digest(),
        "training_split_sha256": study.splits.digest(study.case_ids),
        "class_names": list(study.class_names),
        "presentation": study.manifest["presentation"],
        "fit": study.manifest["fit"],
        "image_size_px": study.image_size_px,
        "seed": seed,
        "chosen_on": recipe.choose_on,
        "precision": precision,
        "encoder_weights_sha256": weights_sha256,
        "counts": study.manifest["counts"],
        "versions": {name: version(name) for name in ("egaze", "torch", "timm", "numpy")},
    }


def _resume_state(out: Path, study: Study, recipe: Recipe, seed: int, precision: str) -> Checkpoint | None:
    """What last.pt holds, None where no epoch has been finished."""
    run = open_run(out)
    split = study.splits.digest(study.case_ids)
    asked = {"recipe": recipe.to_toml(), "study": study.digest(), "split": split, "seed": seed, "precision": precision}
    found = {
        "recipe": run.recipe.to_toml(),
        "study": run.facts["study_sha256"],
        "split": run.facts["training_split_sha256"],
        "seed": run.facts["seed"],
        "precision": run.facts["precision"],
    }
    for name, value in asked.items():
        if value != found[name]:
            both = f": {found[name]} then, {value} now" if name in ("seed", "precision") else ""
            raise RunError(f"{out}: cannot resume: the {name} is not the one the run began with{both}")
    if not (out / run_files.LAST).exists():
        return None
    state = load_checkpoint(out / run_files.LAST)
    if set(state) != {"model", "optimizer", "scaler", "progress", "log_lines"}:
        raise RunError(f"{out / run_files.LAST}: cannot resume: not a checkpoint of this egaze; train anew")
    return state
