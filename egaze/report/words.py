"""The results in words."""

from __future__ import annotations

from typing import Any

from egaze.training.run import Run


def summary(run: Run, metrics: dict[str, Any]) -> list[str]:
    """A few sentences that say what the run can do and how sure that is."""
    return [*_classification(run, metrics), *_gaze(run, metrics)]


def why_no_heatmap(run: Run) -> str:
    """Why there is nothing to compare with gaze."""
    if not run.recipe.model.heatmap_head:
        return "The recipe has no heatmap head: it is the control without gaze, and draws no map to compare."
    return "No film of this side has gaze on it: there is nothing to compare the predicted maps with."


def _classification(run: Run, metrics: dict[str, Any]) -> list[str]:
    if (classification := metrics["classification"]) is None:
        return ["Fewer than two classes have a labelled film here, so classification is not measured."]
    auc = classification["macro_auc"]
    said = [
        f"On {classification['cases']} labelled films of the {metrics['split']} split the model tells the "
        f"{len(run.class_names)} classes apart with a mean AUC of {_figure(auc)}."
    ]
    known = {name: facts["auc"]["value"] for name, facts in classification["classes"].items() if facts["auc"]}
    if len(known) > 1:
        best, worst = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
        said.append(f"It is surest of {best} (AUC {known[best]:.3f}) and least of {worst} ({known[worst]:.3f}).")
    if auc["low"] is not None and auc["low"] <= 0.5:
        said.append("The interval reaches down to 0.5: chance is not ruled out.")
    return [" ".join(said)]


def _gaze(run: Run, metrics: dict[str, Any]) -> list[str]:
    if (heatmap := metrics["heatmap"]) is None:
        return [why_no_heatmap(run)]
    gain = heatmap["over_centre_bias"]["cc"]
    if gain["low"] is not None and gain["low"] > 0:
        verdict = "better than"
    elif gain["high"] is not None and gain["high"] < 0:
        verdict = "worse than"
    else:
        verdict = "not distinguishable from"
    return [
        f"On {heatmap['cases']} films with gaze its maps correlate with the reader's at {_figure(heatmap['cc'])}, "
        f"{verdict} the centre bias, a map that knows no film. The paired difference is {_figure(gain, '+.3f')}. "
        f"{_over_centre_bias(heatmap)}"
    ]


def _over_centre_bias(heatmap: dict[str, Any]) -> str:
    """On which measures the difference from the centre bias is beyond its interval."""
    better, worse = [], []
    for key, facts in heatmap["definitions"].items():
        gain = heatmap["over_centre_bias"].get(key)
        if gain is None or gain["low"] is None or gain["low"] <= 0 <= gain["high"]:
            continue
        (better if (gain["value"] > 0) == facts["more_is_better"] else worse).append(facts["name"])
    said = f"Of {len(heatmap['definitions'])} measures the difference is beyond its interval on {len(better + worse)}"
    return f"{said}: better on {', '.join(better) or 'none'}, worse on {', '.join(worse) or 'none'}."


def _figure(figure: dict[str, float | None], form: str = ".3f") -> str:
    if figure["low"] is None:
        return f"{figure['value']:{form}}"
    return f"{figure['value']:{form}} (95 % interval {figure['low']:{form}} to {figure['high']:{form}})"
