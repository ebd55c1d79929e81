"""The gallery's radiographs: what the page says of each, and what it draws."""

from __future__ import annotations

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
from egaze.report.judged_cases import JudgedCases
from egaze.report.outline import outline
from egaze.report.pixels import RadiographPixels
from egaze.serialize import JsonObject
from egaze.study.findings import finding_regions
from egaze.targets import FixationHeatmap

#: More of one radiograph are left out of its drawing, so that the page stays small.
MOST_FIXATIONS, MOST_REGIONS, MOST_PHRASES, MOST_LETTERS = 1600, 64, 200, 300


@dataclass(frozen=True, slots=True)
class CaseCard:
    """One radiograph of the gallery.

    Attributes:
        case_id, label, reader_id: as in the study.
        predicted: the class of the largest probability; None where the classifier was not trained.
        probs: every class with its probability; empty where the classifier was not trained.
        agreement: CC of the predicted map with the reader's; None without either.
        centre_agreement: the same of the centre-bias map.
        aspect: the radiograph's width over its height.
        has: the keys of the layers there are for it.
        run: the name of the run that judged, in a set of several.
        row: of the judged.
    """

    case_id: str
    label: str | None
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
        """1 - the label's probability; None without a label."""
        return None if self.label is None or not self.probs else 1.0 - dict(self.probs)[self.label]

    def facts(self) -> JsonObject:
        """What the page's script filters and sorts by, and shows beside the radiograph."""
        return {
            "id": self.case_id,
            "label": self.label,
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


def choose_rows(judged: JudgedCases, limit: int) -> NDArray[np.int64]:
    """(K,) rows of the judged: at most `limit`, spread evenly over the evaluated cases."""
    count = len(judged.table)
    return np.unique(np.linspace(0, count - 1, min(limit, count)).round().astype(np.int64))


def make_cards(judged: JudgedCases, rows: NDArray[np.int64], *, has_grad_cams: bool) -> list[CaseCard]:
    """The radiographs of these rows, wrong answers first, then the least sure; `draw_radiograph` draws one.

    Args:
        judged: of the run or the set.
        rows: (K,) of them.
        has_grad_cams: whether there are maps of the evidence.
    """
    study, size_px = judged.study, judged.study.image_size_px
    is_trained = judged.first.recipe.trains_classifier
    has_predicted = judged.has_heatmaps and judged.first.recipe.trains_heatmap
    cards = []
    for row in rows.tolist():
        facts = judged.table.row(row, named=True)
        case_index = facts["case_index"]
        fixations = study.fixations(case_index, size_px)
        there = {
            "gaze": len(fixations) > 0,
            "predicted": has_predicted,
            "grad_cam": has_grad_cams,
            "regions": len(study.regions(case_index)) > 0,
            "fixations": bool(fixations.on_shown.any()),
        }
        probs = tuple((name, float(facts[f"prob_{name}"])) for name in study.class_names) if is_trained else ()
        height_px, width_px = study.geometry(case_index, size_px).radiograph_shape
        cards.append(
            CaseCard(
                case_id=facts["case_id"],
                label=facts["label"],
                reader_id=study.cases["reader_id"][case_index],
                predicted=max(probs, key=lambda item: item[1])[0] if probs else None,
                probs=probs,
                agreement=facts.get("cc") if has_predicted else None,
                centre_agreement=facts.get("centre_cc") if has_predicted else None,
                aspect=width_px / height_px,
                has=tuple(key for key, holds in there.items() if holds),
                run=judged.runs[judged.run_of[row]].path.name if judged.members else None,
                row=row,
            )
        )
    return sorted(cards, key=lambda card: (card.is_right is not False, card.confidence))


def draw_radiograph(
    judged: JudgedCases,
    card: CaseCard,
    grad_cam: NDArray[np.floating] | None,
    pixels: RadiographPixels,
) -> JsonObject:
    """Pictures in base64, and gaze, regions and dictation in fractions of the radiograph's sides and seconds.

    A fixation has x, y, when it begins and how long it lasts, and, where durations are relative, the seconds whose
    circle it gets: the mean one's are `PLAYED_S`."""
    study, target = judged.study, judged.first.recipe.heatmap
    case_index = int(judged.case_index[card.row])
    size_px = study.image_size_px
    geometry = study.geometry(case_index, size_px)
    recorded = study.fixations(case_index, size_px)
    # Outside the part that was on the screen nothing of the radiograph was looked at.
    on_shown = recorded.on_shown
    predicted = judged.heatmap(card.row) if "predicted" in card.has else None
    maps: dict[str, JsonObject] = {}
    if len(recorded):
        gaze_px = 224 if predicted is None else predicted.shape[0]
        heatmap = _thousandths(study.fixations(case_index, gaze_px), target, gaze_px)
        maps["gaze"] = _map(geometry, heatmap) | {"side": gaze_px, "unit": _unit(recorded, target)}
    if predicted is not None:
        maps["predicted"] = _map(geometry, predicted)
    if grad_cam is not None:
        evidence = to_image_size(torch.from_numpy(grad_cam)[None], (HEATMAP_PX, HEATMAP_PX))[0].numpy()
        maps["grad_cam"] = _map(geometry, evidence)
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
        # Words run on the clock of the onsets, so without onsets they have no place in time.
        "phrases": []
        if onset_s is None
        else [
            [round(phrase.begin_s, 2), round(phrase.end_s, 2), phrase.text[:MOST_LETTERS]]
            for phrase in study.phrases(case_index)[:MOST_PHRASES]
        ],
    }


def _unit(fixations: Fixations, target: FixationHeatmap) -> str:
    """Of what `_thousandths` gives, per pixel."""
    if target.weight != "duration":
        return "thousandths of a fixation"
    return "thousandths of the relative duration" if fixations.is_relative else "ms of dwell time"


def _thousandths(fixations: Fixations, target: FixationHeatmap, size_px: int) -> NDArray[np.float32]:
    """The reader's heatmap in thousandths of a second, a relative duration or a fixation per pixel of the canvas."""
    thousandths: NDArray[np.float32] = target.rasterize(fixations, size_px, normalize="none") * np.float32(1000)
    return thousandths


def _map(geometry: FitGeometry, heatmap: NDArray[np.floating]) -> JsonObject:
    """A map's part on the radiograph as a share of its peak there, and that peak."""
    on_radiograph = np.maximum(np.asarray(geometry.cut_out(heatmap), np.float32), 0)
    peak = float(on_radiograph.max())
    return {"png": level_png(on_radiograph / peak if peak > 0 else on_radiograph), "peak": float(f"{peak:.3g}")}


def _played(geometry: FitGeometry, fixations: Fixations) -> list[NDArray[np.floating]]:
    """The columns that `draw_radiograph` tells of."""
    played = fixations.played()
    x, y = geometry.to_radiograph_unit(fixations.x_px.astype(np.float64), fixations.y_px.astype(np.float64))
    columns: list[NDArray[np.floating]] = [x, y, played.onset_s]  # type: ignore[list-item]
    if not fixations.is_relative:
        return [*columns, fixations.duration_s]
    duration = fixations.duration_s.astype(np.float64)
    return [*columns, played.ends_s() - columns[2], duration * (PLAYED_S / duration.mean() if len(duration) else 1.0)]


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)
