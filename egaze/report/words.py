"""The results in sentences, which claim no more than the intervals and the number of radiographs support."""

from __future__ import annotations

from egaze.evaluation.gaze_results import MapAgreement
from egaze.evaluation.results import Classification, EvaluationResult
from egaze.labels import LabelKind
from egaze.metrics import Estimate
from egaze.training.recipe import Recipe

#: Results on fewer radiographs or patients are stated without a verdict: their bootstrap intervals are too narrow.
FEWEST = 20


def summary(recipe: Recipe, result: EvaluationResult, kind: LabelKind = "exclusive") -> list[str]:
    """Say in a few sentences how good the model is, and how certain that is."""
    return [_classification(recipe, result, kind), _gaze(recipe, result) + control(recipe)]


def control(recipe: Recipe) -> str:
    """Say what a control, or what teaches single classes, put in the place of gaze, as a further sentence; empty
    without either."""
    if recipe.class_heatmaps.is_on:
        return f" It was trained on {recipe.trained_towards}; it is compared with all of the readers' gaze."
    if not recipe.control.is_on:
        return ""
    return f" As a control it was trained on {recipe.trained_towards}; it is compared with the readers' own gaze."


def readings(cases: int, radiographs: int) -> str:
    """Say that radiographs are counted once for each of their readings; empty if each has one."""
    if radiographs == cases:
        return ""
    return (
        f"Some radiographs were read several times: these are {cases} readings of {radiographs} radiographs, and each "
        "reading is counted as a radiograph of its own here."
    )


def why_no_classification(recipe: Recipe, kind: LabelKind = "exclusive") -> str:
    """Say why there are no classification results."""
    if not recipe.trains_classifier:
        return "No stage of the recipe trained the classifier, so its predictions are not measured."
    if kind == "independent":
        return "No class has both radiographs with it and without it in this split, so classification is not measured."
    return "Fewer than two classes have a labelled radiograph in this split, so classification is not measured."


def why_no_heatmap(recipe: Recipe) -> str:
    """Say why there are no heatmap results."""
    if not recipe.model.heatmap_head:
        return "The recipe has no heatmap head: it is the control without gaze, so there are no heatmaps to compare."
    if not recipe.trains_heatmap:
        return "No stage of the recipe trained the heatmap head, so its heatmaps are not measured."
    return "No radiograph of this split has gaze on it, so predicted heatmaps cannot be compared with gaze."


def _classification(recipe: Recipe, result: EvaluationResult, kind: LabelKind) -> str:
    if (classification := result.classification) is None or not recipe.trains_classifier:
        return why_no_classification(recipe, kind)
    if classification.label_kind == "independent":
        return _independent(classification, result)
    auc, names = classification.macro_auc, list(classification.classes)
    known = {name: item.auc for name, item in classification.classes.items() if item.auc is not None}
    radiographs = f"On {classification.cases} labelled radiographs of the {result.split} split"
    if only := classification.one_auc_title:
        said = [f"{radiographs} the AUC of {only} is {_estimate(auc)}."]
    elif len(known) < len(names):
        said = [
            f"{radiographs} the mean AUC of the {len(known)} of {len(names)} classes that have one is {_estimate(auc)}."
        ]
    else:
        said = [f"{radiographs} the mean AUC of the {len(names)} classes is {_estimate(auc)}."]
    if few := _few(classification.cases, result.patients):
        return " ".join([*said, few])
    said.append(_against_chance(auc))
    if len(known) > 2:
        said.append(_best_and_worst(known))
    return " ".join(said)


def _independent(classification: Classification, result: EvaluationResult) -> str:
    auc, known = classification.macro_auc, {n: c.auc for n, c in classification.classes.items() if c.auc is not None}
    radiographs = f"On {classification.cases} labelled radiographs of the {result.split} split"
    classes = f"{len(known)} of {len(classification.classes)} classes have an AUC"
    if not auc.is_defined:
        return f"{radiographs} {classes}; none has enough radiographs with it and without it for a mean over classes."
    said = [f"{radiographs} {classes}; the mean over those with enough radiographs is {_estimate(auc)}."]
    if few := _few(classification.cases, result.patients):
        return " ".join([*said, few])
    return " ".join([*said, _against_chance(auc), *([_best_and_worst(known)] if len(known) > 2 else [])])


def _against_chance(auc: Estimate) -> str:
    if not auc.has_interval:
        return "It has no interval, so no conclusion is drawn."
    if auc.low > 0.5:
        return "The interval lies above 0.5, which is chance."
    if auc.high < 0.5:
        return "The interval lies below 0.5, which is worse than chance."
    return "The interval contains 0.5, so chance is not ruled out."


def _best_and_worst(known: dict[str, Estimate]) -> str:
    best, worst = max(known, key=lambda name: known[name].value), min(known, key=lambda name: known[name].value)
    # Written so that an undefined interval counts as overlapping.
    if not known[best].low > known[worst].high:
        return "The intervals of the classes' AUCs overlap, so no class is said to be recognised best."
    return f"It recognises {best} best (AUC {known[best].value:.3f}) and {worst} worst ({known[worst].value:.3f})."


def _gaze(recipe: Recipe, result: EvaluationResult) -> str:
    if (heatmap := result.heatmap) is None or not recipe.trains_heatmap:
        return why_no_heatmap(recipe)
    gain = heatmap.over_centre_bias["cc"]
    said = (
        f"On {heatmap.cases} radiographs with gaze, predicted heatmaps correlate with the readers' (CC "
        f"{_estimate(heatmap.predicted['cc'])})"
    )
    bias = "the centre bias, a map that is the same for every radiograph"
    difference = f"The paired difference is {_estimate(gain, '+.3f')}."
    if few := _few(heatmap.cases, result.patients):
        return f"{said}; the CC of {bias}, is {_estimate(heatmap.centre_bias['cc'])}. {difference} {few}"
    return f"{said}, {_beside(gain)} {bias}. {difference} {_over_centre_bias(heatmap)}"


def _beside(gain: Estimate | None) -> str:
    if gain is not None and gain.low > 0:
        return "better than"
    if gain is not None and gain.high < 0:
        return "worse than"
    return "not distinguishable from"


def _over_centre_bias(heatmap: MapAgreement) -> str:
    """Say by which metrics the interval of the difference from the centre bias excludes 0."""
    better: list[str] = []
    worse: list[str] = []
    for name, metric in heatmap.definitions.items():
        gain = heatmap.over_centre_bias[name]
        if gain is None or not gain.has_interval or gain.low <= 0 <= gain.high:
            continue
        (better if (gain.value > 0) == metric.more_is_better else worse).append(metric.title)
    said = f"Of {len(heatmap.definitions)} metrics, the interval of the difference excludes 0 for"
    if not better and not worse:
        return f"{said} none."
    return (
        f"{said} {len(better + worse)}: better by {', '.join(better) or 'none'}, worse by {', '.join(worse) or 'none'}."
    )


def _few(radiographs: int, patients: int) -> str:
    """Say why no verdict is given; empty if there are enough radiographs and patients for one."""
    if min(radiographs, patients) >= FEWEST:
        return ""
    return (
        f"These are {radiographs} radiographs of at most {patients} patients, too few for a verdict: "
        f"at least {FEWEST} of each are needed."
    )


def _estimate(estimate: Estimate | None, form: str = ".3f") -> str:
    if estimate is None or not estimate.is_defined:
        return "undefined"
    if not estimate.has_interval:
        return f"{estimate.value:{form}}, without an interval"
    return f"{estimate.value:{form}} (95 % interval {estimate.low:{form}} to {estimate.high:{form}})"
