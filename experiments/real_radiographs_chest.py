"""Cardiomegaly or oedema against normal on real radiographs, in five folds by patient, compared with other classifiers
on the same radiographs."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from real_radiographs_classifier import ENCODER, Radiographs, Training, frozen_features, held_out_scores
from real_radiographs_studies import CLASSES, DATA, FINDINGS, FOLDS, chest_radiographs, chest_study, deal
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from egaze import DualHeadUNet, resize
from egaze.atomic import write_file, write_text
from egaze.metrics import StatisticsWarning
from egaze.metrics.resampling import bootstrap_interval
from egaze.study import Study

# An epoch with the other radiographs is four times as long.
ALONE, WITH_OTHERS, BRIEF = Training(epochs=20), Training(epochs=10), Training(epochs=1)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the experiment.

    Attributes:
        size_px: side of the images.
        views: number of augmented views of each radiograph, in addition to the radiograph itself.
        seeds: seeds; each deals new folds and trains again.
        alone: training on the radiographs that have the proxy label.
        with_others: training on these and on the findings of the other radiographs.
        radiographs_per_class: the largest number per class; None for all.
        resamples: number of bootstrap resamples of patients.
    """

    size_px: int = 160
    views: int = 4
    seeds: tuple[int, ...] = (0, 1, 2)
    alone: Training = ALONE
    with_others: Training = WITH_OTHERS
    radiographs_per_class: int | None = None
    resamples: int = 10_000


QUICK = Settings(64, 1, (0,), BRIEF, BRIEF, radiographs_per_class=10, resamples=200)


def chest_results(weights: Path, work: Path, settings: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    """Compute the AUC of every classifier with its 95 % interval, and paired differences between them.

    Args:
        weights: file of ImageNet weights for the encoder.
        work: folder in which the scores of each fold are kept.
        settings: the settings of the experiment.
        say: called with a line of text for each fold.
    """
    radiographs = chest_radiographs(settings.radiographs_per_class)
    study = chest_study(radiographs, (*CLASSES, "pneumonia", "other"), work / "chest", 224)
    judged = np.flatnonzero(radiographs["class3_proxy"].is_in(CLASSES).to_numpy())
    rows = radiographs[judged]
    # Folds are balanced by view as well as by class, so that the view carries no information on the fold.
    strata = (rows["class3_proxy"] + rows["view"]).to_numpy()
    folds = np.stack([deal(rows["patient_id"].to_numpy(), strata, seed) for seed in settings.seeds])
    trained = _trained_scores(radiographs, study, judged, folds, weights, work, settings, say)
    positive = (rows["class3_proxy"] == CLASSES[1]).to_numpy()
    fixed = {
        "published_densenet121": np.tile(densenet_scores(rows["image"].to_list()), (len(folds), 1)),
        "ridge_32px": np.stack([_ridge_scores(study, judged, positive, of_seed) for of_seed in folds]),
        "view_alone": np.tile((rows["view"] == "AP").to_numpy().astype(np.float64), (len(folds), 1)),
    }
    return {
        "radiographs": {
            f"{name}_{view}": len(rows.filter((pl.col("class3_proxy") == name) & (pl.col("view") == view)))
            for name in CLASSES
            for view in ("PA", "AP")
        },
        "other_radiographs": len(radiographs) - len(rows),
        "settings": asdict(settings),
        "intervals": f"95 %, bootstrap over patients within class, {settings.resamples} resamples",
        **_figures({**trained, **fixed}, rows, positive, folds, settings.resamples),
    }


def densenet_scores(images: Sequence[str]) -> NDArray[np.float64]:
    """Return the published DenseNet-121's probability of cardiomegaly or oedema, taking the two to be independent."""
    table = pl.read_csv(DATA / "nih_cxr" / "chexnet_repro_predictions.csv")
    found = pl.DataFrame({"image": images}).join(table, on="image", how="left", maintain_order="left")
    missed = (1 - found["prob_Cardiomegaly"]) * (1 - found["prob_Edema"])
    return (1 - missed).to_numpy()


def _ridge_scores(
    study: Study, judged: NDArray[np.int64], positive: NDArray[np.bool_], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Score by a ridge classifier on 32x32 pixels, whose strength is chosen within the training folds."""
    pixels = np.stack([resize(study.images[place], (32, 32)).ravel() for place in judged]).astype(np.float64)
    scores = np.empty(len(judged))
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 11)))
        scores[test] = ridge.fit(pixels[train], np.where(positive[train], 1.0, -1.0)).predict(pixels[test])
    return scores


def _trained_scores(
    radiographs: pl.DataFrame,
    study: Study,
    judged: NDArray[np.int64],
    folds: NDArray[np.int64],
    weights: Path,
    work: Path,
    settings: Settings,
    say: Callable[[str], None],
) -> dict[str, NDArray[np.float64]]:
    """Return (seeds, radiographs) logits for each way of training, each from the model that was not trained on the
    radiograph's patient."""
    model = DualHeadUNet(ENCODER, len(CLASSES), weights=weights, heatmap_head=False)
    shared = model.weights_sha256, study.digest(), settings.size_px, settings.views
    proxy = np.full(len(radiographs), np.nan, dtype=np.float32)
    proxy[judged] = radiographs["class3_proxy"][judged] == CLASSES[1]
    learned = Radiographs(
        _kept_features(model, study, settings, work / f"features-{_digest(shared)}.pt"),
        torch.from_numpy(proxy),
        torch.from_numpy(radiographs.select(FINDINGS).to_numpy().astype(np.float32)),
    )
    ways = {"alone": settings.alone, "with_others": settings.with_others}
    scores = {name: np.empty(folds.shape) for name in ways}
    for (row, seed), (name, training), fold in product(enumerate(settings.seeds), ways.items(), range(FOLDS)):
        is_test = folds[row] == fold
        path = work / "scores" / f"{name}-{_digest((*shared, asdict(training)))}-seed{seed}-fold{fold}.json"
        if not path.is_file():
            test, train = judged[is_test], judged[~is_test]
            if name == "with_others":
                train = np.setdiff1d(np.arange(len(radiographs)), test)
            found = held_out_scores(model, learned, train, test, training, seed=1000 * seed + fold)
            write_text(path, json.dumps(found.tolist()))
            say(f"chest, {name}, seed {seed}, fold {fold}")
        scores[name][row, is_test] = json.loads(path.read_text(encoding="utf-8"))
    return scores


def _kept_features(model: DualHeadUNet, study: Study, settings: Settings, path: Path) -> torch.Tensor:
    if not path.is_file():
        features = frozen_features(model, study, settings.size_px, settings.views)
        write_file(path, lambda partial: torch.save(features, partial))
    return torch.load(path, weights_only=True)


def _digest(facts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _figures(
    scores: dict[str, NDArray[np.float64]],
    rows: pl.DataFrame,
    positive: NDArray[np.bool_],
    folds: NDArray[np.int64],
    resamples: int,
) -> dict[str, Any]:
    """Return AUCs over different sets of pairs of radiographs, averaged over the seeds, and their differences."""
    view, patient = rows["view"].to_numpy(), rows["patient_id"].to_numpy()
    pairs = {
        # The scores of all radiographs together, although each fold has its own model.
        "auc": np.ones((len(rows), len(rows)), dtype=bool),
        "auc_within_fold": folds[:, :, None] == folds[:, None, :],
        # Pairs of the same view, for which telling AP from PA does not help.
        "auc_within_PA": (view[:, None] == "PA") & (view[None] == "PA"),
        "auc_same_view": view[:, None] == view[None],
    }

    def interval(statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> dict[str, float]:
        value = float(statistic(np.ones((1, len(rows))))[0])
        with warnings.catch_warnings():
            # Among radiographs of one view, the AUC of the view itself is one half in every resample.
            warnings.filterwarnings("ignore", "all resamples give the same value", StatisticsWarning)
            return asdict(bootstrap_interval(statistic, value, patient, strata=positive, resamples=resamples))

    ways = {}
    for name, of_seeds in scores.items():
        ways[name] = {what: interval(mean_area(positive, of_seeds, allowed)) for what, allowed in pairs.items()}
        # How well the scores tell the view among normal radiographs.
        is_normal = ~positive
        among_normal = is_normal[:, None] & is_normal[None]
        of_view = mean_area(view == "AP", of_seeds, among_normal)
        ways[name]["view_auc_among_normal"] = float(of_view(np.ones((1, len(rows))))[0])
        each = mean_area(positive, of_seeds, pairs["auc"], mean=False)(np.ones((1, len(rows))))
        ways[name]["auc_of_each_seed"] = each[:, 0].tolist()
    differences = {}
    for ours, other in (
        ("alone", "published_densenet121"),
        ("with_others", "published_densenet121"),
        ("alone", "ridge_32px"),
        ("with_others", "ridge_32px"),
        ("with_others", "alone"),
    ):
        a, b = (mean_area(positive, scores[name], pairs["auc"]) for name in (ours, other))
        differences[f"{ours}_less_{other}"] = interval(lambda weights, a=a, b=b: a(weights) - b(weights))
    return {"ways": ways, "differences": differences}


def mean_area(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], allowed: NDArray[np.bool_], *, mean: bool = True
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return a function from (B, N) weights to (B,) AUCs, averaged over the rows of scores.

    An AUC is the weighted fraction of pairs of a positive and a negative in which the positive scores higher; ties
    count half. It is NaN if there is no pair.

    Args:
        positive: (N,) mask of the positives.
        scores: (S, N) scores, S at least 1.
        allowed: (N, N) or (S, N, N) mask of the pairs that count.
        mean: whether AUCs are averaged over S; else the function returns (S, B).
    """
    higher = scores[:, positive, None] - scores[:, None, ~positive]
    won = (higher > 0) + 0.5 * (higher == 0)
    counts = np.broadcast_to(allowed, (len(scores), *allowed.shape[-2:]))[:, positive][:, :, ~positive].astype(float)

    def area(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        of_positive, of_negative = weights[:, positive], weights[:, ~positive]
        areas = np.full((len(won), len(weights)), np.nan)
        for place, (row, count) in enumerate(zip(won, counts, strict=True)):
            pairs = ((of_positive @ count) * of_negative).sum(axis=1)
            np.divide(
                ((of_positive @ (row * count)) * of_negative).sum(axis=1), pairs, out=areas[place], where=pairs > 0
            )
        return areas.mean(axis=0) if mean else areas

    return area
