"""Figures as metrics.json holds them, and what their reader must be told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.metrics import Estimate, mean_cis

RESAMPLES = 10_000

Figure = dict[str, float | None]


def figure(interval: Estimate) -> Figure:
    """{"value", "low", "high"}, null where one is not defined."""
    return {name: value if math.isfinite(value) else None for name, value in asdict(interval).items()}


def plain(value: float) -> Figure:
    """A figure without an interval."""
    return {"value": value if math.isfinite(value) else None, "low": None, "high": None}


def one_auc(classes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Of two classes whose AUCs are one number, as softmax makes them, the second; None where there is more to say.

    Args:
        classes: each class's facts, its figure "auc" among them.
    """
    values = [item["auc"] and item["auc"]["value"] for item in classes.values()]
    if len(values) != 2 or None in values or abs(values[0] - values[1]) > 1e-9:
        return None
    return list(classes)[1]


def mean_figures(columns: Mapping[str, pl.Series], patients: NDArray[np.int64]) -> dict[str, Figure | None]:
    """The mean of each column with its interval over patients, (N,) as the columns; None for a column with nulls."""
    whole = {name: column.cast(pl.Float64) for name, column in columns.items() if not column.null_count()}
    if not whole:
        return dict.fromkeys(columns)
    intervals = mean_cis(
        np.stack([column.to_numpy() for column in whole.values()], axis=1), patients, resamples=RESAMPLES
    )
    found = {name: figure(interval) for name, interval in zip(whole, intervals, strict=True)}
    return {name: found.get(name) for name in columns}
