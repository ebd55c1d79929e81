"""The report of a run whose study's durations are taken for relative ones."""

from dataclasses import replace

import numpy as np
import polars as pl

from egaze.evaluation.reading import reading_figures, reading_tables
from egaze.report import report, write_report


def relative_report(run, monkeypatch, path, *, with_onsets=True):
    """The run's report as if its durations were relative."""
    answers = report.open_answers(run, "test")
    study = replace(answers.study, is_relative=np.ones(len(answers.study), dtype=bool))
    if not with_onsets:
        study = replace(study, gaze=study.gaze.with_columns(onset_s=pl.lit(None, pl.Float32)))
    films, regions = reading_tables(study, run.recipe.heatmap, answers.case_index, 64)
    scanpath = reading_figures(study, run.recipe.heatmap, films, regions, 64, [])
    answers = replace(answers, study=study, result=replace(answers.result, scanpath=scanpath))
    monkeypatch.setattr(report, "open_answers", lambda *_: answers)
    return write_report(run, path)
