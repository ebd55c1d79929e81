"""Rows that are there twice, for the readers to find."""

from __future__ import annotations

import numpy as np
import polars as pl

_SHARE = 0.003


def with_duplicates(rows: pl.DataFrame, rng: np.random.Generator, *, same_id: bool) -> pl.DataFrame:
    """The table with some rows of valid gaze on radiographs there once more, each behind the row that it repeats.

    Args:
        same_id: also repeat rows with other pupils, so that only the fixation's id tells that they are one.
    """
    candidates = np.flatnonzero(((rows["FPOGV"] == 1) & (rows["X_ORIGINAL"] >= 0)).to_numpy())
    kinds = 2 if same_id else 1
    count = min(max(1, round(_SHARE * len(candidates))), len(candidates) // kinds)
    chosen = rng.permutation(candidates)[: kinds * count]
    again = rows[chosen].with_columns(
        pl.Series("LPMM", rows["LPMM"].to_numpy()[chosen] + 0.25 * (np.arange(len(chosen)) >= count))
    )
    behind = np.concatenate([np.arange(len(rows)), chosen + 0.5])
    return pl.concat([rows, again])[np.argsort(behind, kind="stable")]
