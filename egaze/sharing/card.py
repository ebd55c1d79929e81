"""The model card that goes with a shared model: README.md, with the header that model hubs read."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from egaze.evaluation.results import Classification, EvaluationResult
from egaze.metrics import Estimate
from egaze.report import card, words
from egaze.serialize import JsonObject
from egaze.sharing.shared import FILES
from egaze.study import Study
from egaze.training.run import SET, Run


class ResultRow(NamedTuple):
    """A metric with its interval and the number of radiographs that it is of, as texts."""

    metric: str
    value: str
    interval: str
    radiographs: str


def model_page(run: Run, study: Study, result: EvaluationResult, license: str | None) -> str:
    """Return the text of README.md.

    Args:
        run, study, result: the run, its study, and the evaluation that is shared.
        license: the licence of the weights, as model hubs call it; None states none.
    """
    return (
        _templates()
        .get_template("model_card.md.jinja")
        .render(
            header=_header(run, study, result, license),
            recipe=run.recipe,
            summary=words.summary(run.recipe, result, study.labels.kind),
            result=result,
            of_a_set=(run.path.resolve().parent / SET).is_file(),
            results=_classification_rows(result.classification) + _heatmap_rows(result),
            rows=card.model_card(run, study),
            sources=card.hygiene(study),
            class_names=run.class_names,
            splits=card.split_rows(study),
            limits=card.limits(study),
            license=license,
            files=FILES,
        )
    )


def _header(run: Run, study: Study, result: EvaluationResult, license: str | None) -> list[str]:
    """Return the lines of the YAML header; JSON is valid YAML, whatever a name consists of."""
    fields: JsonObject = {
        **({} if license is None else {"license": license}),
        "library_name": "egaze",
        "pipeline_tag": "image-classification",
        "tags": ["egaze", "chest-x-ray", "radiology", "medical", "eye-tracking", "gaze", "saliency"],
    }
    if (classification := result.classification) is not None and classification.macro_auc.is_defined:
        auc = classification.macro_auc
        layouts = dict.fromkeys(source.layout for source in card.hygiene(study))
        metric = {"type": "roc_auc", "name": f"mean AUC (95 % interval {_interval(auc, 3)})", "value": auc.value}
        measured_on = {
            "type": "+".join(layouts),
            "name": ", ".join(layouts) + (" (synthetic)" if study.is_synthetic else ""),
            "split": result.split,
        }
        results = [{"task": {"type": "image-classification"}, "dataset": measured_on, "metrics": [metric]}]
        fields["model-index"] = [{"name": run.recipe.name, "results": results}]
    return [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]


def _classification_rows(classification: Classification | None) -> list[ResultRow]:
    if classification is None:
        return []
    cases, of_class = classification.cases, classification.classes.items()
    rows = [
        _row("AUC, mean of the classes", classification.macro_auc, cases),
        *(_row(f"AUC, {name}", item.auc, item.judged) for name, item in of_class),
        *(_row(f"average precision, {name}", item.average_precision, item.judged) for name, item in of_class),
        _row("accuracy", classification.accuracy, cases),
    ]
    for name, item in of_class:
        for point in item.operating_points or ():
            where = f"{name}, at threshold {point.thresholds[0]:.3f} ({point.name}, chosen on {point.chosen_on})"
            rows.append(_row(f"sensitivity, {where}", point.sensitivity, item.judged))
            rows.append(_row(f"specificity, {where}", point.specificity, item.judged))
        if (own := item.calibration) is not None:
            rows.append(_row(f"Brier score (less is better), {name}", own.before.brier, item.judged))
    if (calibration := classification.calibration) is not None:
        rows.append(_row("Brier score (less is better)", calibration.before.brier, cases))
    return [row for row in rows if row is not None]


def _heatmap_rows(result: EvaluationResult) -> list[ResultRow]:
    if (heatmap := result.heatmap) is None:
        return []
    rows = []
    for name, metric in heatmap.definitions.items():
        title = f"{metric.title} of heatmaps with gaze" + ("" if metric.more_is_better else " (less is better)")
        over = "difference from the centre-bias map"
        rows.append(_row(title, heatmap.predicted[name], heatmap.cases, metric.digits))
        rows.append(_row(f"{title}, {over}", heatmap.over_centre_bias[name], heatmap.cases, metric.digits))
    return [row for row in rows if row is not None]


def _row(metric: str, estimate: Estimate | None, radiographs: int, digits: int = 3) -> ResultRow | None:
    """Return a metric's row; None if it is undefined, which the evaluation's warnings say."""
    if estimate is None or not estimate.is_defined:
        return None
    return ResultRow(metric, f"{estimate.value:.{digits}f}", _interval(estimate, digits), f"{radiographs:,}")


def _interval(estimate: Estimate, digits: int) -> str:
    return f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}" if estimate.has_interval else "none"


def _plain(text: object) -> str:
    """Escape a text so that Markdown and HTML show it as it is, on one line."""
    one_line = " ".join(str(text).split()).replace("&", "&amp;")
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", one_line)


@lru_cache(maxsize=1)
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("egaze.sharing", "."),
        autoescape=False,  # not HTML: texts go through `plain`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["plain"] = _plain
    return made
