"""The report of a run whose study's durations are taken for relative ones."""

from dataclasses import replace

import numpy as np
import polars as pl

from egaze.evaluation.scanpaths import reading_figures, reading_tables
from egaze.report import report, write_report


def relative_report(run, monkeypatch, path, *, with_onsets=True):
    """The run's report as if its durations were relative."""
    judged = report.open_judged_cases(run, "test")
    study = replace(judged.study, is_relative=np.ones(len(judged.study), dtype=bool))
    if not with_onsets:
        study = replace(study, gaze=study.gaze.with_columns(onset_s=pl.lit(None, pl.Float32)))
    radiographs, regions = reading_tables(study, run.recipe.heatmap, judged.case_index, 64)
    scanpath = reading_figures(study, run.recipe.heatmap, radiographs, regions, 64, [])
    judged = replace(judged, study=study, result=replace(judged.result, scanpath=scanpath))
    monkeypatch.setattr(report, "open_judged_cases", lambda *_: judged)
    return write_report(run, path)
