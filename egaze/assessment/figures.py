"""Figures as metrics.json holds them, and what their reader must be told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.evaluation import Interval, mean_cis

RESAMPLES = 10_000

Figure = dict[str, float | None]


def figure(interval: Interval) -> Figure:
    """{"value", "low", "high"}, null where one is not defined."""
    return {name: value if math.isfinite(value) else None for name, value in asdict(interval).items()}


def plain(value: float) -> Figure:
    """A figure without an interval."""
    return {"value": value if math.isfinite(value) else None, "low": None, "high": None}


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
