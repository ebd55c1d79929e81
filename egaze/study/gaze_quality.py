"""What fixations alone tell of the quality of gaze: of each reader, and limits that mark a reading and never drop it.

How much was lost, and how precise and accurate it was, only samples tell (`egaze.gaze.quality`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egaze.gaze import Fixations
from egaze.imaging.fit import is_within
from egaze.study.gather import Entry
from egaze.study.layout import GazeQualityFacts, MarkedReading, ReaderQuality
from egaze.study.placing import RadiographFacts

#: Readers spend some nine tenths of the time in fixations. With less than half, gaze was lost, or fixations were
#: dropped before.
MIN_FIXATED_FRAC = 0.5
#: Less than this share of a reading's fixations on the part of the radiograph that was shown is marked.
MIN_ON_RADIOGRAPH_FRAC = 0.5


def gaze_quality(entries: Sequence[Entry], radiographs: Sequence[RadiographFacts]) -> GazeQualityFacts:
    """Measure the gaze of all cases, reader by reader.

    Args:
        entries: the cases, with gaze in pixels of their radiographs.
        radiographs: of each case.
    """
    of_reader: dict[str | None, list[dict[str, float | None]]] = {}
    marked: list[MarkedReading] = []
    for entry, radiograph in zip(entries, radiographs, strict=True):
        gaze = entry.case.fixations
        if gaze is None or not len(gaze):
            continue
        measures = _measures(gaze, radiograph.shape)
        of_reader.setdefault(entry.case.reader_id, []).append(measures)
        if marks := _marks(measures):
            marked.append({"case_id": entry.case.case_id, "marks": marks})
    readers: list[ReaderQuality] = [
        {
            "reader_id": reader,
            "readings": len(readings),
            "fixations": _median(readings, "fixations"),
            "fixation_s": _median(readings, "fixation_s"),
            "fixated_frac": _median(readings, "fixated_frac"),
            "on_radiograph_frac": _median(readings, "on_radiograph_frac"),
        }
        for reader, readings in sorted(of_reader.items(), key=lambda item: item[0] or "")
    ]
    limits = {"min_fixated_frac": MIN_FIXATED_FRAC, "min_on_radiograph_frac": MIN_ON_RADIOGRAPH_FRAC}
    return {"limits": limits, "readers": readers, "marked": marked}


def _measures(gaze: Fixations, shape: tuple[int, int]) -> dict[str, float | None]:
    height_px, width_px = shape
    on_radiograph = is_within(gaze.x_px, width_px) & is_within(gaze.y_px, height_px) & gaze.on_shown
    fixated_frac = None
    if not gaze.is_relative and gaze.onset_s is not None:
        span_s = float(gaze.ends_s().max() - gaze.begins_s().min())
        fixated_frac = min(float(gaze.duration_s.sum(dtype=np.float64)) / span_s, 1.0) if span_s > 0 else None
    return {
        "fixations": float(len(gaze)),
        "fixation_s": None if gaze.is_relative else float(np.median(gaze.duration_s)),
        "fixated_frac": fixated_frac,
        "on_radiograph_frac": float(on_radiograph.mean()),
    }


def _marks(measures: dict[str, float | None]) -> list[str]:
    marks = []
    fixated, on_radiograph = measures["fixated_frac"], measures["on_radiograph_frac"]
    if fixated is not None and fixated < MIN_FIXATED_FRAC:
        marks.append(f"{100 * fixated:.0f} % of the time is in fixations, below {100 * MIN_FIXATED_FRAC:g} %")
    if on_radiograph is not None and on_radiograph < MIN_ON_RADIOGRAPH_FRAC:
        share = f"{100 * on_radiograph:.0f} % of the fixations lie on the part of the radiograph that was shown"
        marks.append(f"{share}, below {100 * MIN_ON_RADIOGRAPH_FRAC:g} %")
    return marks


def _median(readings: Sequence[dict[str, float | None]], name: str) -> float | None:
    known = [value for reading in readings if (value := reading[name]) is not None]
    return round(float(np.median(known)), 6) if known else None
