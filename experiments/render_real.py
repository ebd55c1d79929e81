"""The tables on real radiographs and real gaze for docs/experiments.md, from stored results."""

from __future__ import annotations

from typing import Any

from render_gaze import interval

_WAYS = {
    "published_densenet121": "DenseNet-121 as published, trained on the whole of ChestX-ray14",
    "alone": "ours, alone",
    "with_others": "ours, with others",
    "ridge_32px": "ridge on 32x32 pixels",
    "view_alone": "AP or PA, nothing else",
}
_CHEST = {"auc": "AUC", "auc_within_fold": "within folds", "auc_within_PA": "within PA"}
_MAPS = {"prediction": "heatmap head", "centre_bias": "centre bias", "over_centre_bias": "head less centre bias"}
_METRICS = {"nss": "NSS", "cc": "CC", "shuffled_auc": "shuffled AUC", "sim": "SIM", "kld": "KL"}


def chest_table(result: dict[str, Any]) -> str:
    """Format one row per classifier, every AUC with its interval."""
    ways = result["details"]["chest"]["ways"]
    rows = [[text, *(interval(ways[name][key]) for key in _CHEST)] for name, text in _WAYS.items()]
    return _lines(["score", *_CHEST.values()], rows)


def differences_table(result: dict[str, Any]) -> str:
    """Format one row per paired difference of two classifiers' AUCs."""
    differences = result["details"]["chest"]["differences"]
    names = {name: text.split(",")[0] if name == "published_densenet121" else text for name, text in _WAYS.items()}
    rows = []
    for name, item in differences.items():
        one, other = name.split("_less_")
        rows.append([f"{names[one]}, less {names[other]}", interval(item, sign="+")])
    return _lines(["paired difference", "AUC"], rows)


def gaze_table(result: dict[str, Any]) -> str:
    """Format one row per map, every metric with its interval."""
    gaze = result["details"]["gaze"]
    rows = [
        [text, *(interval(gaze[name][metric], digits=2, sign="+" * ("over" in name)) for metric in _METRICS)]
        for name, text in _MAPS.items()
    ]
    viewers = gaze["other_viewers"]
    rows.append(["other viewers", *(interval(viewers[key], digits=2) if key in viewers else "" for key in _METRICS)])
    return _lines(["map", *_METRICS.values()], rows)


def _lines(heading: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, ["---"] * len(heading), *rows))
