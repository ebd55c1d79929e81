"""Means over radiographs with bootstrap intervals over patients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.metrics import Estimate, mean_ci, mean_cis

RESAMPLES = 10_000


def mean_estimates(columns: Mapping[str, pl.Series], patients: NDArray[np.int64]) -> dict[str, Estimate | None]:
    """Average each column over the radiographs that have a value; None if none has.

    Args:
        columns: N values each, null where a radiograph has none.
        patients: (N,) patient of each radiograph.
    """
    numbers = {name: column.cast(pl.Float64) for name, column in columns.items()}
    whole = [name for name, column in numbers.items() if len(column) and not column.null_count()]
    found: dict[str, Estimate | None] = dict.fromkeys(columns)
    if whole:
        values = np.stack([numbers[name].to_numpy() for name in whole], axis=1)
        found |= zip(whole, mean_cis(values, patients, resamples=RESAMPLES), strict=True)
    for name, column in numbers.items():
        has = column.is_not_null().to_numpy()
        if name not in whole and has.any():
            found[name] = mean_ci(column.drop_nulls().to_numpy(), patients[has], resamples=RESAMPLES)
    return found
