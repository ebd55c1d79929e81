"""Plots of a search: scores by trial, how much each key matters, and scores over the values of each key."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from egaze.atomic import write_file
from egaze.tuning.result import SearchResult, TrialResult

if TYPE_CHECKING:
    import optuna

HISTORY, IMPORTANCE, SLICES = "history.png", "importance.png", "slices.png"
_COLUMNS = 3
_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#999999"


def write_plots(out: Path, search: optuna.Study, result: SearchResult) -> None:
    """Write history.png and slices.png and, where there are enough trials to tell, importance.png."""
    finished = [trial for trial in result.trials if trial.state == "finished" and trial.score is not None]
    _save(out / HISTORY, _history(result, finished))
    _save(out / SLICES, _slices(result, finished))
    if importances := _importances(search, finished):
        _save(out / IMPORTANCE, _importance(importances, len(finished)))


def _save(path: Path, figure: Figure) -> None:
    FigureCanvasAgg(figure)
    write_file(path, lambda partial: figure.savefig(partial, format="png", dpi=120))


def _label(result: SearchResult) -> str:
    return f"score on validation\n({result.monitor})"


def _history(result: SearchResult, finished: Sequence[TrialResult]) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    numbers, scores = [trial.number for trial in finished], [trial.score or 0.0 for trial in finished]
    axes.plot(numbers, scores, "o", color=_BLUE, label="finished")
    axes.step(numbers, list(accumulate(scores, max)), where="post", color=_ORANGE, label="best so far (optimistic)")
    for state, marker in (("pruned", "|"), ("failed", "x")):
        ended = [trial.number for trial in result.trials if trial.state == state]
        if ended:
            axes.plot(ended, [min(scores)] * len(ended), marker, color=_GREY, label=f"{state}, without a score")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(_label(result))
    axes.legend(fontsize="small")
    return figure


def _slices(result: SearchResult, finished: Sequence[TrialResult]) -> Figure:
    keys = sorted({key for trial in finished for key in trial.values})
    rows = -(-len(keys) // _COLUMNS)
    columns = min(len(keys), _COLUMNS)
    figure = Figure(figsize=(3.4 * columns, 3.0 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for place, key in enumerate(keys):
        axes = grid[place // _COLUMNS][place % _COLUMNS]
        _slice(axes, key, finished)
        if place % _COLUMNS == 0:
            axes.set_ylabel(_label(result))
    for axes in grid.flat[len(keys) :]:
        axes.set_axis_off()
    return figure


def _slice(axes: Axes, key: str, finished: Sequence[TrialResult]) -> None:
    values = [trial.values[key] for trial in finished]
    scores = [trial.score or 0.0 for trial in finished]
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    shown = values if numeric else [str(value) for value in values]
    axes.scatter(shown, scores, c=[trial.number for trial in finished], cmap="viridis", s=22)
    if numeric and min(values) > 0 and max(values) >= 30 * min(values):
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    if not numeric:
        axes.tick_params("x", rotation=20)
    axes.set_xlabel(key)


def _importances(search: optuna.Study, finished: Sequence[TrialResult]) -> dict[str, float]:
    """The share of the scores' variance that each key explains (functional ANOVA, Hutter et al., ICML 2014)."""
    import optuna

    scores = {trial.score for trial in finished}
    if len(finished) < 4 or len(scores) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a key with one value so far; a part of Optuna that is experimental
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        return optuna.importance.get_param_importances(search, evaluator=evaluator)


def _importance(importances: dict[str, float], trials: int) -> Figure:
    keys = list(importances)[::-1]
    figure = Figure(figsize=(6, 1.2 + 0.35 * len(keys)), layout="constrained")
    axes = figure.subplots()
    axes.barh(keys, [importances[key] for key in keys], color=_BLUE)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"share of the scores' variance, by {trials} trials")
    return figure
