"""The gallery: what the page says about each radiograph, and what it draws."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from egaze.gaze import Fixations
from egaze.gaze.fixations import PLAYED_S
from egaze.imaging import FitGeometry
from egaze.imaging.fit import px_to_unit
from egaze.models import to_image_size
from egaze.report.encode import HEATMAP_PX, level_png
from egaze.report.evaluated_cases import EvaluatedCases
from egaze.report.outline import outline
from egaze.report.pixels import RadiographPixels
from egaze.serialize import JsonObject
from egaze.study.findings import finding_regions
from egaze.targets import FixationHeatmap

#: The most of each that are drawn on one radiograph, so that the page stays small.
MOST_FIXATIONS, MOST_REGIONS, MOST_PHRASES, MOST_LETTERS = 1600, 64, 200, 300
MOST_CLASS_HEATMAPS = 5


@dataclass(frozen=True, slots=True, eq=False)
class ModelMaps:
    """What the models show of K radiographs, in the order of their cards; None where a map cannot be had.

    Attributes:
        evidence: (K, h, w) Grad-CAMs.
        class_heatmaps: (K, C, HEATMAP_PX, HEATMAP_PX) predicted heatmaps of the classes.
    """

    evidence: NDArray[np.float32] | None = None
    class_heatmaps: NDArray[np.float16] | None = None

    def of(self, order: NDArray[np.intp]) -> ModelMaps:
        """The same of radiographs in another order."""
        return ModelMaps(
            None if self.evidence is None else self.evidence[order],
            None if self.class_heatmaps is None else self.class_heatmaps[order],
        )


@dataclass(frozen=True, slots=True)
class CaseCard:
    """One radiograph of the gallery.

    Attributes:
        case_id, label, reader_id: as in the study.
        answers: each class of which it is certain whether the radiograph has it, with 1 or 0.
        predicted: the most probable class; None if the classifier was not trained, or classes are independent.
        probs: each class with its probability; empty if the classifier was not trained.
        agreement: CC of the predicted heatmap with the reader's; None if one of them is missing.
        centre_agreement: CC of the centre-bias map with the reader's heatmap.
        aspect: the radiograph's width divided by its height.
        has: the keys of the layers that it has.
        run: the name of the run that predicts it, in a set of runs.
        row: its row among the evaluated cases.
    """

    case_id: str
    label: str | None
    answers: tuple[tuple[str, float], ...]
    reader_id: str | None
    predicted: str | None
    probs: tuple[tuple[str, float], ...]
    agreement: float | None
    centre_agreement: float | None
    aspect: float
    has: tuple[str, ...]
    run: str | None
    row: int

    @property
    def confidence(self) -> float:
        return max((probability for _, probability in self.probs), default=0.0)

    @property
    def is_right(self) -> bool | None:
        return None if self.label is None or self.predicted is None else self.label == self.predicted

    @property
    def error(self) -> float | None:
        """The largest difference of a probability from 1 or 0: of exclusive classes, 1 minus the probability of the
        label. None without a certain label."""
        if not self.answers or not self.probs:
            return None
        probs = dict(self.probs)
        if self.predicted is not None:
            return 1.0 - probs[next(name for name, answer in self.answers if answer == 1)]
        return max(abs(answer - probs[name]) for name, answer in self.answers)

    @property
    def classes_shown(self) -> list[str]:
        """The classes whose heatmaps are drawn: those that the radiograph has first, then the most probable, up to
        `MOST_CLASS_HEATMAPS` and in the order of the study."""
        present = {name for name, answer in self.answers if answer == 1}
        ranked = sorted(self.probs, key=lambda item: (item[0] not in present, -item[1]))
        shown = {name for name, _ in ranked[:MOST_CLASS_HEATMAPS]}
        return [name for name, _ in self.probs if name in shown]

    def facts(self) -> JsonObject:
        """Return what the page's script filters and sorts by, and shows beside the radiograph."""
        return {
            "id": self.case_id,
            "label": self.label,
            "present": [name for name, answer in self.answers if answer == 1],
            "reader": self.reader_id,
            "predicted": self.predicted,
            "right": self.is_right,
            "probs": [[name, round(probability, 4)] for name, probability in self.probs],
            "confidence": round(self.confidence, 4),
            "error": None if self.error is None else round(self.error, 4),
            "agreement": _rounded(self.agreement),
            "centre": _rounded(self.centre_agreement),
            "aspect": round(self.aspect, 5),
            "has": self.has,
            "run": self.run,
        }


def choose_rows(evaluated: EvaluatedCases, limit: int) -> NDArray[np.int64]:
    """Choose (K,) rows of the evaluated cases, at most `limit`, spread evenly."""
    count = len(evaluated.table)
    return np.unique(np.linspace(0, count - 1, min(limit, count)).round().astype(np.int64))


def make_cards(evaluated: EvaluatedCases, rows: NDArray[np.int64], maps: ModelMaps) -> list[CaseCard]:
    """Make the cards of these rows: wrong predictions first, then by confidence from the lowest; where classes are
    independent, the largest error first.

    Args:
        evaluated: the evaluated cases of the run or set.
        rows: (K,) rows of them.
        maps: what the models show of these rows.
    """
    study, size_px = evaluated.study, evaluated.study.image_size_px
    all_answers, is_exclusive = study.labels.answers, study.labels.kind == "exclusive"
    is_trained = evaluated.first.recipe.trains_classifier
    has_predicted = evaluated.has_heatmaps and evaluated.first.recipe.trains_heatmap
    cards = []
    for row in rows.tolist():
        facts = evaluated.table.row(row, named=True)
        case_index = facts["case_index"]
        fixations = study.fixations(case_index, size_px)
        there = {
            "gaze": len(fixations) > 0,
            "predicted": has_predicted,
            "class_heatmap": maps.class_heatmaps is not None,
            "grad_cam": maps.evidence is not None,
            "regions": len(study.regions(case_index)) > 0,
            "fixations": bool(fixations.on_shown.any()),
        }
        probs = tuple((name, float(facts[f"prob_{name}"])) for name in study.class_names) if is_trained else ()
        answers = zip(study.class_names, all_answers[case_index].tolist(), strict=True)
        height_px, width_px = study.geometry(case_index, size_px).radiograph_shape
        cards.append(
            CaseCard(
                case_id=facts["case_id"],
                label=facts["label"],
                answers=tuple((name, answer) for name, answer in answers if not math.isnan(answer)),
                reader_id=study.cases["reader_id"][case_index],
                predicted=max(probs, key=lambda item: item[1])[0] if probs and is_exclusive else None,
                probs=probs,
                agreement=facts.get("cc") if has_predicted else None,
                centre_agreement=facts.get("centre_cc") if has_predicted else None,
                aspect=width_px / height_px,
                has=tuple(key for key, holds in there.items() if holds),
                run=evaluated.runs[evaluated.run_of[row]].path.name if evaluated.members else None,
                row=row,
            )
        )
    if not is_exclusive:
        return sorted(cards, key=lambda card: -1.0 if card.error is None else card.error, reverse=True)
    return sorted(cards, key=lambda card: (card.is_right is not False, card.confidence))


def draw_radiograph(
    evaluated: EvaluatedCases,
    card: CaseCard,
    maps_of_cards: ModelMaps,
    number: int,
    pixels: RadiographPixels,
) -> JsonObject:
    """Return a radiograph's pictures in base64, and its gaze, regions and dictation as numbers.

    `number` is the place of the card among those that the maps are of. Positions are fractions of the radiograph's
    sides, times are in seconds. A fixation has x, y, onset and duration. If durations are relative, it also has the
    duration in seconds that its circle is drawn for, with a mean of `PLAYED_S`.
    """
    study, target = evaluated.study, evaluated.first.recipe.heatmap
    case_index = int(evaluated.case_index[card.row])
    size_px = study.image_size_px
    geometry = study.geometry(case_index, size_px)
    recorded = study.fixations(case_index, size_px)
    # Fixations outside the part that was on the screen did not look at the radiograph.
    on_shown = recorded.on_shown
    predicted = evaluated.heatmap(card.row) if "predicted" in card.has else None
    maps: dict[str, JsonObject] = {}
    if len(recorded):
        gaze_px = 224 if predicted is None else predicted.shape[0]
        heatmap = _thousandths(study.fixations(case_index, gaze_px), target, gaze_px)
        maps["gaze"] = _map(geometry, heatmap) | {"side": gaze_px, "unit": _unit(recorded, target)}
    if predicted is not None:
        maps["predicted"] = _map(geometry, predicted)
    if (evidence := maps_of_cards.evidence) is not None:
        grad_cam = to_image_size(torch.from_numpy(evidence[number])[None], (HEATMAP_PX, HEATMAP_PX))[0].numpy()
        maps["grad_cam"] = _map(geometry, grad_cam)
    of_classes = {}
    if (class_heatmaps := maps_of_cards.class_heatmaps) is not None:
        names = evaluated.study.class_names
        of_classes = {
            "class_heatmaps": [
                [name, _map(geometry, class_heatmaps[number, names.index(name)].astype(np.float32))]
                for name in card.classes_shown
            ]
        }
    radiograph, shown_px = pixels.jpeg(study, case_index)
    onset_s = recorded.onset_s
    drawn = slice(MOST_FIXATIONS)
    findings = finding_regions(study, case_index, None)
    height_px, width_px = geometry.radiograph_shape
    return {
        "radiograph": radiograph,
        "shown_px": shown_px,
        "radiograph_px": [width_px, height_px],
        "maps": maps,
        **of_classes,
        "timed": onset_s is not None,
        "relative": recorded.is_relative,
        "fixations": np.round(np.stack(_played(geometry, recorded), axis=1)[on_shown][drawn], 4).tolist(),
        "fixations_in_all": int(on_shown.sum()),
        "fixations_not_shown": int((~on_shown).sum()),
        "regions": [
            {
                "name": region.name[:MOST_LETTERS],
                "shape": region.shape,
                "finding": region in findings,
                "sides": [
                    round(px_to_unit(float(side_px), along_px), 4)
                    for side_px, along_px in zip(
                        (region.x_min_px, region.y_min_px, region.x_max_px, region.y_max_px),
                        (width_px, height_px) * 2,
                        strict=True,
                    )
                ],
                **({} if region.mask is None else {"outline": outline(region.mask)}),
            }
            for region in study.regions(case_index)[:MOST_REGIONS]
        ],
        # Phrases are timed by the same clock as onsets, so without onsets they cannot be placed.
        "phrases": []
        if onset_s is None
        else [
            [round(phrase.begin_s, 2), round(phrase.end_s, 2), phrase.text[:MOST_LETTERS]]
            for phrase in study.phrases(case_index)[:MOST_PHRASES]
        ],
    }


def _unit(fixations: Fixations, target: FixationHeatmap) -> str:
    """Return the unit of what `_thousandths` returns, per pixel."""
    if target.weight != "duration":
        return "thousandths of a fixation"
    return "thousandths of the relative duration" if fixations.is_relative else "ms of dwell time"


def _thousandths(fixations: Fixations, target: FixationHeatmap, size_px: int) -> NDArray[np.float32]:
    """Return the reader's heatmap in thousandths of a second, relative duration or fixation per pixel of the canvas."""
    thousandths: NDArray[np.float32] = target.rasterize(fixations, size_px, normalize="none") * np.float32(1000)
    return thousandths


def _map(geometry: FitGeometry, heatmap: NDArray[np.floating]) -> JsonObject:
    """Return the part of a map on the radiograph as a fraction of its peak there, and the peak."""
    on_radiograph = np.maximum(np.asarray(geometry.cut_out(heatmap), np.float32), 0)
    peak = float(on_radiograph.max())
    return {"png": level_png(on_radiograph / peak if peak > 0 else on_radiograph), "peak": float(f"{peak:.3g}")}


def _played(geometry: FitGeometry, fixations: Fixations) -> list[NDArray[np.floating]]:
    """Return the columns of fixations that `draw_radiograph` describes."""
    played = fixations.played()
    x, y = geometry.to_radiograph_unit(fixations.x_px.astype(np.float64), fixations.y_px.astype(np.float64))
    columns: list[NDArray[np.floating]] = [x, y, played.onset_s]  # type: ignore[list-item]
    if not fixations.is_relative:
        return [*columns, fixations.duration_s]
    duration = fixations.duration_s.astype(np.float64)
    return [*columns, played.ends_s() - columns[2], duration * (PLAYED_S / duration.mean() if len(duration) else 1.0)]


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)
