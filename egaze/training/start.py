"""Starting a run: its new folder, or the checkpoint that an interrupted one is resumed from."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, get_type_hints

from egaze.atomic import new_directory
from egaze.errors import RunError
from egaze.study import Splits, Study
from egaze.study.splits import save_splits
from egaze.targets import ClassHeatmapTarget, ControlledTarget, GazeControl
from egaze.training import run as run_files
from egaze.training.checkpoint import Checkpoint
from egaze.training.recipe import Recipe
from egaze.training.run import Run, RunFacts, open_run

logger = logging.getLogger(__name__)


class RunSettings(NamedTuple):
    """What a run is made with, beside the study; see `train`."""

    recipe: Recipe
    seed: int
    precision: str
    compute_threads: int
    ranks: int
    sync_batch_norm: bool


def start_run(
    out: Path,
    study: Study,
    splits: Splits | None,
    settings: RunSettings,
    weights_sha256: str,
    control: str = "",
    class_heatmaps: str = "",
) -> Run:
    """Make the run's folder; `control` and `class_heatmaps` are the texts of control.csv and class-heatmaps.csv, of
    which an empty one is left out."""
    facts = _facts(out, study, settings, weights_sha256)
    with new_directory(out) as partial:
        (partial / run_files.RECIPE).write_text(settings.recipe.to_toml(), encoding="utf-8")
        if splits is not None:
            save_splits(partial, splits)
        if control:
            (partial / run_files.CONTROL).write_text(control, encoding="utf-8")
        if class_heatmaps:
            (partial / run_files.CLASS_HEATMAPS).write_text(class_heatmaps, encoding="utf-8")
        (partial / run_files.FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return open_run(out)


def _facts(out: Path, study: Study, settings: RunSettings, weights_sha256: str) -> RunFacts:
    return {
        "format_version": run_files.FORMAT_VERSION,
        "study": str(study.path.resolve()),
        "study_from_run": os.path.relpath(study.path.resolve(), out.resolve()),
        "study_sha256": study.digest(),
        "training_split_sha256": study.splits.digest(study.case_ids),
        "class_names": list(study.class_names),
        "labels": study.manifest["labels"],
        "presentation": study.manifest["presentation"],
        "fit": study.manifest["fit"],
        "image_size_px": study.image_size_px,
        "seed": settings.seed,
        "chosen_on": settings.recipe.choose_on,
        "precision": settings.precision,
        "compute_threads": settings.compute_threads,
        "ranks": settings.ranks,
        "global_batch_size": settings.recipe.batch_size,
        "sync_batch_norm": settings.sync_batch_norm,
        "encoder_weights_sha256": weights_sha256,
        "counts": study.manifest["counts"],
        "versions": {name: version(name) for name in ("egaze", "torch", "timm", "numpy")},
    }


def resume_state(run: Run, study: Study, settings: RunSettings, control: str = "") -> Checkpoint | None:
    """Load last.pt after checking that the run asked for is the one that was begun; None if no epoch has finished.

    Another number of devices is said, and allowed.
    """
    out = run.path
    split = study.splits.digest(study.case_ids)
    asked = {
        "recipe": settings.recipe.to_toml(),
        "study": study.digest(),
        "split": split,
        "seed": settings.seed,
        "precision": settings.precision,
        "number of compute threads": settings.compute_threads,
        "synchronisation of batch norms": settings.sync_batch_norm,
    }
    found = {
        "recipe": run.recipe.to_toml(),
        "study": run.facts["study_sha256"],
        "split": run.facts["training_split_sha256"],
        "seed": run.facts["seed"],
        "precision": run.facts["precision"],
        "number of compute threads": run.facts.get("compute_threads", settings.compute_threads),
        "synchronisation of batch norms": run.facts.get("sync_batch_norm", settings.sync_batch_norm),
    }
    for name, value in asked.items():
        if value != found[name]:
            both = "" if name in ("recipe", "study", "split") else f": {found[name]} then, {value} now"
            raise RunError(f"{out}: cannot resume: the {name} differs from the one that the run began with{both}")
    if control != _control(out / run_files.CONTROL):
        raise RunError(
            f"{out / run_files.CONTROL}: cannot resume: the gaze that each case learns from would now be dealt in "
            "another way, as another version of NumPy may; train again"
        )
    if (then := run.facts.get("ranks", 1)) != settings.ranks:
        alike = "by rounding and in dropout" if settings.sync_batch_norm else "also in the batch norms' statistics"
        logger.warning(
            "%s: goes on with %d devices, and began with %d: numbers differ %s from those of an uninterrupted run",
            *(out, settings.ranks, then, alike),
        )
    return _newest_checkpoint(run)


def _newest_checkpoint(run: Run) -> Checkpoint | None:
    last, previous = run.path / run_files.LAST, run.path / run_files.PREVIOUS
    if not last.exists():
        # A kill between the two renames that replace last.pt, or a user who has removed a damaged one.
        return _whole_checkpoint(run, run_files.PREVIOUS) if previous.exists() else None
    try:
        return _whole_checkpoint(run, run_files.LAST)
    except RunError as error:
        try:
            progress = _whole_checkpoint(run, run_files.PREVIOUS)["progress"]
        except RunError:
            raise RunError(f"{error}; there is no earlier checkpoint: train again") from error
        stage = run.recipe.stages[progress["stage"]].name
        raise RunError(
            f"{error}; {previous} is whole: to go on after epoch {progress['epoch']} of stage {stage!r}, "
            f"remove {last.name} and resume again"
        ) from error


def _whole_checkpoint(run: Run, name: str) -> Checkpoint:
    state: Checkpoint = run.load_checkpoint(name)
    if set(state) != set(get_type_hints(Checkpoint)):
        raise RunError(f"{run.path / name}: cannot resume: not a checkpoint of this version of egaze")
    return state


def control_text(study: Study, control: GazeControl, target: ControlledTarget) -> str:
    """The content of control.csv, empty where each case learns from all of its own gaze, or all from the same map."""
    if not control.deals:
        return ""
    rows = [("case_index", "gaze_of_case_index", "fixations", "fixations_used"), *target.table(study)]
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def class_heatmaps_text(study: Study, recipe: Recipe) -> str:
    """The content of class-heatmaps.csv, empty where no map teaches a single class."""
    if not recipe.class_heatmaps.is_on:
        return ""
    header = ("case_index", "class", "taught_by", "mentions_or_regions", "fixations", "within_mentions_s")
    text = io.StringIO()
    target = ClassHeatmapTarget(recipe.heatmap.target, recipe.class_heatmaps)
    csv.writer(text, lineterminator="\n").writerows([header, *target.table(study)])
    return text.getvalue()


def _control(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from error
