"""`explain`: show where the evidence of a run, or of a set of runs, lies on radiographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from egaze.atomic import require_free
from egaze.errors import RunError
from egaze.explain.cases import ExplainOptions
from egaze.explain.results import ExplanationResult
from egaze.explain.write_explanations import Part, write_explanations
from egaze.progress import Progress
from egaze.study.choose import choose_cases, spread
from egaze.training import Run, RunSet


def explain(
    source: Run | RunSet,
    out: Path,
    *,
    split: str = "test",
    cases: Sequence[str] = (),
    limit: int | None = None,
    seed: int | None = None,
    options: ExplainOptions | None = None,
    progress: Progress | None = None,
) -> ExplanationResult:
    """Explain the predictions of a run's best model for cases of one split of its study.

    The new folder has one folder per case with explanation.png (all pictures side by side), gaze.png, predicted.png and
    grad_cam.png; index.csv with the metrics of every case; and explain.json with their means and all settings. Pictures
    and metrics are missing where a case has no gaze or no finding; the heatmap is missing if no stage of the recipe
    trained the heatmap head. The folder is written whole or not at all.

    Args:
        source: the run, or the set of runs. In a set with folds, each case is explained by the run that has it in that
            split.
        out: the new folder.
        split: "train", "validation" or "test".
        cases: case ids, or patterns with `*` and `?`; all cases of the split if empty. Cases in another split are left
            out and counted.
        limit: the largest number of cases, spread evenly over the chosen ones; all if None.
        seed: for a set, the seed whose runs explain; its first if None.
        options: what is explained, and how.
        progress: called with the cases done and the number of cases.

    Raises:
        RunError: no epoch is finished, the classifier was not trained, there is no such seed, or `split` is "train"
            and the set has folds.
        StudyError: the study is missing, there is no such case or class, or a finding mask does not fit its radiograph.
        RadiographError: a finding mask cannot be read.
        EgazeError: an option does not fit the model or the study, or `out` exists or cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from egaze.explain import ExplainOptions, explain
        >>> from egaze.training import open_run
        >>> result = explain(open_run("run"), Path("why"), limit=2, options=ExplainOptions(steps=0))
        >>> result.cases, result.means["grad_cam_gaze_cc"].cases
        (2, 2)
    """
    out, options = Path(out), options or ExplainOptions()
    require_free(out)
    runs = [source] if isinstance(source, Run) else source.runs_of_seed(seed)
    if len(runs) > 1 and split == "train":
        raise RunError(f"{source.path}: folds train on each other's cases; explain a single run's")
    runs[0].require_classifier("so there is no evidence for a class to show")
    studies = [run.open_study() for run in runs]
    study = studies[0]
    options.class_index(study.class_names)
    asked = choose_cases(study, cases)
    in_split = [np.intersect1d(asked, own.splits.indices(split)) for own in studies]
    chosen = np.unique(np.concatenate(in_split))
    if not len(chosen):
        chosen = choose_cases(study, cases, split)  # raises an error that names the case at fault
    explained = chosen if limit is None else spread(chosen, limit)
    parts = [
        Part(run, its) for run, own in zip(runs, in_split, strict=True) if len(its := np.intersect1d(explained, own))
    ]
    return write_explanations(
        parts,
        study,
        out,
        options,
        split=split,
        elsewhere=len(asked) - len(chosen) if cases else 0,
        names_runs=isinstance(source, RunSet),
        progress=progress,
    )
