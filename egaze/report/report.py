"""`write_report`: everything about a run on one page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from egaze.assessment import Assessment, open_assessment
from egaze.atomic import write_text
from egaze.errors import RunError
from egaze.pictures.colours import heatmap_table
from egaze.report import card, figures, words
from egaze.report.evidence import grad_cams
from egaze.report.films import FilmCard, choose_rows, make_cards
from egaze.report.page import render
from egaze.study import Study
from egaze.training.run import Run

#: Key and name of what can be laid over a film.
LAYERS = (
    ("gaze", "Reader's gaze"),
    ("predicted", "Predicted gaze"),
    ("grad_cam", "Grad-CAM of the answer"),
    ("regions", "Marked regions"),
    ("fixations", "Scanpath"),
)


def write_report(
    run: Run,
    out: Path,
    *,
    split: str = "test",
    films: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write one HTML file, without a request to anywhere, of an evaluated run.

    Args:
        run: the run.
        out: the file, which is replaced whole.
        split: the evaluated side to report on.
        films: at most this many in the gallery; 200 take less than 40 MB.
        progress: called with (batches done, batches in all) of the Grad-CAMs.

    Raises:
        RunError: the run has not been evaluated on that side.
        StudyError: its study is gone.
    """
    assessment = open_assessment(run.path / "evaluation" / split)
    study = run.open_study()
    cards, missing = _gallery(run, study, assessment, films, progress)
    metrics, log = assessment.metrics, run.log()
    write_text(
        Path(out),
        render(
            {
                "title": _title(run),
                "version": version("egaze"),
                "run": run,
                "study": study,
                "metrics": metrics,
                "contents": _CONTENTS,
                "summary": words.summary(run, metrics),
                "charts": _charts(run, study, assessment, log),
                "side": run.recipe.choose_on,
                "operating_points": _operating_points(metrics),
                "confusion": _confusion(metrics),
                "why_no_heatmap": words.why_no_heatmap(run),
                "epochs": len(log),
                "cards": cards,
                "missing": missing,
                "layers": [{"key": key, "name": name} for key, name in LAYERS if any(key in c.has for c in cards)],
                "has_agreement": any(c.agreement is not None for c in cards),
                "data": _data(run, study, cards),
                "hygiene": card.hygiene(study),
                "split": card.split_rows(study),
                "model_card": card.model_card(run, study),
                "limits": card.limits(study),
                "recipe_text": run.recipe.to_toml(),
            },
            gallery=bool(cards),
        ),
    )
    return Path(out)


_CONTENTS = (
    ("summary", "Summary"),
    ("films", "Films"),
    ("classification", "Classification"),
    ("gaze", "Gaze"),
    ("training", "Training"),
    ("data", "Data"),
    ("card", "Model card"),
)


def _title(run: Run) -> str:
    return f"{run.recipe.name}: {run.path.resolve().name}"


def _gallery(
    run: Run, study: Study, assessment: Assessment, limit: int, progress: Callable[[int, int], None] | None
) -> tuple[list[FilmCard], list[str]]:
    """The films, and a sentence for each layer that none of them has."""
    rows = choose_rows(assessment, limit)
    if not len(rows):
        return [], []
    missing, evidence = [], None
    try:
        evidence = grad_cams(run, study, assessment.predictions["case_index"].to_numpy()[rows], progress)
    except RunError:
        missing.append("Grad-CAM is left out: the run's weights are missing or do not fit.")
    cards = make_cards(study, run.recipe.heatmap, assessment, rows, evidence)
    there = {key for item in cards for key in item.has}
    if "gaze" not in there:
        missing.append("No film here has gaze.")
    if assessment.heatmaps is None:
        missing.append("The model has no heatmap head, so there is no predicted map.")
    if "regions" not in there:
        missing.append("The study marks no regions on these films.")
    return cards, missing


def _data(run: Run, study: Study, cards: Sequence[FilmCard]) -> dict[str, Any]:
    """What the page's script starts from."""
    unit = "ms of dwell time" if run.recipe.heatmap.weight == "duration" else "thousandths of a fixation"
    there = {key for item in cards for key in item.has}
    strongest = next((key for key in ("predicted", "gaze", "grad_cam") if key in there), None)
    return {
        "classes": study.class_names,
        "films": [item.facts() for item in cards],
        "colours": base64.b64encode(heatmap_table().tobytes()).decode(),
        "opacity": {key: 0.6 if key == strongest else 0 for key, _ in LAYERS},
        "units": {
            "gaze": f"Reader's gaze: {unit} per pixel of {{side}} × {{side}}.",
            "predicted": "Predicted gaze: share of the peak that the head was trained towards.",
            "grad_cam": "Grad-CAM: evidence for the predicted class, in logits.",
        },
    }


def _charts(run: Run, study: Study, assessment: Assessment, log: list[dict[str, Any]]) -> dict[str, Any]:
    classification = assessment.metrics["classification"]
    charts: dict[str, Any] = {
        "agreement": figures.agreement_scatter(assessment.predictions),
        "training": figures.training_curves(log, run.recipe.choose_on) if log else [],
    }
    if classification is not None:
        labelled = assessment.predictions.filter(pl.col("label").is_not_null())
        cases = labelled["case_index"].to_numpy()
        class_probs = labelled.select(f"prob_{name}" for name in study.class_names).to_numpy().astype(np.float64)
        charts |= {
            "roc": figures.roc_curves(study.labels[cases], class_probs, study.patients[cases], classification),
            "forest": figures.forest_plot(assessment.metrics),
            "calibration": figures.reliability_diagrams(classification["calibration"]),
        }
    return charts


def _operating_points(metrics: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    classes = metrics["classification"]["classes"] if metrics["classification"] else {}
    return [(name, point) for name, facts in classes.items() for point in facts["operating_points"] or ()]


def _confusion(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """A row a class; `level` 0 to 10 shades a cell by its share of the row."""
    if metrics["classification"] is None:
        return []
    confusion = metrics["classification"]["confusion"]
    rows = []
    for number, (name, films) in enumerate(zip(confusion["classes"], confusion["matrix"], strict=True)):
        shares = [count / max(sum(films), 1) for count in films]
        cells = [
            {"films": count, "percent": round(100 * share), "level": round(10 * share), "right": place == number}
            for place, (count, share) in enumerate(zip(films, shares, strict=True))
        ]
        rows.append({"name": name, "cells": cells})
    return rows
