"""What `evaluate` leaves in a run's folder.

metrics.json         figures with intervals
predictions.parquet  one row a case: label, probabilities, agreement of its map with gaze
heatmaps.npy         (N, H, W) float16 predicted maps, in the rows' order; absent without a heatmap head
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from egaze.errors import RunError

METRICS, PREDICTIONS, HEATMAPS = "metrics.json", "predictions.parquet", "heatmaps.npy"


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """An evaluation on disk.

    Attributes:
        path: its folder.
        metrics: metrics.json; a figure is {"value", "low", "high"}, null where it is not defined.
        predictions: one row a case.
        heatmaps: (N, H, W) float16 in [0, 1], memory-mapped, or None.
    """

    path: Path
    metrics: dict[str, Any]
    predictions: pl.DataFrame
    heatmaps: NDArray[np.float16] | None


def open_assessment(path: Path) -> Assessment:
    """Open what `evaluate` wrote. Raises RunError when it is missing or damaged."""
    path = Path(path)
    try:
        metrics = json.loads((path / METRICS).read_text(encoding="utf-8"))
        predictions = pl.read_parquet(path / PREDICTIONS)
        heatmaps = None
        if (path / HEATMAPS).exists():
            heatmaps = np.load(path / HEATMAPS, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise RunError(f"{path}: not evaluated yet; run `egaze evaluate` first") from error
    except (OSError, ValueError, EOFError, PolarsError) as error:
        raise RunError(f"{path}: damaged evaluation: {str(error).splitlines()[0]}") from error
    return Assessment(path, metrics, predictions, heatmaps)
