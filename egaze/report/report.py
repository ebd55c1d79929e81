"""`write_report`: all results of a run, or of a set of runs, on one page."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from egaze.atomic import require_file, write_file
from egaze.errors import RunError
from egaze.evaluation.classification import Scored, is_judged
from egaze.evaluation.cross_validation import add_fold_results
from egaze.evaluation.results import Classification, ClassOperatingPoint, EvaluationResult
from egaze.explain.cases import evidence_maps, predicted_class_heatmaps
from egaze.pictures.colours import heatmap_table
from egaze.progress import Progress
from egaze.report import card, members, plots, words
from egaze.report.encode import HEATMAP_PX, RADIOGRAPH_PX
from egaze.report.evaluated_cases import EvaluatedCases, open_evaluated_cases
from egaze.report.gallery import CaseCard, ModelMaps, choose_rows, draw_radiograph, make_cards
from egaze.report.page import render
from egaze.report.pixels import RadiographPixels
from egaze.serialize import JsonObject
from egaze.study import Study
from egaze.training import Run, RunSet

#: Key and name of the layers that can be shown on a radiograph.
LAYERS = (
    ("gaze", "Reader's gaze"),
    ("predicted", "Predicted gaze"),
    ("class_heatmap", "Predicted heatmap of a class"),
    ("grad_cam", "Grad-CAM of the prediction"),
    ("regions", "Marked regions"),
    ("fixations", "Scanpath"),
)


def write_report(
    source: Run | RunSet,
    out: Path,
    *,
    split: str = "test",
    limit: int = 200,
    radiograph_px: int = RADIOGRAPH_PX,
    radiographs_from: Path | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the report of an evaluated run or set of runs as one HTML file that loads nothing from anywhere.

    Radiographs are written one by one, so that memory does not grow with their number.

    Args:
        source: the run, or the set of runs. In a set with folds, each radiograph is predicted by the run that tests it.
        out: the file, which is replaced as a whole.
        split: the evaluated split to report on.
        limit: the largest number of radiographs in the gallery; see `egaze.report.encode.radiograph_bytes` for their
            size.
        radiograph_px: the largest longest side of a radiograph in the gallery; radiographs are never enlarged.
        radiographs_from: a folder of original radiographs named after case ids. Cases without a file there are shown
            from the study.
        seed: for a set, the seed whose runs predict the radiographs; its first if None.
        progress: called with the steps done and the number of steps: two or three for each radiograph, its
            maps and its drawing.

    Returns:
        `out`.

    Raises:
        RunError: the source is not evaluated on that split, or the set has no such seed.
        StudyError: the study is missing, or the radiographs in `radiographs_from` are not those of the study.
        RadiographError: an original radiograph cannot be read.
        EgazeError: `out` cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from egaze.report import write_report
        >>> from egaze.training import open_run
        >>> write_report(open_run("run"), Path("report.html"), limit=2).name
        'report.html'
    """
    require_file(out)
    evaluated = open_evaluated_cases(source, split, seed)
    run, study, result = evaluated.first, evaluated.study, _shown(evaluated)
    pixels = RadiographPixels.of(study, radiograph_px, radiographs_from)
    cards, maps, missing = _gallery(evaluated, limit, progress)
    values = {
        "title": _title(run, evaluated.path),
        "version": version("egaze"),
        "run": run,
        "study": study,
        "result": result,
        "contents": _CONTENTS,
        "summary": words.summary(run.recipe, result, study.labels.kind),
        "readings": words.readings(len(evaluated.case_index), _radiographs(study, evaluated.case_index)),
        "one_auc": result.classification and result.classification.one_auc_title,
        "plots": _plots(evaluated, result),
        "chosen_on": run.recipe.choose_on,
        "measured_on": run.recipe.measured_on,
        "operating_points": _operating_points(result.classification),
        "confusion": _confusion(result.classification),
        "together": _together(study, evaluated.case_index),
        "why_no_classification": words.why_no_classification(run.recipe, study.labels.kind),
        "why_no_heatmap": words.why_no_heatmap(run.recipe),
        "epochs": 0 if evaluated.members else len(run.log()),
        "members": members.member_rows(evaluated),
        "spread": members.spread(evaluated),
        "seed": run.facts["seed"],
        "cards": cards,
        "missing": [*missing, *_resolution(evaluated, cards, pixels)],
        "layers": [{"key": key, "name": name} for key, name in LAYERS if any(key in c.has for c in cards)],
        "has_agreement": any(c.agreement is not None for c in cards),
        "data": _data(study, cards),
        "drawings": _drawings(evaluated, cards, maps, pixels, progress),
        "hygiene": card.hygiene(study),
        "gaze_quality": study.manifest["gaze"].get("quality"),
        "splits": members.split_rows(evaluated) if result.folds else card.split_rows(study),
        "model_card": card.model_card(run, study),
        "limits": card.limits(study),
        "recipe_text": run.recipe.without_paths().to_toml(),
    }
    write_file(Path(out), lambda partial: _write_parts(partial, render(values, gallery=bool(cards))))
    return Path(out)


def _radiographs(study: Study, case_indices: NDArray[np.int64]) -> int:
    """Count the radiographs that these cases show."""
    return len({(study.patients[index], study.radiograph_key(index)) for index in case_indices.tolist()})


def _write_parts(path: Path, parts: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(parts)


def _shown(evaluated: EvaluatedCases) -> EvaluationResult:
    """Return the evaluation that is shown: for a set, completed by the results of the runs of the reported seed."""
    result = evaluated.result
    if not evaluated.members or result.classification is None:
        return result
    labelled = is_judged(evaluated.study.labels.of(evaluated.case_index)).nonzero()[0]
    notes = list(result.warnings)
    together = add_fold_results(
        result.classification,
        evaluated.study.class_names,
        _scored(evaluated),
        evaluated.run_of[labelled],
        [own.classification for own in evaluated.own_results],
        notes,
    )
    return replace(result, classification=together, warnings=tuple(notes))


def _scored(evaluated: EvaluatedCases) -> Scored:
    """Return the labelled radiographs."""
    study = evaluated.study
    class_probs = evaluated.table.select(f"prob_{name}" for name in study.class_names).to_numpy()
    return Scored.of_cases(study, evaluated.table["case_index"].to_numpy(), class_probs)


_CONTENTS = (
    ("summary", "Summary"),
    ("radiographs", "Radiographs"),
    ("classification", "Classification"),
    ("gaze", "Gaze"),
    ("training", "Training"),
    ("data", "Data"),
    ("card", "Model card"),
)


def _title(run: Run, path: Path) -> str:
    return f"{run.recipe.name}: {path.resolve().name}"


def _gallery(
    evaluated: EvaluatedCases, limit: int, progress: Progress | None
) -> tuple[list[CaseCard], ModelMaps, list[str]]:
    """Return the cards, what the models show of them in the same order, and a sentence for each layer that no card
    has."""
    rows = choose_rows(evaluated, limit)
    if not len(rows):
        return [], ModelMaps(), []
    recipe, missing, maps = evaluated.first.recipe, [], ModelMaps()
    if recipe.trains_classifier:
        try:
            maps = _model_maps(evaluated, rows, progress)
        except RunError:
            missing.append("Grad-CAM is left out because the run's weights are missing or do not fit.")
    else:
        missing.append("Grad-CAM is left out because no stage of the recipe trained the classifier.")
    cards = make_cards(evaluated, rows, maps)
    maps = maps.of(np.searchsorted(rows, [card.row for card in cards]))
    there = {key for item in cards for key in item.has}
    if "gaze" not in there:
        missing.append("None of these radiographs has gaze.")
    if not recipe.model.heatmap_head:
        missing.append("The model has no heatmap head, so there are no predicted heatmaps.")
    elif "predicted" not in there:
        missing.append(
            "There are no predicted heatmaps: the heatmap head was not trained, or its heatmaps were not stored."
        )
    if "regions" not in there:
        missing.append("The study has no regions on these radiographs.")
    return cards, maps, missing


def _steps(evaluated: EvaluatedCases) -> int:
    """How many steps each radiograph of the gallery takes: its maps, one kind after the other, and its drawing."""
    return 3 if _has_class_heatmaps(evaluated) else 2


def _has_class_heatmaps(evaluated: EvaluatedCases) -> bool:
    recipe = evaluated.first.recipe
    return recipe.model.pooling == "class-heatmaps" and recipe.trains_heatmap


def _model_maps(evaluated: EvaluatedCases, rows: NDArray[np.int64], progress: Progress | None) -> ModelMaps:
    """Return what the runs that predict these radiographs show: Grad-CAMs of the most probable class and, of a model
    with one heatmap per class, these."""
    places: list[NDArray[np.intp]] = []
    evidence: list[NDArray[np.float32]] = []
    heatmaps: list[NDArray[np.float16]] = []
    done = 0

    def tell(of_run: int) -> None:
        if progress:
            progress(done + of_run, _steps(evaluated) * len(rows))

    for number, run in enumerate(evaluated.runs):
        own = np.flatnonzero(evaluated.run_of[rows] == number)
        if not len(own):
            continue
        places.append(own)
        cases = evaluated.case_index[rows[own]]
        evidence.append(evidence_maps(run, evaluated.study, cases, tell))
        done += len(own)
        if _has_class_heatmaps(evaluated):
            heatmaps.append(predicted_class_heatmaps(run, evaluated.study, cases, HEATMAP_PX, tell))
            done += len(own)
    found = ModelMaps(np.concatenate(evidence), np.concatenate(heatmaps) if heatmaps else None)
    return found.of(np.argsort(np.concatenate(places)))


def _resolution(evaluated: EvaluatedCases, cards: Sequence[CaseCard], pixels: RadiographPixels) -> list[str]:
    """Say at which resolution the radiographs are shown, and where they come from."""
    if not cards:
        return []
    from_files = sum(card.case_id in pixels.originals for card in cards)
    said = [
        f"Their longer side is shown at {pixels.radiograph_px} px at most, and never enlarged; "
        f"the study stores {evaluated.study.image_size_px} px."
    ]
    if pixels.originals:
        said.append(f"{from_files} of {len(cards)} are from the original files.")
    else:
        said.append("To show finer detail from the original files, use `egaze report --radiographs-from DIR`.")
    if evaluated.members:
        split = evaluated.result.split
        said.append(
            f"Each is predicted by the run of seed {evaluated.first.facts['seed']} that has it in its {split} split."
        )
    return said


def _drawings(
    evaluated: EvaluatedCases,
    cards: Sequence[CaseCard],
    maps: ModelMaps,
    pixels: RadiographPixels,
    progress: Progress | None,
) -> Iterator[JsonObject]:
    """Yield what the page's script draws of each radiograph."""
    steps = _steps(evaluated)
    for number, item in enumerate(cards):
        yield draw_radiograph(evaluated, item, maps, number, pixels)
        if progress:
            progress((steps - 1) * len(cards) + number + 1, steps * len(cards))


def _data(study: Study, cards: Sequence[CaseCard]) -> JsonObject:
    """Return what the page's script starts from."""
    there = {key for item in cards for key in item.has}
    strongest = next((key for key in ("predicted", "gaze", "grad_cam") if key in there), None)
    return {
        "classes": study.class_names,
        "labels": study.labels.kind,
        "radiographs": [item.facts() for item in cards],
        "colours": base64.b64encode(heatmap_table().tobytes()).decode(),
        "overlay": strongest,
        "units": {
            "gaze": "Reader's gaze: {unit} per pixel of {side} × {side}.",
            "predicted": "Predicted gaze: fraction of the peak that the head was trained towards.",
            "grad_cam": "Grad-CAM: evidence for the predicted class, in logits.",
            **(
                {"class_heatmap": "Predicted heatmap of the class: its own sigmoid."}
                if "class_heatmap" in there
                else {}
            ),
        },
    }


@dataclass(frozen=True, slots=True)
class Plots:
    """The report's plots; empty or None where there is nothing to draw."""

    agreement: Markup | None
    training: list[Markup]
    roc: list[Markup]
    forest: Markup | None
    calibration: list[Markup]


def _plots(evaluated: EvaluatedCases, result: EvaluationResult) -> Plots:
    logs = [run.log() for run in evaluated.members or evaluated.runs]
    roc: list[Markup] = []
    forest, calibration = None, []
    if (classification := result.classification) is not None:
        scored = _scored(evaluated)
        roc = plots.roc_curves(scored, classification)
        ours = "This set" if evaluated.members else "This run"
        forest = plots.forest_plot(classification, result.published, ours)
        if classification.calibration is not None:
            calibration = plots.reliability_diagrams(classification.calibration)
    return Plots(
        agreement=None if result.heatmap is None else plots.agreement_scatter(evaluated.table),
        training=plots.training_curves(logs) if any(logs) else [],
        roc=roc,
        forest=forest,
        calibration=calibration,
    )


def _operating_points(classification: Classification | None) -> list[tuple[str, str, ClassOperatingPoint]]:
    """Return rows of class, thresholds as text, and operating point."""
    found = []
    for name, item in classification.classes.items() if classification else ():
        for point in item.operating_points or ():
            ends = dict.fromkeys(f"{end:.3f}" for end in (min(point.thresholds), max(point.thresholds)))
            found.append((name, " to ".join(ends), point))
    return found


@dataclass(frozen=True, slots=True)
class ConfusionCell:
    """Radiographs of one label and one predicted class; `level`, 0 to 10, shades the cell by its share of the row."""

    radiographs: int
    percent: int
    level: int
    right: bool


def _confusion(classification: Classification | None) -> list[tuple[str, list[ConfusionCell]]]:
    """Return rows of class and cells."""
    if classification is None or (confusion := classification.confusion) is None:
        return []
    rows = []
    for number, (name, radiographs) in enumerate(zip(confusion.classes, confusion.matrix, strict=True)):
        shares = [count / max(sum(radiographs), 1) for count in radiographs]
        cells = [
            ConfusionCell(count, round(100 * share), round(10 * share), place == number)
            for place, (count, share) in enumerate(zip(radiographs, shares, strict=True))
        ]
        rows.append((name, cells))
    return rows


def _together(study: Study, cases: NDArray[np.int64]) -> list[tuple[str, list[int]]]:
    """Return, of independent classes, rows of class and the number of radiographs that also have each class."""
    if study.labels.kind == "exclusive":
        return []
    present = (study.labels.of(cases).answers == 1).astype(np.int64)
    return list(zip(study.class_names, (present.T @ present).tolist(), strict=True))
