"""What radiologists' gaze on SIIM-ACR's radiographs says by itself, without a radiograph.

Data: the folder that EGAZE_REAL_DATA names, ../shared/data by default: `siim_gaze`, with cxr_gaze_data.json and
train-rle.csv. No radiograph is read. Who read which radiograph, and which radiographs are of one patient, is not known:
folds and intervals are over radiographs.

points_median                    points of a reading
auc_dwell, auc_dwell_low         pneumothorax or none told by total dwell, with the lower bound of its interval
auc_dwell_and_asymmetry          by its logarithm and how unevenly it lies left and right, out of five folds
dwell_in_own, dwell_in_others    share of dwell in the radiograph's own mask, and in other radiographs' masks
peak_in_own                      share of positives whose map peaks within .05 of the side of their mask
centre_nss                       of the mean map of all other readings
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from record import arguments, finish, rounded

from egaze.gaze import Fixations, rasterize_batch
from egaze.imaging import resize
from egaze.imaging.fit import unit_to_px
from egaze.metrics import Estimate, cc, kld, mean_ci, nss, pointing_game, roc_auc_ci
from egaze.metrics.scanpath import coverage_frac, nearest_fixation_px
from egaze.sources import Mask
from egaze.sources.siim_gaze.axes import check_axes, dwell_frac
from egaze.sources.siim_gaze.gaze import GazeRecord, read_gaze
from egaze.sources.siim_gaze.masks import read_masks

DATA = Path(os.environ.get("EGAZE_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")) / "siim_gaze"
SIDE_PX = 64
#: Of the maps whose peaks are looked for: how far a small mask is from a peak depends on the grid.
PEAK_PX = 256
SIGMA_FRAC = 0.05
FOLDS = 5
SEED = 0
RESAMPLES = 2000
#: Of the model on maps: pixels a side, and the penalty on the squared weights of standardised pixels.
COARSE_PX, PENALTY = 16, 300.0

Array = NDArray[np.float64]


def read(folder: Path, first: int | None = None) -> tuple[list[GazeRecord], dict[str, tuple[Mask, ...]], str]:
    """The records whose class is known, the masks, and what was found of the axes."""
    records = read_gaze(folder / "cxr_gaze_data.json", Counter())[:first]
    masks = read_masks(folder / "train-rle.csv", [record.image_id for record in records], Counter())
    axes = check_axes(str(folder), records, masks)
    return [record for record in records if record.image_id in masks and len(record)], masks, str(axes)


def facts(records: Sequence[GazeRecord], masks: Mapping[str, Sequence[Mask]], resamples: int) -> dict[str, Any]:
    """Every figure, with intervals over radiographs."""
    positive = np.array([len(masks[record.image_id]) > 0 for record in records])
    maps = maps_of(records, [np.ones(len(record), dtype=bool) for record in records])
    return {
        "readings": {"all": len(records), "pneumothorax": int(positive.sum()), "normal": int((~positive).sum())},
        "amount": amount(records, positive, resamples),
        "classes": classes(records, maps, positive),
        "findings": findings([r for r, is_one in zip(records, positive, strict=True) if is_one], masks),
        "centre_bias": centre_bias(records, maps, positive),
        "halves": halves(records),
    }


def amount(records: Sequence[GazeRecord], positive: NDArray[np.bool_], resamples: int) -> dict[str, Any]:
    """How many points a reading has, and how much dwell, by class."""
    values = {
        "points": np.array([float(len(record)) for record in records]),
        "dwell_relative": np.array([record.weight.sum() for record in records]),
    }
    groups = {"all": np.ones(len(records), dtype=bool), "pneumothorax": positive, "normal": ~positive}
    found: dict[str, Any] = {
        name: {group: median_ci(of[inside], resamples) | spread(of[inside]) for group, inside in groups.items()}
        for name, of in values.items()
    }
    time = np.concatenate([record.weight for record in records])
    found["point_ms_if_time_were_samples_of_60_hz"] = {
        "median": float(np.median(time)) / 60 * 1000,
        "mean": float(time.mean()) / 60 * 1000,
    }
    return found


def classes(records: Sequence[GazeRecord], maps: Array, positive: NDArray[np.bool_]) -> dict[str, Any]:
    """Whether gaze alone tells pneumothorax from none: AUCs; those of models are of scores out of folds."""
    dwell = np.array([record.weight.sum() for record in records])
    uneven = np.array([asymmetry(record) for record in records])
    coarse = np.array([resize(one.astype(np.float32), (COARSE_PX, COARSE_PX)) for one in np.sqrt(maps)], np.float64)
    both = np.stack([np.log(dwell), uneven], axis=1)
    scores = {
        "total_dwell": dwell,
        "coverage": np.array([coverage(record) for record in records]),
        "asymmetry": uneven,
        "log_dwell_and_asymmetry": out_of_folds(both, positive, penalty=1.0),
        "map": out_of_folds(coarse.reshape(len(records), -1), positive, penalty=PENALTY),
    }
    return {name: stated(roc_auc_ci(positive, score)) for name, score in scores.items()}


def findings(records: Sequence[GazeRecord], masks: Mapping[str, Sequence[Mask]]) -> dict[str, Any]:
    """How gaze lies to the pneumothorax of its own radiograph, to that mirrored, and to other radiographs'."""
    inside = [np.logical_or.reduce([mask.pixels() for mask in masks[record.image_id]]) for record in records]
    small = [on_grid(pixels) for pixels in inside]
    maps = maps_of(records, [np.ones(len(record), dtype=bool) for record in records], PEAK_PX)
    tolerance_px = SIGMA_FRAC * PEAK_PX
    own, mirrored, others, peak, peak_others = ([] for _ in range(5))
    for place, record in enumerate(records):
        gaze = (record.x_frac, record.y_frac, record.weight)
        rest = [other for other in range(len(records)) if other != place]
        own.append(dwell_frac(inside[place], *gaze))
        mirrored.append(dwell_frac(inside[place][:, ::-1], *gaze))
        others.append(np.mean([dwell_frac(inside[other], *gaze) for other in rest]))
        peak.append(pointing_game(maps[place], small[place], tolerance_px=tolerance_px))
        # Every mask is asked for one other reading: distances to a mask take long.
        peak_others.append(pointing_game(maps[place - 1], small[place], tolerance_px=tolerance_px))
    area = np.array([pixels.mean() for pixels in inside])
    return {
        "dwell_in_own": mean_of(own),
        "dwell_in_mirrored": mean_of(mirrored),
        "dwell_in_others": mean_of(others),
        "own_less_others": mean_of(np.subtract(own, others)),
        "own_less_mirrored": mean_of(np.subtract(own, mirrored)),
        "mask_area_frac": mean_of(area),
        "peak_in_own": mean_of(peak),
        "peak_in_others": mean_of(peak_others),
    }


def centre_bias(records: Sequence[GazeRecord], maps: Array, positive: NDArray[np.bool_]) -> dict[str, Any]:
    """The mean of all other readings' maps as a prediction, and how alike the two classes' mean maps are."""
    density = maps / maps.sum(axis=(1, 2), keepdims=True)
    total, count = density.sum(axis=0), len(density)
    found: dict[str, list[float]] = {"nss": [], "cc": [], "kld": []}
    for record, own in zip(records, density, strict=True):
        others = (total - own) / (count - 1)
        x_px, y_px, on_map = on_pixels(record)
        found["nss"].append(nss(others, x_px[on_map], y_px[on_map]))
        found["cc"].append(cc(others, own))
        found["kld"].append(kld(others, own))
    return {name: mean_of(values) for name, values in found.items()} | {
        "cc_of_class_means": cc(density[positive].mean(axis=0), density[~positive].mean(axis=0)),
        "mean_maps": {"normal": drawn(density[~positive]), "pneumothorax": drawn(density[positive])},
    }


def drawn(density: Array) -> list[list[float]]:
    """The mean map of some readings for a picture: COARSE_PX a side, in thousandths of dwell a pixel."""
    mean = density.mean(axis=0).astype(np.float32) * (SIDE_PX / COARSE_PX) ** 2 * 1000
    return [[round(float(value), 2) for value in row] for row in resize(mean, (COARSE_PX, COARSE_PX))]


def halves(records: Sequence[GazeRecord]) -> dict[str, Any]:
    """One half of a reading's points, every second one, as a prediction of the other half."""
    long = [record for record in records if len(record) >= 2]
    first = [np.arange(len(record)) % 2 == 0 for record in long]
    odd, even = maps_of(long, first), maps_of(long, [~half for half in first])
    found: dict[str, list[float]] = {"nss": [], "cc": []}
    for record, half, one, other in zip(long, first, odd, even, strict=True):
        x_px, y_px, on_map = on_pixels(record)
        judged = ~half & on_map
        if one.any() and other.any() and judged.any():
            found["nss"].append(nss(one, x_px[judged], y_px[judged]))
            found["cc"].append(cc(one, other))
    return {"readings": len(found["cc"]), **{name: mean_of(values) for name, values in found.items()}}


def maps_of(records: Sequence[GazeRecord], parts: Sequence[NDArray[np.bool_]], side_px: int = SIDE_PX) -> Array:
    """(N, side, side) each reading's heatmap, of those points alone."""
    gaze = []
    for record, part in zip(records, parts, strict=True):
        x_px, y_px = (unit_to_px(fractions[part], side_px) for fractions in (record.x_frac, record.y_frac))
        weight = record.weight[part].astype(np.float32)
        gaze.append(Fixations(x_px.astype(np.float32), y_px.astype(np.float32), weight, duration_unit="relative"))
    return rasterize_batch(gaze, (side_px, side_px), sigma_px=SIGMA_FRAC * side_px).astype(np.float64)


def on_pixels(record: GazeRecord) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Points in pixels of the map, and which lie on it."""
    on_map = (record.x_frac >= 0) & (record.x_frac < 1) & (record.y_frac >= 0) & (record.y_frac < 1)
    return unit_to_px(record.x_frac, SIDE_PX), unit_to_px(record.y_frac, SIDE_PX), on_map


def on_grid(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask on the grid of the peaks: what it covers by half, and its densest pixel where that is nothing."""
    share = resize(pixels.astype(np.uint8), (PEAK_PX, PEAK_PX), out_dtype=np.float32)
    return share >= min(0.5, float(share.max()))


def asymmetry(record: GazeRecord) -> float:
    """How unevenly dwell lies left and right of the middle: 0 evenly, 1 all on one side."""
    left = record.weight[record.x_frac < 0.5].sum()
    return float(abs(2 * left / record.weight.sum() - 1))


def coverage(record: GazeRecord) -> float:
    """The share of the radiograph within SIGMA_FRAC of its side of a point."""
    x_px, y_px, on_map = on_pixels(record)
    nearest_px = nearest_fixation_px((SIDE_PX, SIDE_PX), x_px[on_map], y_px[on_map])
    return coverage_frac(nearest_px, np.ones((SIDE_PX, SIDE_PX), dtype=bool), SIGMA_FRAC * SIDE_PX)


def out_of_folds(features: Array, positive: NDArray[np.bool_], *, penalty: float) -> Array:
    """(N,) log odds of a logistic regression that did not see the reading; folds balanced by class."""
    fold = np.empty(len(positive), dtype=np.int64)
    rng = np.random.default_rng(SEED)
    for group in (positive, ~positive):
        fold[rng.permutation(np.flatnonzero(group))] = np.arange(group.sum()) % FOLDS
    scores = np.empty(len(positive))
    for held_out in range(FOLDS):
        train = fold != held_out
        mean, spread = features[train].mean(axis=0), features[train].std(axis=0) + 1e-9
        standardised = np.column_stack([(features - mean) / spread, np.ones(len(features))])
        weights = logistic(standardised[train], positive[train].astype(np.float64), penalty)
        scores[~train] = standardised[~train] @ weights
    return scores


def logistic(features: Array, label: Array, penalty: float) -> Array:
    """Weights of a ridge-penalised logistic regression by Newton's steps; the last feature, a constant, is free."""
    weights, ridge = np.zeros(features.shape[1]), np.full(features.shape[1], penalty)
    ridge[-1] = 0
    for _ in range(30):
        probability = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (probability - label) + ridge * weights
        curvature = (features.T * (probability * (1 - probability))) @ features + np.diag(ridge + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def mean_of(values: Sequence[float] | Array) -> dict[str, float]:
    return stated(mean_ci(np.asarray(values, dtype=np.float64)))


def median_ci(values: Array, resamples: int) -> dict[str, float]:
    """The median with a percentile bootstrap's 95 % interval."""
    rng = np.random.default_rng(SEED)
    drawn = np.median(values[rng.integers(len(values), size=(resamples, len(values)))], axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": float(np.median(values)), "low": float(low), "high": float(high)}


def spread(values: Array) -> dict[str, float]:
    low, high = np.quantile(values, [0.05, 0.95])
    return {"p5": float(low), "p95": float(high)}


def stated(estimate: Estimate) -> dict[str, float]:
    return {"value": float(estimate.value), "low": float(estimate.low), "high": float(estimate.high)}


def main() -> None:
    options = arguments(__doc__)
    if not DATA.is_dir():
        raise SystemExit(f"no such folder: {DATA}; EGAZE_REAL_DATA names another")
    records, masks, axes = read(DATA, first=250 if options.quick else None)
    print(axes, file=sys.stderr)
    found = facts(records, masks, 200 if options.quick else RESAMPLES)
    tell, inside = found["classes"], found["findings"]
    headline = {
        "readings": found["readings"]["all"],
        "points_median": found["amount"]["points"]["all"]["value"],
        "auc_dwell": rounded(tell["total_dwell"]["value"]),
        "auc_dwell_low": rounded(tell["total_dwell"]["low"]),
        "auc_dwell_and_asymmetry": rounded(tell["log_dwell_and_asymmetry"]["value"]),
        "dwell_in_own": rounded(inside["dwell_in_own"]["value"]),
        "dwell_in_others": rounded(inside["dwell_in_others"]["value"]),
        "peak_in_own": rounded(inside["peak_in_own"]["value"]),
        "centre_nss": rounded(found["centre_bias"]["nss"]["value"]),
    }
    details = {"axes": axes, "sigma_frac": SIGMA_FRAC, "map_px": SIDE_PX, "folds": FOLDS, **found}
    finish("gaze_facts", headline, details, [], quick=options.quick)


if __name__ == "__main__":
    main()
