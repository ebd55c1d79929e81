"""`write_report`: everything about a run on one page."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from egaze.assessment import Assessment, open_assessment
from egaze.atomic import write_text
from egaze.report import figures
from egaze.report.gallery import colour_bar, make_gallery, sort_for_reading
from egaze.training.run import Run

_SALIENCY_NAMES = {
    "cc": ("CC", "correlation, more is better"),
    "kld": ("KL", "divergence in nats, less is better"),
    "nss": ("NSS", "standard deviations at fixations, more is better"),
}


def write_report(run: Run, out: Path, *, split: str = "test", films: int = 60) -> Path:
    """Write one HTML file, without a request to anywhere, of an evaluated run.

    Args:
        run: the run.
        out: the file, which is replaced whole.
        split: the evaluated side to report on.
        films: at most this many in the gallery.

    Raises:
        RunError: the run has not been evaluated on that side.
        StudyError: its study is gone.
    """
    assessment = open_assessment(run.path / "evaluation" / split)
    study = run.open_study()
    environment = Environment(
        loader=PackageLoader("egaze.report", "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["figure"] = _figure
    has_roc = assessment.metrics["classification"] is not None
    log = run.log()
    page = environment.get_template("report.html").render(
        title=f"{run.recipe.name}: {run.path.resolve().name}",
        version=version("egaze"),
        run=run,
        study=study,
        metrics=assessment.metrics,
        summary=_summary(run, assessment),
        saliency_names=_SALIENCY_NAMES,
        roc=figures.roc_curves(assessment.predictions, assessment.metrics) if has_roc else None,
        curves=figures.training_curves(log, run.recipe.choose_on) if log else None,
        epochs=len(log),
        gallery=sort_for_reading(make_gallery(study, run.recipe.heatmap, assessment, films)),
        colour_bar=colour_bar(),
        recipe_text=run.recipe.to_toml(),
    )
    write_text(Path(out), page)
    return Path(out)


def _figure(figure: dict[str, float | None] | None) -> str:
    if figure is None or figure["value"] is None:
        return "\N{EN DASH}"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _summary(run: Run, assessment: Assessment) -> list[str]:
    """The results in words."""
    metrics: dict[str, Any] = assessment.metrics
    said = []
    if (classification := metrics["classification"]) is not None:
        auc = classification["macro_auc"]
        said.append(
            f"On {classification['cases']} labelled films of the {metrics['split']} split the model tells the "
            f"{len(run.class_names)} classes apart with a mean AUC of {auc['value']:.3f} "
            f"(95 % interval {auc['low']:.3f} to {auc['high']:.3f})."
        )
    if (heatmap := metrics["heatmap"]) is not None:
        gain = heatmap["over_centre_bias"]["cc"]
        if gain["low"] > 0:
            verdict = "better than the centre-bias map, which knows no film"
        elif gain["high"] < 0:
            verdict = "worse than the centre-bias map, which knows no film"
        else:
            verdict = "not distinguishable from the centre-bias map, which knows no film"
        said.append(
            f"On {heatmap['cases']} films with gaze its heatmaps correlate with the reader's at "
            f"{heatmap['cc']['value']:.3f}: {verdict} "
            f"(difference {gain['value']:+.3f}, {gain['low']:+.3f} to {gain['high']:+.3f})."
        )
    elif not run.recipe.model.heatmap_head:
        said.append("The recipe has no heatmap head: it is the control without gaze.")
    return said
