"""What `evaluate` leaves in a run's folder.

metrics.json         figures with intervals
predictions.parquet  one row a case: label, probabilities, its reading, agreement of its map with gaze
heatmaps.npy         (N, H, W) predicted maps to be drawn, in the rows' order; absent without a trained heatmap head.
                     They are float16, which has ties and zeros that the maps have not: figures are of float32

metrics.json has the fields of `egaze.evaluation.results.EvaluationResult` as keys, and format_version.

predictions.parquet: case_index, case_id, label, prob_CLASS; fixations, dwell_s, coverage_frac, fixations_not_shown;
and for each metric M of agreement with gaze M, centre_M and ceiling_M. A value is null where a case lacks what it
needs, dwell_s where durations are relative, and prob_CLASS where the classifier was not trained. A set's table has a
row for each seed and case, with seed and, in a set with folds, fold.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from egaze.errors import EgazeError, RunError
from egaze.evaluation.results import EvaluationResult
from egaze.metrics.gaze_metrics import GAZE_METRICS
from egaze.serialize import read_json

FORMAT_VERSION = 4
METRICS, PREDICTIONS, HEATMAPS = "metrics.json", "predictions.parquet", "heatmaps.npy"

#: The columns of predictions.parquet that no metric may be named as, and what those of the others begin with.
COLUMNS = (
    "case_index",
    "case_id",
    "label",
    "seed",
    "fold",
    "fixations",
    "dwell_s",
    "coverage_frac",
    "fixations_not_shown",
)
PREFIXES = ("prob_", "centre_", "ceiling_")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """An evaluation on disk.

    Attributes:
        path: its folder.
        metrics: metrics.json.
        predictions: one row a case.
        heatmaps: (N, H, W) float16 in [0, 1], memory-mapped, or None.
    """

    path: Path
    metrics: EvaluationResult
    predictions: pl.DataFrame
    heatmaps: NDArray[np.float16] | None


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Write a Parquet file. Raises OSError where the disk has no room."""
    content = io.BytesIO()  # polars' own errors of writing are of no use to the user
    table.write_parquet(content)
    path.write_bytes(content.getbuffer())


def require_metric_names() -> None:
    """Raises EgazeError where another package's metric would have the name of another column, or cannot be imported."""
    for name in GAZE_METRICS:
        if name in COLUMNS or name.startswith(PREFIXES):
            raise EgazeError(
                f"metric {name!r} has the name of another column of {PREDICTIONS}; its package must rename it"
            )
        GAZE_METRICS[name]


def open_evaluation(path: Path) -> Evaluation:
    """Open what `evaluate` wrote. Raises RunError when it is missing, damaged, or of another format version."""
    path = Path(path)
    try:
        metrics = read_json(path / METRICS, FORMAT_VERSION, EvaluationResult, remedy="run `egaze evaluate` again")
        predictions = pl.read_parquet(path / PREDICTIONS)
        heatmaps = None
        if (path / HEATMAPS).exists():
            heatmaps = np.load(path / HEATMAPS, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise RunError(f"{path}: not evaluated yet; run `egaze evaluate` first") from error
    except (OSError, ValueError, EOFError, PolarsError) as error:
        raise RunError(f"{path}: damaged evaluation: {str(error).splitlines()[0]}") from error
    return Evaluation(path, metrics, predictions, heatmaps)
