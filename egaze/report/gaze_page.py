"""`write_gaze_page`: the quality of recordings as pictures and tables on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from egaze.atomic import require_file, write_file
from egaze.gaze.importing import ImportedRecording, samples_measured
from egaze.gaze.quality import GazeQuality
from egaze.gaze.quality_limits import QualityLimits
from egaze.report.page import render
from egaze.report.plots.recording import gaze_on_screen, gaze_traces, target_offsets

#: Measures by their attribute, with the title, the factor and the digits in which they are shown.
_MEASURES = (
    ("measured_hz", "Rate, Hz", 1.0, 1),
    ("lost_frac", "Lost, %", 100.0, 1),
    ("longest_loss_s", "Longest loss, s", 1.0, 2),
    ("blinks_per_min", "Blinks per min", 1.0, 1),
    ("precision_rms_deg", "Precision RMS-S2S, deg", 1.0, 3),
    ("precision_sd_deg", "Precision SD, deg", 1.0, 3),
    ("accuracy_deg", "Accuracy, deg", 1.0, 2),
    ("drift_deg", "Drift, deg", 1.0, 2),
    ("on_picture_s", "On pictures, s", 1.0, 1),
    ("on_picture_frac", "On pictures, %", 100.0, 1),
)


def write_gaze_page(
    recordings: Sequence[ImportedRecording], out: Path, *, readers: Mapping[Path, str], limits: QualityLimits
) -> Path:
    """Write the quality of recordings as one HTML file that loads nothing from anywhere.

    Args:
        recordings: with or without samples; those without are listed.
        out: the file, which is replaced as a whole.
        readers: the reader of each export, where it is known.
        limits: by which recordings were marked.

    Raises:
        EgazeError: `out` cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from egaze.gaze import GazeRecording, GazeSamples, QualityLimits
        >>> from egaze.gaze.importing import import_recording
        >>> from egaze.report import write_gaze_page
        >>> samples = GazeSamples("left", [0.0, 0.5], [1.0, 1.0], [2.0, 2.0])
        >>> item = import_recording(Path("r1.csv"), "lab", GazeRecording((samples,)))
        >>> write_gaze_page([item], Path("quality.html"), readers={}, limits=QualityLimits()).name
        'quality.html'
    """
    require_file(out)
    rows = [_row(item, readers.get(item.path, ""), number) for number, item in enumerate(recordings)]
    values: dict[str, object] = {
        "title": f"Quality of {len(rows)} gaze recording{'s' if len(rows) != 1 else ''}",
        "version": version("egaze"),
        "measures": [title for _, title, _, _ in _MEASURES],
        "rows": rows,
        "readers": _readers(recordings, readers),
        "marked": sum(bool(row["marks"]) for row in rows),
        "limits": [(name, getattr(limits, name)) for name in QualityLimits.__slots__],
    }
    text = "".join(render(values, gallery=False, template="gaze.html"))
    write_file(out, lambda partial: partial.write_text(text, encoding="utf-8"))
    return out


def _row(item: ImportedRecording, reader: str, number: int) -> dict[str, object]:
    quality, samples = item.quality, samples_measured(item)
    name = f"recording-{number}"
    plots = []
    if samples is not None:
        screen = item.recording.screen
        plots = [
            gaze_traces(name, samples),
            gaze_on_screen(name, samples, screen, item.pictures),
            target_offsets(name, item.recording.validations, screen),
        ]
    return {
        "id": name,
        "file": item.path.name,
        "reader": reader,
        "format": item.format,
        "eye": quality.eye if quality else "",
        "samples": quality.samples if quality else 0,
        "cells": [_cell(quality, *measure) for measure in _MEASURES],
        "marks": item.marks,
        "unknown": sorted(set(quality.unknown.values())) if quality else ["the export has no samples"],
        "notes": item.summary.notes,
        "plots": [plot for plot in plots if plot is not None],
    }


def _readers(recordings: Sequence[ImportedRecording], readers: Mapping[Path, str]) -> list[dict[str, object]]:
    """One row a reader: how many recordings, how many are marked, and medians of what is known."""
    rows = []
    for reader in sorted(set(readers.values())):
        own = [item for item in recordings if readers.get(item.path) == reader]
        cells = []
        for attribute, _, factor, digits in _MEASURES:
            known = [getattr(item.quality, attribute) for item in own if item.quality]
            known = [value for value in known if value is not None]
            cells.append(f"{factor * float(np.median(known)):.{digits}f}" if known else "–")
        rows.append(
            {"reader": reader, "recordings": len(own), "marked": sum(bool(i.marks) for i in own), "cells": cells}
        )
    return rows


def _cell(quality: GazeQuality | None, attribute: str, title: str, factor: float, digits: int) -> str:
    value = None if quality is None else getattr(quality, attribute)
    return "–" if value is None else f"{factor * value:.{digits}f}"
