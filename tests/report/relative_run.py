"""The report of a run whose study's durations are taken for relative ones."""

from dataclasses import replace

import numpy as np
import polars as pl

from egaze.evaluation.scanpaths import mean_scanpaths, scanpath_tables
from egaze.report import report, write_report


def relative_report(run, monkeypatch, path, *, with_onsets=True):
    """The run's report as if its durations were relative."""
    evaluated = report.open_evaluated_cases(run, "test")
    study = replace(evaluated.study, is_relative=np.ones(len(evaluated.study), dtype=bool))
    if not with_onsets:
        study = replace(study, gaze=study.gaze.with_columns(onset_s=pl.lit(None, pl.Float32)))
    radiographs, regions = scanpath_tables(study, run.recipe.heatmap, evaluated.case_index, 64)
    scanpath = mean_scanpaths(study, run.recipe.heatmap, radiographs, regions, 64, [])
    evaluated = replace(evaluated, study=study, result=replace(evaluated.result, scanpath=scanpath))
    monkeypatch.setattr(report, "open_evaluated_cases", lambda *_: evaluated)
    return write_report(run, path)
