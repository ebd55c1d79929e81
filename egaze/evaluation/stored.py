"""An evaluation on disk.

metrics.json         metrics with intervals
predictions.parquet  one row per case: label, probabilities, scanpath, agreement of its heatmap with gaze
heatmaps.npy         (N, H, W) predicted heatmaps for drawing, in the order of the rows; absent without a trained
                     heatmap head. They are rounded to float16; metrics are computed on the float32 heatmaps

metrics.json has the fields of `egaze.evaluation.results.EvaluationResult` as keys, and format_version.

predictions.parquet has the columns case_index, case_id, label, label_CLASS where labels are independent, prob_CLASS;
fixations, dwell_s, coverage_frac,
fixations_not_shown; and for each metric M of agreement with gaze M, centre_M and ceiling_M. A value is null if the case
lacks what it needs; dwell_s is null if durations are relative, and prob_CLASS if the classifier was not trained. A
set's table has one row per seed and case, with a column seed and, in a set with folds, a column fold.
"""

from __future__ import annotations

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

FORMAT_VERSION = 5
METRICS, PREDICTIONS, HEATMAPS = "metrics.json", "predictions.parquet", "heatmaps.npy"

#: The other columns of predictions.parquet, and prefixes of further ones; no metric may have such a name.
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
PREFIXES = ("label_", "prob_", "centre_", "ceiling_")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """An evaluation on disk.

    Attributes:
        path: its folder.
        metrics: the content of metrics.json.
        predictions: the content of predictions.parquet, one row per case.
        heatmaps: (N, H, W) float16 in [0, 1], memory-mapped; None without a trained heatmap head.

    Example:
        >>> from pathlib import Path
        >>> from egaze.evaluation import open_evaluation
        >>> evaluation = open_evaluation(Path("run") / "evaluation" / "test")
        >>> evaluation.predictions.columns[:3], evaluation.heatmaps.dtype.name
        (['case_index', 'case_id', 'label'], 'float16')
    """

    path: Path
    metrics: EvaluationResult
    predictions: pl.DataFrame
    heatmaps: NDArray[np.float16] | None


def require_metric_names() -> None:
    """Raise EgazeError if another package's metric has the name of another column, or cannot be imported."""
    for name in GAZE_METRICS:
        if name in COLUMNS or name.startswith(PREFIXES):
            raise EgazeError(
                f"metric {name!r} has the name of another column of {PREDICTIONS}; its package must rename it"
            )
        GAZE_METRICS[name]


def open_evaluation(path: Path) -> Evaluation:
    """Open a folder that `evaluate` or `evaluate_set` wrote.

    Raises:
        RunError: it is missing or damaged, or has another format version.

    Example:
        >>> from pathlib import Path
        >>> from egaze.evaluation import open_evaluation
        >>> metrics = open_evaluation(Path("run") / "evaluation" / "test").metrics
        >>> metrics.split, metrics.optimistic, metrics.heatmap.definitions["cc"].title
        ('test', False, 'CC')
    """
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
