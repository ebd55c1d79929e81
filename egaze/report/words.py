"""The results in words, which claim no more than the intervals and the number of films carry."""

from __future__ import annotations

from typing import Any

from egaze.report.figures.roc import one_auc_words
from egaze.training.recipe import Recipe

#: Figures of fewer films, or of fewer patients, are told without a verdict: a bootstrap of so few is too narrow.
FEWEST = 20


def summary(recipe: Recipe, metrics: dict[str, Any]) -> list[str]:
    """A few sentences that say what the model can do and how sure that is."""
    return [_classification(recipe, metrics), _gaze(recipe, metrics)]


def why_no_classification(recipe: Recipe) -> str:
    """Why there is nothing to say of the classes."""
    if not recipe.trains_classifier:
        return "No stage of the recipe trained the classifier, so its answers are not judged."
    return "Fewer than two classes have a labelled film here, so classification is not measured."


def why_no_heatmap(recipe: Recipe) -> str:
    """Why there is nothing to compare with gaze."""
    if not recipe.model.heatmap_head:
        return "The recipe has no heatmap head: it is the control without gaze, and draws no map to compare."
    if not recipe.trains_heatmap:
        return "No stage of the recipe trained the heatmap head, so its maps are not judged."
    return "No film of this side has gaze on it: there is nothing to compare the predicted maps with."


def _classification(recipe: Recipe, metrics: dict[str, Any]) -> str:
    if (classification := metrics["classification"]) is None or not recipe.trains_classifier:
        return why_no_classification(recipe)
    auc, names = classification["macro_auc"], list(classification["classes"])
    known = {name: facts["auc"] for name, facts in classification["classes"].items() if facts["auc"]}
    films = f"On {classification['cases']} labelled films of the {metrics['split']} split"
    if only := one_auc_words(classification):
        said = [f"{films} the AUC of {only} is {_figure(auc)}."]
    elif len(known) < len(names):
        said = [f"{films} the mean AUC of the {len(known)} of {len(names)} classes that have one is {_figure(auc)}."]
    else:
        said = [f"{films} the mean AUC of the {len(names)} classes is {_figure(auc)}."]
    if few := _few(classification["cases"], metrics["patients"]):
        return " ".join([*said, few])
    said.append(_against_chance(auc))
    if len(known) > 2:
        said.append(_best_and_worst(known))
    return " ".join(said)


def _against_chance(auc: dict[str, float | None]) -> str:
    if auc["low"] is None or auc["high"] is None:
        return "It has no interval, so nothing is claimed."
    if auc["low"] > 0.5:
        return "The interval lies above 0.5, which is chance."
    if auc["high"] < 0.5:
        return "The interval lies below 0.5: worse than chance."
    return "The interval holds 0.5: chance is not ruled out."


def _best_and_worst(known: dict[str, dict[str, float | None]]) -> str:
    best, worst = (pick(known, key=lambda name: known[name]["value"]) for pick in (max, min))
    lowest, highest = known[best]["low"], known[worst]["high"]
    if lowest is None or highest is None or lowest <= highest:
        return "The intervals of the classes' AUCs overlap, so none is called the surest."
    return (
        f"It is surest of {best} (AUC {known[best]['value']:.3f}) and least of {worst} ({known[worst]['value']:.3f})."
    )


def _gaze(recipe: Recipe, metrics: dict[str, Any]) -> str:
    if (heatmap := metrics["heatmap"]) is None or not recipe.trains_heatmap:
        return why_no_heatmap(recipe)
    gain = heatmap["over_centre_bias"]["cc"]
    said = f"On {heatmap['cases']} films with gaze its maps correlate with the reader's at {_figure(heatmap['cc'])}"
    bias = "the centre bias, a map that knows no film"
    difference = f"The paired difference is {_figure(gain, '+.3f')}."
    if few := _few(heatmap["cases"], metrics["patients"]):
        return f"{said}; beside them stands {bias}, at {_figure(heatmap['centre_bias']['cc'])}. {difference} {few}"
    words = [f"{said}, {_beside(gain)} {bias}. {difference}"]
    if "definitions" in heatmap:
        words.append(_over_centre_bias(heatmap))
    return " ".join(words)


def _beside(gain: dict[str, float | None]) -> str:
    if gain["low"] is not None and gain["low"] > 0:
        return "better than"
    if gain["high"] is not None and gain["high"] < 0:
        return "worse than"
    return "not distinguishable from"


def _over_centre_bias(heatmap: dict[str, Any]) -> str:
    """On which measures the difference from the centre bias is beyond its interval."""
    better, worse = [], []
    for key, facts in heatmap["definitions"].items():
        gain = heatmap["over_centre_bias"].get(key)
        if gain is None or gain["low"] is None or gain["low"] <= 0 <= gain["high"]:
            continue
        (better if (gain["value"] > 0) == facts["more_is_better"] else worse).append(facts["name"])
    said = f"Of {len(heatmap['definitions'])} measures the interval of the difference excludes 0 on"
    if not better and not worse:
        return f"{said} none."
    return (
        f"{said} {len(better + worse)}: better on {', '.join(better) or 'none'}, worse on {', '.join(worse) or 'none'}."
    )


def _few(films: int, patients: int) -> str:
    """Why there is no verdict; empty where there may be one."""
    if min(films, patients) >= FEWEST:
        return ""
    return (
        f"That is of {films} films and at most {patients} patients, too few for a verdict: {FEWEST} of each are needed."
    )


def _figure(figure: dict[str, float | None], form: str = ".3f") -> str:
    if figure["value"] is None:
        return "not defined"
    if figure["low"] is None:
        return f"{figure['value']:{form}}, without an interval"
    return f"{figure['value']:{form}} (95 % interval {figure['low']:{form}} to {figure['high']:{form}})"
