"""The heatmap head on real gaze, on images held out in five folds, compared with the centre bias and other viewers."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from real_radiographs_studies import FOLDS, deal, hold_out, scene_gaze, scene_names, scene_study

from egaze import Fixations, rasterize_fixations
from egaze.evaluation import evaluate, open_evaluation
from egaze.metrics import mean_ci, nss, shuffled_auc
from egaze.study import Study
from egaze.training import Recipe, load_recipe, train

RECIPE = Path(__file__).with_suffix(".toml")
# In pixels of the photographs. Viewers' heatmaps are blurred by this sigma, as in the data set's reference values.
SCENE_SHAPE, VIEWERS_SIGMA_PX = (600, 800), 24.0
METRICS = ("nss", "cc", "kld", "sim", "auc_judd", "shuffled_auc")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the experiment.

    Attributes:
        seeds: seeds; each deals new folds and trains again.
        images: the largest number of images; None for all.
        overrides: changes to the recipe.
        resamples: number of bootstrap resamples of images.
    """

    seeds: tuple[int, ...] = (0,)
    images: int | None = None
    overrides: tuple[str, ...] = ()
    resamples: int = 10_000


QUICK = Settings((0,), 10, ("input_size_px=64", "stages.epochs=1", "model.decoder_channels=[8, 8, 8]"), resamples=200)


def gaze_results(weights: Path, work: Path, settings: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    """Compute NSS, CC and shuffled AUC with 95 % intervals over images, for the prediction, the centre bias and other
    viewers, and paired differences.

    Args:
        weights: file of ImageNet weights for the encoder.
        work: folder in which runs are kept; unfinished ones are resumed.
        settings: the settings of the experiment.
        say: called with a line of text for each fold.
    """
    names = scene_names(settings.images)
    study = scene_study(names, work / "scenes", 224)
    recipe = load_recipe(RECIPE, [f"model.weights={weights}", *settings.overrides])
    of_seeds = []
    for seed in settings.seeds:
        folds = deal(np.array(names), np.array(["image"] * len(names)), seed)
        of_folds = [_fold(study, folds, fold, seed, recipe, work, say) for fold in range(FOLDS)]
        of_seeds.append(pl.concat(of_folds).sort("case_id"))
    # The value of an image is its mean over the seeds.
    table = pl.concat(of_seeds).group_by("case_id", maintain_order=True).mean()
    viewers = _others_predict_each(study, recipe.input_size_px).sort("case_id")

    def figure(values: pl.Series) -> dict[str, float]:
        return asdict(mean_ci(values.to_numpy(), resamples=settings.resamples))

    return {
        "images": len(names),
        "settings": asdict(settings),
        "recipe": asdict(replace(recipe, model=replace(recipe.model, weights=weights.name))),
        "intervals": f"95 %, bootstrap over images, {settings.resamples} resamples",
        "prediction": {name: figure(table[name]) for name in METRICS},
        "centre_bias": {name: figure(table[f"centre_{name}"]) for name in METRICS},
        "over_centre_bias": {name: figure(table[name] - table[f"centre_{name}"]) for name in METRICS},
        "other_viewers": {name: figure(viewers[name]) for name in ("nss", "shuffled_auc")},
        "other_viewers_over_prediction": {
            name: figure(viewers[name] - table[name]) for name in ("nss", "shuffled_auc")
        },
        "images_above_centre_bias": int((table["nss"] > table["centre_nss"]).sum()),
    }


def _fold(
    study: Study,
    folds: NDArray[np.int64],
    fold: int,
    seed: int,
    recipe: Recipe,
    work: Path,
    say: Callable[[str], None],
) -> pl.DataFrame:
    """Return one row per image of the fold: case_id, and each metric of the prediction and the centre bias."""
    study = hold_out(study, folds, fold, seed)
    digest = hashlib.sha256(f"{recipe.to_toml()}{study.digest()}".encode()).hexdigest()[:12]
    folder = work / "gaze" / f"{digest}-seed{seed}-fold{fold}"
    evaluation = folder / "evaluation" / "test"
    if not (evaluation / "metrics.json").is_file():
        resume = (folder / "last.pt").is_file()
        if folder.exists() and not resume:
            shutil.rmtree(folder)
        run = train(study, recipe, folder, seed=seed, device="cpu", threads=1, resume=resume)
        evaluate(run, threads=1)
        say(f"gaze, seed {seed}, fold {fold}")
    return open_evaluation(evaluation).predictions.select("case_id", *METRICS, *(f"centre_{name}" for name in METRICS))


def _others_predict_each(study: Study, size_px: int) -> pl.DataFrame:
    """Measure the human ceiling: the other viewers' heatmap at each viewer's fixations, averaged over viewers."""
    scale_x, scale_y = size_px / SCENE_SHAPE[1], size_px / SCENE_SHAPE[0]
    gaze = scene_gaze().with_columns(
        ((pl.col("x_px") + 0.5) * scale_x - 0.5).alias("x_px"), ((pl.col("y_px") + 0.5) * scale_y - 0.5).alias("y_px")
    )
    everything = [study.fixations(case, size_px) for case in range(len(study))]
    sigma_px = VIEWERS_SIGMA_PX * scale_x, VIEWERS_SIGMA_PX * scale_y
    rows = []
    for case, name in enumerate(study.case_ids):
        own = gaze.filter(pl.col("case_id") == name)
        for viewer in own["viewer"].unique():
            others = _as_fixations(own.filter(pl.col("viewer") != viewer))
            seen = _as_fixations(own.filter(pl.col("viewer") == viewer))
            heatmap = rasterize_fixations(others, (size_px, size_px), sigma_px=sigma_px, weight="count")
            area = _shuffled_auc(heatmap, [*everything[:case], seen, *everything[case + 1 :]], case)
            rows.append((name, len(seen), nss(heatmap, seen.x_px, seen.y_px), area))
    table = pl.DataFrame(rows, schema=["case_id", "fixations", "nss", "shuffled_auc"], orient="row")
    # Weighted by the number of fixations, as the metrics of a heatmap are.
    weighed = ((pl.col(name) * pl.col("fixations")).sum() / pl.col("fixations").sum() for name in table.columns[2:])
    return table.group_by("case_id", maintain_order=True).agg(weighed)


def _shuffled_auc(heatmap: NDArray[np.floating], fixations: Sequence[Fixations], place: int) -> float:
    """Compute the AUC of the fixations on one image against those on all other images."""
    others = [item for number, item in enumerate(fixations) if number != place]
    own = fixations[place]
    return shuffled_auc(
        heatmap,
        own.x_px,
        own.y_px,
        np.concatenate([item.x_px for item in others]),
        np.concatenate([item.y_px for item in others]),
    )


def _as_fixations(rows: pl.DataFrame) -> Fixations:
    return Fixations(rows["x_px"].to_numpy(), rows["y_px"].to_numpy(), rows["duration_s"].to_numpy())
