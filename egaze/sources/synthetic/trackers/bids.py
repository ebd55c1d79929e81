"""A BIDS folder: a recording of each eye, its facts in JSON, n/a for lost samples, and messages among the events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from egaze.sources.synthetic.trackers.session import SCREEN, Session

_TASK = "task-reading"


def write(folder: Path, session: Session) -> Path:
    """Write sub-NAME/beh with the recordings of both eyes; returns the first one's."""
    description = {"Name": "Synthetic readings", "BIDSVersion": "1.11.0"}
    _write_json(folder / "dataset_description.json", description)
    shown = {
        "ScreenDistance": (SCREEN.distance_mm or 0) / 1e3,
        "ScreenOrigin": ["top", "left"],
        "ScreenResolution": [SCREEN.width_px, SCREEN.height_px],
        "ScreenSize": [(SCREEN.width_mm or 0) / 1e3, (SCREEN.height_mm or 0) / 1e3],
    }
    _write_json(folder / f"{_TASK}_events.json", {"StimulusPresentation": shown})
    subject = f"sub-{session.reader.replace('-', '')}"
    place = folder / subject / "beh"
    place.mkdir(parents=True)
    for number, (name, eye_px) in enumerate((("left", session.left_px), ("right", session.right_px)), start=1):
        stem = f"{subject}_{_TASK}_recording-eye{number}"
        facts = {
            "PhysioType": "eyetrack",
            "SampleCoordinateSystem": "gaze-on-screen",
            "SamplingFrequency": session.rate_hz,
            "RecordedEye": name,
            "Columns": ["timestamp", "x_coordinate", "y_coordinate"],
            "timestamp": {"Units": "ms"},
            "x_coordinate": {"Units": "pixel"},
            "y_coordinate": {"Units": "pixel"},
        }
        _write_json(place / f"{stem}_physio.json", facts)
        rows = [
            f"{time_s * 1e3:.3f}\t" + ("n/a\tn/a" if np.isnan(x) else f"{x:.2f}\t{y:.2f}")
            for time_s, (x, y) in zip(session.time_s.tolist(), eye_px.tolist(), strict=True)
        ]
        _write_rows(place / f"{stem}_physio.tsv.gz", rows)
        _write_json(
            place / f"{stem}_physioevents.json",
            {
                "Columns": ["onset", "duration", "trial_type", "message"],
                "OnsetSource": "timestamp",
                "onset": {"Units": "ms"},
                "duration": {"Units": "ms"},
            },
        )
        events = []
        for reading in session.readings:
            events.append(f"{reading.shown.begin_s * 1e3:.3f}\tn/a\tn/a\tIMAGE {reading.shown.case_id}")
            events.append(f"{reading.shown.end_s * 1e3:.3f}\tn/a\tn/a\tCLEAR")
        _write_rows(place / f"{stem}_physioevents.tsv.gz", events)
    return place / f"{subject}_{_TASK}_recording-eye1_physio.tsv.gz"


def _write_json(path: Path, facts: Mapping[str, object]) -> None:
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _write_rows(path: Path, rows: list[str]) -> None:
    # Without a time of writing, so that the same arguments give the same bytes.
    path.write_bytes(gzip.compress("\n".join([*rows, ""]).encode(), mtime=0))
