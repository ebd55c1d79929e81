"""Cardiomegaly or oedema against normal on real radiographs, in five folds by patient, beside rivals on the same
radiographs."""

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

# An epoch with the others is four times as long.
ALONE, WITH_OTHERS, BRIEF = Training(epochs=20), Training(epochs=10), Training(epochs=1)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is run.

    Attributes:
        size_px: side of the radiographs.
        views: of each radiograph beside the radiograph as it is.
        seeds: each deals the folds anew and trains anew.
        alone: training on the proxy's radiographs.
        with_others: training on these and the other radiographs' findings.
        radiographs_per_class: at most; None for all.
        resamples: of patients, for the intervals.
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
    """AUCs with 95 % intervals of every way to tell the two classes, and paired differences from the rivals.

    Args:
        weights: ImageNet's, for the encoder.
        work: where each fold's scores are kept and, the next time, found.
        settings: what is run.
        say: gets a line for each fold.
    """
    radiographs = chest_radiographs(settings.radiographs_per_class)
    study = chest_study(radiographs, (*CLASSES, "pneumonia", "other"), work / "chest", 224)
    judged = np.flatnonzero(radiographs["class3_proxy"].is_in(CLASSES).to_numpy())
    rows = radiographs[judged]
    # Folds are balanced by view as well as by class: a radiograph's view must not tell its fold.
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
    """The published DenseNet-121's probability of cardiomegaly or oedema, as if each came alone."""
    table = pl.read_csv(DATA / "nih_cxr" / "chexnet_repro_predictions.csv")
    found = pl.DataFrame({"image": images}).join(table, on="image", how="left", maintain_order="left")
    missed = (1 - found["prob_Cardiomegaly"]) * (1 - found["prob_Edema"])
    return (1 - missed).to_numpy()


def _ridge_scores(
    study: Study, judged: NDArray[np.int64], positive: NDArray[np.bool_], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """A ridge on 32x32 pixels, its strength chosen within the training folds."""
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
    """For each way of training (seeds, judged radiographs): each radiograph's logit from the model that never saw its
    patient."""
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
    """AUCs over different pairs of radiographs, each the mean over the seeds, and differences between ways."""
    view, patient = rows["view"].to_numpy(), rows["patient_id"].to_numpy()
    pairs = {
        # All radiographs' scores together, though each fold's come from a model of its own.
        "auc": np.ones((len(rows), len(rows)), dtype=bool),
        "auc_within_fold": folds[:, :, None] == folds[:, None, :],
        # Nothing that tells AP from PA helps with these.
        "auc_within_PA": (view[:, None] == "PA") & (view[None] == "PA"),
        "auc_same_view": view[:, None] == view[None],
    }

    def interval(statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> dict[str, float]:
        value = float(statistic(np.ones((1, len(rows))))[0])
        with warnings.catch_warnings():
            # The view alone, among radiographs of one view, is one half whatever is drawn.
            warnings.filterwarnings("ignore", "all resamples give the same value", StatisticsWarning)
            return asdict(bootstrap_interval(statistic, value, patient, strata=positive, resamples=resamples))

    ways = {}
    for name, of_seeds in scores.items():
        ways[name] = {what: interval(mean_area(positive, of_seeds, allowed)) for what, allowed in pairs.items()}
        # What the scores tell of the view where there is nothing else to tell.
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
    """A function from (B, N) weights to (B,) areas under ROC curves: the weighted share of pairs of a positive and
    a negative in which the positive scores higher, ties counted half, NaN without a pair; the mean over the rows of
    scores.

    Args:
        positive: (N,).
        scores: (S, N), S at least 1.
        allowed: (N, N) or (S, N, N) pairs that count.
        mean: over S, or (S, B) areas.
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
