"""One training on real pairs, and its predictions of the fold that it did not see."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from real_pairs_encoders import encoder_weights
from real_pairs_plans import ENCODER, Plan, Trial
from real_radiographs_studies import DATA

from egaze.atomic import write_file
from egaze.evaluation.agreement import CENTRE, agreement_table
from egaze.loading import DeviceLoader
from egaze.metrics import macro_auc
from egaze.sources import SiimGaze
from egaze.study import Splits, Study, open_study, prepare_study
from egaze.training import Recipe, Run, deal_folds, load_recipe, train
from egaze.training.engine import Predictions, predict

#: Of a heatmap, by their names in `GAZE_METRICS`.
MEASURES = ("cc", "nss", "kld", "shuffled_auc", "information_gain")


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The results of a trained model on the T radiographs of its test fold; those of heatmaps are NaN without a head.

    Attributes:
        case_index: (T,) indices in the study.
        class_probs: (T, C).
        maps: (T, M) `MEASURES` of the predicted heatmap.
        centre: (T, M) the same of the training radiographs' mean map.
        validation, validation_centre: (M,) means of the same over the validation radiographs.
        validation_auc: macro AUC there; NaN if they have one class.
        epochs: of each stage, until the weights that were kept.
        strength: (maps,) strength of the prior; empty without one.
        seconds: duration of the training.
    """

    case_index: NDArray[np.int64]
    class_probs: NDArray[np.float32]
    maps: NDArray[np.float64]
    centre: NDArray[np.float64]
    validation: NDArray[np.float64]
    validation_centre: NDArray[np.float64]
    validation_auc: NDArray[np.float64]
    epochs: NDArray[np.int64]
    strength: NDArray[np.float64]
    seconds: NDArray[np.float64]

    @property
    def words(self) -> str:
        gain = self.validation - self.validation_centre
        said = ", ".join(f"{name} {value:+.3f}" for name, value in zip(MEASURES, gain.tolist(), strict=True))
        return f"{float(self.seconds):.0f} s, epochs {self.epochs.tolist()}, validation over the mean map: {said}"


def small_study(out: Path, size_px: int) -> Study:
    """Prepare the radiographs of siim_gaze, or open the study if it exists."""
    folder = DATA / "siim_gaze"
    if not (folder / "cxr_gaze_data.json").is_file():
        raise SystemExit(f"no real pairs: {folder} is not there; set EGAZE_REAL_DATA to the data's folder")
    if not out.exists():
        source = SiimGaze(folder / "cxr_gaze_data.json", folder / "films", folder / "train-rle.csv")
        prepare_study([source], out, size_px=size_px, workers=1)
    return open_study(out)


def dealt(study: Study, trial: Trial, folds: int) -> Study:
    """The study with the trial's splits. Fewer training radiographs lie within more; the others are in no split."""
    splits = deal_folds(study, folds)[trial.fold]
    split_index = splits.split_index.copy()
    if trial.radiographs is not None:
        train_cases = np.random.default_rng(trial.fold).permutation(np.flatnonzero(split_index == 0))
        split_index[train_cases[trial.radiographs :]] = -1
    return study.with_splits(Splits(splits.seed, splits.ratio, split_index))


def resolved(trial: Trial, plan: Plan, weights: str) -> Recipe:
    """The trial's recipe on the plan's encoder and images."""
    common = (f"model.encoder={ENCODER}", f"model.weights={weights}")
    sizes = (f"input_size_px={plan.size_px}", *plan.common)
    control = ("control.gaze=any-class",) if trial.way.shuffled else ()
    return load_recipe(trial.way.recipe, [*common, *sizes, *trial.way.changes, *control])


def carry_out(trial: Trial, study: Study, plan: Plan, folder: Path) -> Outcome:
    """Train, and predict the test fold once; an outcome that is already in `folder` is returned."""
    recipe = resolved(trial, plan, encoder_weights(trial.way.encoder, folder, plan))
    facts = f"{recipe.without_paths().to_toml()}{study.digest()}{plan.folds}{trial.way.shuffled}"
    kept = folder / f"{trial.name}-{hashlib.sha256(facts.encode()).hexdigest()[:8]}.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as arrays:
            return Outcome(**{name: arrays[name] for name in arrays})
    of_fold = dealt(study, trial, plan.folds)
    place = folder / f"{trial.name}.run"
    shutil.rmtree(place, ignore_errors=True)
    run = train(of_fold, recipe, place, seed=trial.seed, device="cpu", threads=1)
    outcome = _outcome(run, of_fold)
    write_file(kept, lambda partial: _save(partial, outcome))
    shutil.rmtree(place)
    return outcome


def _save(path: Path, outcome: Outcome) -> None:
    with path.open("wb") as file:
        np.savez(file, **{item.name: getattr(outcome, item.name) for item in fields(outcome)})


def _outcome(run: Run, study: Study) -> Outcome:
    model, recipe = run.load_model(), run.recipe
    predicted, validated = (
        predict(
            model,
            DeviceLoader(study, study.splits.indices(split), batch_size=32, size_px=recipe.input_size_px, target=None),
            recipe.stages[-1],
            keep_heatmaps=recipe.trains_heatmap,
        )
        for split in ("test", "validation")
    )
    labels = study.labels.values[validated.case_index]
    has_both = len(np.unique(labels)) > 1
    maps, centre = _agreement(study, recipe, predicted)
    validation, validation_centre = _agreement(study, recipe, validated)
    prior = getattr(getattr(model, "decoder", None), "prior", None)
    log = run.log()
    names = list(dict.fromkeys(entry.stage for entry in log))
    return Outcome(
        case_index=predicted.case_index,
        class_probs=predicted.class_probs,
        maps=maps,
        centre=centre,
        validation=np.nanmean(validation, axis=0) if recipe.trains_heatmap else validation[0],
        validation_centre=np.nanmean(validation_centre, axis=0) if recipe.trains_heatmap else validation_centre[0],
        validation_auc=np.array(macro_auc(labels, validated.class_probs) if has_both else np.nan),
        epochs=np.array([max(entry.epoch for entry in log if entry.best and entry.stage == name) for name in names]),
        strength=np.array(prior.strengths() if hasattr(prior, "strengths") else []),
        seconds=np.array(sum(entry.seconds for entry in log)),
    )


def _agreement(study: Study, recipe: Recipe, predicted: Predictions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(T, M) `MEASURES` of the predicted heatmaps, and of the training radiographs' mean map."""
    if predicted.heatmap is None:
        none = np.full((len(predicted.case_index), len(MEASURES)), np.nan)
        return none, none
    table = agreement_table(study, recipe, predicted, recipe.input_size_px)
    rows = pl.DataFrame({"case_index": predicted.case_index}).join(
        table, on="case_index", how="left", maintain_order="left"
    )
    maps, centre = (
        rows.select([pl.col(prefix + name).cast(pl.Float64) for name in MEASURES]).to_numpy() for prefix in ("", CENTRE)
    )
    return maps, centre
