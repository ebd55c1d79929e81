"""`write_report`: everything about a run, or a set of runs, on one page."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from markupsafe import Markup
from numpy.typing import NDArray

from egaze.atomic import require_file, write_file
from egaze.errors import RunError
from egaze.evaluation.answered_once import answered_once
from egaze.evaluation.classification import Scored
from egaze.evaluation.results import Classification, ClassOperatingPoint, EvaluationResult
from egaze.explain.evidence import evidence_maps
from egaze.pictures.colours import heatmap_table
from egaze.progress import Progress
from egaze.report import card, members, plots, words
from egaze.report.encode import RADIOGRAPH_PX
from egaze.report.gallery import CaseCard, choose_rows, draw_radiograph, make_cards
from egaze.report.judged_cases import JudgedCases, open_judged_cases
from egaze.report.page import render
from egaze.report.pixels import RadiographPixels
from egaze.serialize import JsonObject
from egaze.study import Study
from egaze.training import Run, RunSet

#: Key and name of what can be laid over a radiograph.
LAYERS = (
    ("gaze", "Reader's gaze"),
    ("predicted", "Predicted gaze"),
    ("grad_cam", "Grad-CAM of the answer"),
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
    """Write one HTML file, without a request to anywhere, of an evaluated run or set of runs.

    Radiographs go to the file one by one, so that memory does not grow with them.

    Args:
        source: the run, or the set; in a set with folds each radiograph is answered by the run that tests it.
        out: the file, which is replaced whole.
        split: the evaluated split to report on.
        limit: at most this many radiographs in the gallery; see `egaze.report.encode.radiograph_bytes` for what they
            take.
        radiograph_px: the longest side of a radiograph in the gallery, which is never made larger than it is.
        radiographs_from: a folder of original radiographs named by case id; the study's are shown of cases that it
            lacks.
        seed: of a set, whose runs answer the radiographs; its first when None.
        progress: called with (steps done, steps in all): a step a radiograph for its Grad-CAM, and one for its drawing.

    Raises:
        RunError: not evaluated in that split, or a set without that seed.
        StudyError: the study is gone; or the radiographs in `radiographs_from` are not its own.
        RadiographError: an original radiograph cannot be read.
        EgazeError: `out` cannot be written.
    """
    require_file(out)
    judged = open_judged_cases(source, split, seed)
    run, study, result = judged.first, judged.study, _shown(judged)
    pixels = RadiographPixels.of(study, radiograph_px, radiographs_from)
    cards, evidence, missing = _gallery(judged, limit, progress)
    values = {
        "title": _title(run, judged.path),
        "version": version("egaze"),
        "run": run,
        "study": study,
        "result": result,
        "contents": _CONTENTS,
        "summary": words.summary(run.recipe, result),
        "one_auc": result.classification and result.classification.one_auc_title,
        "charts": _charts(judged, result),
        "chosen_on": run.recipe.choose_on,
        "operating_points": _operating_points(result.classification),
        "confusion": _confusion(result.classification),
        "why_no_classification": words.why_no_classification(run.recipe),
        "why_no_heatmap": words.why_no_heatmap(run.recipe),
        "epochs": 0 if judged.members else len(run.log()),
        "members": members.member_rows(judged),
        "spread": members.spread(judged),
        "seed": run.facts["seed"],
        "cards": cards,
        "missing": [*missing, *_resolution(judged, cards, pixels)],
        "layers": [{"key": key, "name": name} for key, name in LAYERS if any(key in c.has for c in cards)],
        "has_agreement": any(c.agreement is not None for c in cards),
        "data": _data(study, cards),
        "drawings": _drawings(judged, cards, evidence, pixels, progress),
        "hygiene": card.hygiene(study),
        "splits": members.split_rows(judged) if result.folds else card.split_rows(study),
        "model_card": card.model_card(run, study),
        "limits": card.limits(study),
        "recipe_text": run.recipe.without_paths().to_toml(),
    }
    write_file(Path(out), lambda partial: _write_parts(partial, render(values, gallery=bool(cards))))
    return Path(out)


def _write_parts(path: Path, parts: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(parts)


def _shown(judged: JudgedCases) -> EvaluationResult:
    """The evaluation; a set's with what the runs that answer give together."""
    result = judged.result
    if not judged.members or result.classification is None:
        return result
    labelled = (judged.study.labels[judged.case_index] >= 0).nonzero()[0]
    notes = list(result.warnings)
    together = answered_once(
        result.classification,
        judged.study.class_names,
        _scored(judged),
        judged.run_of[labelled],
        [own.classification for own in judged.own_results],
        notes,
    )
    return replace(result, classification=together, warnings=tuple(notes))


def _scored(judged: JudgedCases) -> Scored:
    """The labelled radiographs."""
    study = judged.study
    labelled = judged.table.filter(pl.col("label").is_not_null())
    cases = labelled["case_index"].to_numpy()
    class_probs = labelled.select(f"prob_{name}" for name in study.class_names).to_numpy().astype(np.float64)
    return Scored(study.labels[cases], class_probs, study.patients[cases])


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
    judged: JudgedCases, limit: int, progress: Progress | None
) -> tuple[list[CaseCard], NDArray[np.float32] | None, list[str]]:
    """The radiographs, their Grad-CAMs in the same order, and a sentence for each layer that none of them has."""
    rows = choose_rows(judged, limit)
    if not len(rows):
        return [], None, []
    missing, evidence = [], None
    if judged.first.recipe.trains_classifier:
        try:
            evidence = _evidence(judged, rows, progress)
        except RunError:
            missing.append("Grad-CAM is left out: the run's weights are missing or do not fit.")
    else:
        missing.append("Grad-CAM is left out: no stage of the recipe trained the classifier.")
    cards = make_cards(judged, rows, has_grad_cams=evidence is not None)
    if evidence is not None:
        evidence = evidence[np.searchsorted(rows, [card.row for card in cards])]
    there = {key for item in cards for key in item.has}
    if "gaze" not in there:
        missing.append("No radiograph here has gaze.")
    if not judged.first.recipe.model.heatmap_head:
        missing.append("The model has no heatmap head, so there is no predicted map.")
    elif "predicted" not in there:
        missing.append("There is no predicted map: the heatmap head was not trained, or its maps were not kept.")
    if "regions" not in there:
        missing.append("The study marks no regions on these radiographs.")
    return cards, evidence, missing


def _evidence(judged: JudgedCases, rows: NDArray[np.int64], progress: Progress | None) -> NDArray[np.float32]:
    """(K, h, w) Grad-CAM of the likeliest class of these rows' radiographs, by the run that answers each."""
    places: list[NDArray[np.intp]] = []
    maps: list[NDArray[np.float32]] = []
    done = 0

    def tell(of_run: int) -> None:
        if progress:
            progress(done + of_run, 2 * len(rows))

    for number, run in enumerate(judged.runs):
        own = np.flatnonzero(judged.run_of[rows] == number)
        if len(own):
            places.append(own)
            maps.append(evidence_maps(run, judged.study, judged.case_index[rows[own]], tell))
            done += len(own)
    return np.concatenate(maps)[np.argsort(np.concatenate(places))]


def _resolution(judged: JudgedCases, cards: Sequence[CaseCard], pixels: RadiographPixels) -> list[str]:
    """What of the radiographs' detail is shown."""
    if not cards:
        return []
    from_files = sum(card.case_id in pixels.originals for card in cards)
    said = [
        f"They are shown at {pixels.radiograph_px} px on the longer side at most, and never larger than stored; "
        f"the study stores {judged.study.image_size_px} px."
    ]
    if pixels.originals:
        said.append(f"{from_files} of {len(cards)} are from the original files.")
    else:
        said.append("Finer detail is in the original files: `egaze report --radiographs-from DIR` shows those.")
    if judged.members:
        said.append(f"Each is answered by the run of seed {judged.first.facts['seed']} that its side belongs to.")
    return said


def _drawings(
    judged: JudgedCases,
    cards: Sequence[CaseCard],
    evidence: NDArray[np.float32] | None,
    pixels: RadiographPixels,
    progress: Progress | None,
) -> Iterator[JsonObject]:
    """What the page's script draws of each radiograph, made when it is asked for."""
    for number, item in enumerate(cards):
        yield draw_radiograph(judged, item, None if evidence is None else evidence[number], pixels)
        if progress:
            progress(len(cards) + number + 1, 2 * len(cards))


def _data(study: Study, cards: Sequence[CaseCard]) -> JsonObject:
    """What the page's script starts from."""
    there = {key for item in cards for key in item.has}
    strongest = next((key for key in ("predicted", "gaze", "grad_cam") if key in there), None)
    return {
        "classes": study.class_names,
        "radiographs": [item.facts() for item in cards],
        "colours": base64.b64encode(heatmap_table().tobytes()).decode(),
        "overlay": strongest,
        "units": {
            "gaze": "Reader's gaze: {unit} per pixel of {side} × {side}.",
            "predicted": "Predicted gaze: share of the peak that the head was trained towards.",
            "grad_cam": "Grad-CAM: evidence for the predicted class, in logits.",
        },
    }


@dataclass(frozen=True, slots=True)
class Charts:
    """The report's charts; empty or None where there is nothing to draw."""

    agreement: Markup | None
    training: list[Markup]
    roc: list[Markup]
    forest: Markup | None
    calibration: list[Markup]


def _charts(judged: JudgedCases, result: EvaluationResult) -> Charts:
    logs = [run.log() for run in judged.members or judged.runs]
    roc: list[Markup] = []
    forest, calibration = None, []
    if (classification := result.classification) is not None:
        scored = _scored(judged)
        roc = plots.roc_curves(scored.labels, scored.class_probs, scored.patients, classification)
        ours = "This set" if judged.members else "This run"
        forest = plots.forest_plot(classification, result.published, ours)
        if classification.calibration is not None:
            calibration = plots.reliability_diagrams(classification.calibration)
    return Charts(
        agreement=None if result.heatmap is None else plots.agreement_scatter(judged.table),
        training=plots.training_curves(logs, judged.first.recipe.choose_on) if any(logs) else [],
        roc=roc,
        forest=forest,
        calibration=calibration,
    )


def _operating_points(classification: Classification | None) -> list[tuple[str, str, ClassOperatingPoint]]:
    """Class, thresholds in words, and point."""
    found = []
    for name, item in classification.classes.items() if classification else ():
        for point in item.operating_points or ():
            ends = dict.fromkeys(f"{end:.3f}" for end in (min(point.thresholds), max(point.thresholds)))
            found.append((name, " to ".join(ends), point))
    return found


@dataclass(frozen=True, slots=True)
class ConfusionCell:
    """Radiographs of one label and one answer; `level`, 0 to 10, shades the cell by its share of the row."""

    radiographs: int
    percent: int
    level: int
    right: bool


def _confusion(classification: Classification | None) -> list[tuple[str, list[ConfusionCell]]]:
    """A class and its row for each class."""
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
