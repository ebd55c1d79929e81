"""The figures of the experiment on real labels: each finding's AUC, beside a published network's and published AUCs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from real_labels_road import Plan, Road
from real_radiographs_studies import DATA

from egaze.metrics import Estimate, enough_cases, holm, roc_auc_ci
from egaze.metrics.estimate import noting
from egaze.metrics.resampling import bootstrap_comparison
from egaze.metrics.weighted_areas import weighted_auc

#: AUCs on whole test sets of ChestX-ray14, of about 20,000 radiographs or more; labels and splits differ between them.
#: "wang_2017": Wang et al., CVPR 2017, as Rajpurkar et al. quote them for 14 findings. "chexnet": Rajpurkar et al.,
#: arXiv 1711.05225v3, Table 2. "densenet121": the network whose probabilities the data has, by its author (J. Zech,
#: reproduce-chexnet, README of 2022).
PUBLISHED: dict[str, dict[str, float]] = {
    "Atelectasis": {"wang_2017": 0.716, "chexnet": 0.8094, "densenet121": 0.8180},
    "Cardiomegaly": {"wang_2017": 0.807, "chexnet": 0.9248, "densenet121": 0.9090},
    "Effusion": {"wang_2017": 0.784, "chexnet": 0.8638, "densenet121": 0.8827},
    "Infiltration": {"wang_2017": 0.609, "chexnet": 0.7345, "densenet121": 0.7156},
    "Mass": {"wang_2017": 0.706, "chexnet": 0.8676, "densenet121": 0.8377},
    "Nodule": {"wang_2017": 0.671, "chexnet": 0.7802, "densenet121": 0.7756},
    "Pneumonia": {"wang_2017": 0.633, "chexnet": 0.7680, "densenet121": 0.7617},
    "Pneumothorax": {"wang_2017": 0.806, "chexnet": 0.8887, "densenet121": 0.8776},
    "Consolidation": {"wang_2017": 0.708, "chexnet": 0.7901, "densenet121": 0.8002},
    "Edema": {"wang_2017": 0.835, "chexnet": 0.8878, "densenet121": 0.8945},
    "Emphysema": {"wang_2017": 0.815, "chexnet": 0.9371, "densenet121": 0.9316},
    "Fibrosis": {"wang_2017": 0.769, "chexnet": 0.8047, "densenet121": 0.8251},
    "Pleural_Thickening": {"wang_2017": 0.708, "chexnet": 0.8062, "densenet121": 0.7889},
    "Hernia": {"wang_2017": 0.767, "chexnet": 0.9164, "densenet121": 0.9175},
}


def finding_results(road: Road, plan: Plan, notes: list[str]) -> dict[str, dict[str, Any]]:
    """For each finding: cases, prevalence, our AUC, the DenseNet-121's on the same radiographs, their paired difference
    with Holm's p-value over all findings, and the published AUCs. Remarks on intervals are added to the notes."""
    densenet = densenet_probs(road.case_ids, plan.findings)
    counted = enough_cases(road.answers)
    classes = road.result.classification.classes
    found, p_values = {}, []
    for number, name in enumerate(plan.findings):
        present = road.answers[:, number] == 1
        with noting(notes, name):
            less = mean_difference(present, road.probs[:, :, number], densenet[:, number], plan.resamples)
            auc_densenet121 = roc_auc_ci(present.astype(int), densenet[:, number])
        p_values.append(less["p_value"])
        found[name] = {
            "cases": int(present.sum()),
            "prevalence": float(present.mean()),
            "enough_cases": bool(counted[number]),
            "auc": _estimate(classes[name].auc),
            "auc_densenet121": _estimate(auc_densenet121),
            "less_densenet121": less,
            "published": PUBLISHED[name],
        }
    for item, adjusted in zip(found.values(), holm(p_values), strict=True):
        item["less_densenet121"]["holm_p_value"] = adjusted
    return found


def macro_results(road: Road, findings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The means over the findings with enough cases, and the number of findings on which we are below."""
    counted = [item for item in findings.values() if item["enough_cases"]]
    lower = [
        item
        for item in findings.values()
        if item["less_densenet121"]["holm_p_value"] < 0.05 and item["less_densenet121"]["value"] < 0
    ]
    sources = ("densenet121", "chexnet", "wang_2017")
    published = {key: float(np.mean([item["published"][key] for item in counted])) for key in sources}
    return {
        "macro_auc": _estimate(road.result.classification.macro_auc),
        "macro_auc_densenet121": float(np.mean([item["auc_densenet121"]["value"] for item in counted])),
        "macro_published": published,
        "findings_counted": len(counted),
        "findings_below": len(lower),
        "runner_difference": road.runner_difference,
    }


def mean_difference(
    present: NDArray[np.bool_], probs: NDArray[np.float64], other: NDArray[np.float64], resamples: int
) -> dict[str, float]:
    """The mean AUC of (S, N) probabilities of S seeds less that of (N,) others, with a bootstrap over radiographs,
    each of which is of another patient, within their labels."""
    ours, theirs = [weighted_auc(present, of_seed) for of_seed in probs], weighted_auc(present, other)

    def difference(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = np.mean([area(weights) for area in ours], axis=0)
        return mean - theirs(weights)

    value = float(difference(np.ones((1, len(present))))[0])
    found = bootstrap_comparison(difference, value, np.arange(len(present)), strata=present, resamples=resamples)
    return {"value": value, "low": found.low, "high": found.high, "p_value": found.p_value}


def densenet_probs(case_ids: list[str], findings: tuple[str, ...]) -> NDArray[np.float64]:
    """(N, C) the published network's probabilities of these radiographs."""
    rows = pl.read_csv(DATA / "nih_cxr" / "chexnet_repro_predictions.csv")
    joined = pl.DataFrame({"image": case_ids}).join(rows, on="image", how="left", maintain_order="left")
    probs = joined.select(f"prob_{name}" for name in findings).to_numpy()
    if np.isnan(probs.astype(float)).any():
        raise SystemExit("chexnet_repro_predictions.csv lacks a radiograph")
    return probs


def _estimate(found: Estimate | None) -> dict[str, float]:
    if found is None:
        return {"value": math.nan, "low": math.nan, "high": math.nan}
    return {"value": found.value, "low": found.low, "high": found.high}
