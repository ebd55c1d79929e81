"""A radiologist's report on a radiograph, as in REFLACX: ellipses with certainties, flags, and dictated words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from egaze.sources.reflacx.labels import CONSOLIDATION, EDEMA, EFFUSION, GROUNDGLASS, LARGE_HEART, MAX_CERTAINTY, PLEURA
from egaze.sources.synthetic.disease import settle
from egaze.sources.synthetic.landmarks import anatomical_boxes
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.scanpath import Scanpath

Box = tuple[int, int, int, int]  # x_min, y_min, x_max, y_max in pixels of the radiograph


@dataclass(frozen=True, slots=True)
class Mark:
    """An ellipse, the findings that it may show, and the certainty of the reader, 1 to 5."""

    findings: tuple[str, ...]
    certainty: int
    box: Box


@dataclass(frozen=True, slots=True)
class Report:
    """The scanpath, ellipses and dictation of one reader; `word_s` is (W, 2), the times of each word in seconds."""

    scanpath: Scanpath
    marks: tuple[Mark, ...]
    chest: Box
    devices: bool
    quality_issue: bool
    other: str
    words: tuple[str, ...]
    word_s: np.ndarray = field(repr=False)

    def certainty(self, finding: str) -> int:
        """The highest certainty among the ellipses of a finding, 0 without any."""
        return max((mark.certainty for mark in self.marks if finding in mark.findings), default=0)


def write_report(radiograph: Phantom, phase: int, scanpath: Scanpath, rng: np.random.Generator) -> Report:
    """Write a report with the findings of the phase; the certainty follows the strength of a sign, with noise."""
    marks = tuple(mark for mark in _marks(radiograph, phase, rng) if mark.certainty > 0)
    words = [word for mark in marks for word in (*_hedge(mark.certainty), *mark.findings[0].lower().split(), ".")]
    words = words or ["heart", "size", "is", "normal", ",", "lungs", "are", "clear", "."]
    begin_s = rng.uniform(0.5, 3.0) + np.cumsum(rng.uniform(0.28, 0.7, len(words)))
    remarks = ["degenerative changes", "old granuloma"]
    return Report(
        scanpath=scanpath,
        marks=marks,
        chest=_jittered(_chest(radiograph), rng),
        devices=bool(rng.random() < 0.12),
        quality_issue=bool(rng.random() < 0.05),
        other="|".join(remarks[: int(rng.choice(3, p=(0.92, 0.05, 0.03)))]),
        words=tuple(words),
        word_s=np.stack([begin_s, begin_s + rng.uniform(0.1, 0.27, len(words))], axis=1).round(2),
    )


def _marks(radiograph: Phantom, phase: int, rng: np.random.Generator) -> list[Mark]:
    signs, boxes = (
        radiograph.signs,
        {name: (x1, y1, x2, y2) for name, (x1, x2, y1, y2) in anatomical_boxes(radiograph).items()},
    )

    def mark(strength: float, box: Box, *findings: str) -> Mark:
        certainty = int(np.clip(np.rint(strength + rng.normal(0, 0.6)), 0, MAX_CERTAINTY))
        return Mark(findings, certainty, _jittered(box, rng))

    side, wet = (("right", "left")[int(np.argmax(values))] for values in (signs.haze, signs.fluid_cm))
    fluid = EFFUSION if phase == 1 else PLEURA
    marks = [
        mark(40 * (radiograph.chest.heart_ratio() - 0.45), boxes["cardiac silhouette"], LARGE_HEART),
        mark(14 * max(signs.haze), boxes[f"{side} mid lung zone"], EDEMA),
        mark(2.2 * max(signs.fluid_cm), boxes[f"{wet} costophrenic angle"], fluid),
        mark(2.2 if signs.bands else -2, boxes[f"{wet} lower lung zone"], "Atelectasis"),
    ]
    if signs.opacity is not None:
        # A reader who cannot distinguish two findings marks both on one ellipse.
        unsure = ("Atelectasis",) if rng.random() < 0.2 else ()
        name = CONSOLIDATION if signs.opacity.fill > 0.45 else GROUNDGLASS
        marks.append(mark(1.5 + 5 * signs.opacity.fill, _opacity(radiograph), name, *unsure))
    if rng.random() < 0.1:
        name = "Nodule" if phase == 1 else "Lung nodule or mass"
        marks.append(mark(1.4, boxes[f"{side} upper lung zone"], name))
    return marks


def _hedge(certainty: int) -> tuple[str, ...]:
    return ("possible",) if certainty < 4 else ()


def _opacity(radiograph: Phantom) -> Box:
    assert radiograph.signs.opacity is not None
    opacity = settle(radiograph.signs.opacity, radiograph.chest)
    x_px, y_px = radiograph.place(
        opacity.x_cm + opacity.half_width_cm * np.array([-1, 1]),
        opacity.y_cm + opacity.half_height_cm * np.array([-1, 1]),
    )
    return int(x_px.min()), int(y_px.min()), int(x_px.max()), int(y_px.max())


def _chest(radiograph: Phantom) -> Box:
    boxes = np.array([box for name, box in anatomical_boxes(radiograph).items() if name in ("right lung", "left lung")])
    return int(boxes[:, 0].min()), int(boxes[:, 2].min()), int(boxes[:, 1].max()), int(boxes[:, 3].max())


def _jittered(box: Box, rng: np.random.Generator) -> Box:
    """An ellipse drawn by hand: slightly displaced, and sometimes over the edge of the radiograph."""
    reach = 0.04 * max(box[2] - box[0], box[3] - box[1])
    x_min, y_min, x_max, y_max = (int(value) for value in np.rint(np.array(box) + rng.normal(0, reach, 4)))
    return x_min, y_min, max(x_max, x_min + 1), max(y_max, y_min + 1)
