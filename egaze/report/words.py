"""The results in words, which claim no more than the intervals and the number of radiographs carry."""

from __future__ import annotations

from egaze.evaluation.results import EvaluationResult, MapAgreement
from egaze.metrics import Estimate
from egaze.training.recipe import Recipe

#: Figures of fewer radiographs, or of fewer patients, are told without a verdict: a bootstrap of so few is too narrow.
FEWEST = 20


def summary(recipe: Recipe, result: EvaluationResult) -> list[str]:
    """A few sentences that say what the model can do and how sure that is."""
    return [_classification(recipe, result), _gaze(recipe, result)]


def why_no_classification(recipe: Recipe) -> str:
    """Why there is nothing to say of the classes."""
    if not recipe.trains_classifier:
        return "No stage of the recipe trained the classifier, so its answers are not judged."
    return "Fewer than two classes have a labelled radiograph here, so classification is not measured."


def why_no_heatmap(recipe: Recipe) -> str:
    """Why there is nothing to compare with gaze."""
    if not recipe.model.heatmap_head:
        return "The recipe has no heatmap head: it is the control without gaze, and draws no map to compare."
    if not recipe.trains_heatmap:
        return "No stage of the recipe trained the heatmap head, so its maps are not judged."
    return "No radiograph of this split has gaze on it: there is nothing to compare the predicted maps with."


def _classification(recipe: Recipe, result: EvaluationResult) -> str:
    if (classification := result.classification) is None or not recipe.trains_classifier:
        return why_no_classification(recipe)
    auc, names = classification.macro_auc, list(classification.classes)
    known = {name: item.auc for name, item in classification.classes.items() if item.auc is not None}
    radiographs = f"On {classification.cases} labelled radiographs of the {result.split} split"
    if only := classification.one_auc_title:
        said = [f"{radiographs} the AUC of {only} is {_figure(auc)}."]
    elif len(known) < len(names):
        said = [
            f"{radiographs} the mean AUC of the {len(known)} of {len(names)} classes that have one is {_figure(auc)}."
        ]
    else:
        said = [f"{radiographs} the mean AUC of the {len(names)} classes is {_figure(auc)}."]
    if few := _few(classification.cases, result.patients):
        return " ".join([*said, few])
    said.append(_against_chance(auc))
    if len(known) > 2:
        said.append(_best_and_worst(known))
    return " ".join(said)


def _against_chance(auc: Estimate) -> str:
    if not auc.has_interval:
        return "It has no interval, so nothing is claimed."
    if auc.low > 0.5:
        return "The interval lies above 0.5, which is chance."
    if auc.high < 0.5:
        return "The interval lies below 0.5: worse than chance."
    return "The interval holds 0.5: chance is not ruled out."


def _best_and_worst(known: dict[str, Estimate]) -> str:
    best, worst = max(known, key=lambda name: known[name].value), min(known, key=lambda name: known[name].value)
    # An interval that is not defined excludes nothing.
    if not known[best].low > known[worst].high:
        return "The intervals of the classes' AUCs overlap, so none is called the surest."
    return f"It is surest of {best} (AUC {known[best].value:.3f}) and least of {worst} ({known[worst].value:.3f})."


def _gaze(recipe: Recipe, result: EvaluationResult) -> str:
    if (heatmap := result.heatmap) is None or not recipe.trains_heatmap:
        return why_no_heatmap(recipe)
    gain = heatmap.over_centre_bias["cc"]
    said = (
        f"On {heatmap.cases} radiographs with gaze its maps correlate with the reader's at "
        f"{_figure(heatmap.predicted['cc'])}"
    )
    bias = "the centre bias, a map that knows no radiograph"
    difference = f"The paired difference is {_figure(gain, '+.3f')}."
    if few := _few(heatmap.cases, result.patients):
        return f"{said}; beside them stands {bias}, at {_figure(heatmap.centre_bias['cc'])}. {difference} {few}"
    return f"{said}, {_beside(gain)} {bias}. {difference} {_over_centre_bias(heatmap)}"


def _beside(gain: Estimate | None) -> str:
    if gain is not None and gain.low > 0:
        return "better than"
    if gain is not None and gain.high < 0:
        return "worse than"
    return "not distinguishable from"


def _over_centre_bias(heatmap: MapAgreement) -> str:
    """By which metrics the difference from the centre bias is beyond its interval."""
    better: list[str] = []
    worse: list[str] = []
    for name, metric in heatmap.definitions.items():
        gain = heatmap.over_centre_bias[name]
        if gain is None or not gain.has_interval or gain.low <= 0 <= gain.high:
            continue
        (better if (gain.value > 0) == metric.more_is_better else worse).append(metric.title)
    said = f"Of {len(heatmap.definitions)} measures the interval of the difference excludes 0 on"
    if not better and not worse:
        return f"{said} none."
    return (
        f"{said} {len(better + worse)}: better on {', '.join(better) or 'none'}, worse on {', '.join(worse) or 'none'}."
    )


def _few(radiographs: int, patients: int) -> str:
    """Why there is no verdict; empty where there may be one."""
    if min(radiographs, patients) >= FEWEST:
        return ""
    return (
        f"That is of {radiographs} radiographs and at most {patients} patients, too few for a verdict: "
        f"{FEWEST} of each are needed."
    )


def _figure(estimate: Estimate | None, form: str = ".3f") -> str:
    if estimate is None or not estimate.is_defined:
        return "not defined"
    if not estimate.has_interval:
        return f"{estimate.value:{form}}, without an interval"
    return f"{estimate.value:{form}} (95 % interval {estimate.low:{form}} to {estimate.high:{form}})"
