"""What `evaluate` leaves in a run's folder.

metrics.json         figures with intervals
predictions.parquet  one row a case: label, probabilities, its reading, agreement of its map with gaze
heatmaps.npy         (N, H, W) predicted maps to be drawn, in the rows' order; absent without a trained heatmap head.
                     They are float16, which has ties and zeros that the maps have not: figures are of float32

metrics.json. A figure is {"value", "low", "high"}: null bounds where no interval is defined, and null in its place
where the figure itself is not; "warnings" says why.

format_version, split, synthetic, cases, patients
intervals            how the intervals were made, in words
warnings             lines that the figures' reader must be told
published            [{name, source, auc: {"macro" or class: figure}}]: of EGD-CXR's published splits, else empty
trained              {classification, heatmap}: whether the recipe trained the head; one that it did not is not judged
classification       null where fewer than two classes have a film or the classifier was not trained, or
  cases              labelled films
  macro_auc, micro_auc, macro_average_precision, micro_average_precision, macro_auc_bca, accuracy   figures
  classes            {class: {
    cases            films of the class
    auc, auc_bca, auc_delong, average_precision     figures: percentile, BCa, DeLong (films independent), percentile
    operating_points null, or [{name, rule, chosen_on, threshold, sensitivity: figure, specificity: figure,
                       true_positives, false_negatives, true_negatives, false_positives}]: "Youden", "specificity 0.9";
                       the class is called at a probability of at least the threshold; Wilson intervals
  }}
  confusion          {classes: [name], matrix: [[films]]}: a row a class, a column a most probable class
  calibration        {temperature or null, fitted_on, bins, before: C, after: C or null}, before and after temperature
    C                {brier: figure, log_loss: figure, expected_calibration_error: figure without bounds,
                       reliability: [B] of the most probable class, classes: {class: [B]}}
    B                {low, high, cases, mean_prob, observed: figure}: a bin with films; Wilson interval
heatmap              null without a heatmap head that was trained, or without gaze, or
  cases, size_px, sigma_px, target: {sigma_frac, weight}
  target_kind        what the maps are compared with, in words
  trained_towards    the recipe's heatmap_target, "gaze" or "egd"
  definitions        {M: {name, unit, more_is_better, against, remark}} in the order to show
  M                  figure, for M of cc, sim, kld, nss, auc_judd, auc_borji, shuffled_auc, information_gain
  centre_bias        {M: figure} of the centre-bias map
  over_centre_bias   {M: figure} of the paired differences
  ceiling            null where no film has several readers, or {cases, M: figure of the other readers' gaze,
                       predicted: {M: figure} on the same films, under_ceiling: {M: figure} of the paired differences}
scanpath             null without gaze, or
  cases, size_px, radius_px, coverage (its definition in words)
  cases_relative     of them, readings whose durations are relative; dwell_s is of the others, and null without any
  fixations_not_shown     how many are left out because they lie outside the part of the film that was on the screen
  fixations, dwell_s, coverage_frac                  figures of whole films
  regions            {name: {cases, cases_fixated, cases_relative, cases_timed,
                       fixations, dwell_s, dwell_frac, coverage_frac, area_frac: figures,
                       first_fixation_s: figure or null}}

predictions.parquet: case_index, case_id, label, prob_CLASS; fixations, dwell_s, coverage_frac, fixations_not_shown; M,
centre_M and ceiling_M; null where a case lacks what they need, dwell_s where durations are relative, and prob_CLASS
where the classifier was not trained.

A set's metrics.json has the same keys but micro and BCa figures, average precision, operating points, confusion and
calibration (which its report draws of one seed: `answered_once`); of the maps only CC, KL, NSS and shuffled AUC, and no
ceiling; and folds, seeds and
runs                 [{run, fold, seed, cases, macro_auc, cc}], without intervals
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from egaze.errors import RunError

FORMAT_VERSION = 3
METRICS, PREDICTIONS, HEATMAPS = "metrics.json", "predictions.parquet", "heatmaps.npy"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """An evaluation on disk.

    Attributes:
        path: its folder.
        metrics: metrics.json; see this module's docstring.
        predictions: one row a case.
        heatmaps: (N, H, W) float16 in [0, 1], memory-mapped, or None.
    """

    path: Path
    metrics: dict[str, Any]
    predictions: pl.DataFrame
    heatmaps: NDArray[np.float16] | None


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Write a Parquet file. Raises OSError where the disk has no room."""
    content = io.BytesIO()  # polars' own errors of writing are of no use to the user
    table.write_parquet(content)
    path.write_bytes(content.getbuffer())


def open_evaluation(path: Path) -> Evaluation:
    """Open what `evaluate` wrote. Raises RunError when it is missing, damaged, or of another format version."""
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
    found = metrics.get("format_version") if isinstance(metrics, dict) else None
    if found != FORMAT_VERSION:
        raise RunError(f"{path / METRICS}: format version {found!r}, this egaze reads {FORMAT_VERSION}: evaluate again")
    return Evaluation(path, metrics, predictions, heatmaps)
