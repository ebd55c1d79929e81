"""Pupil Core's export of gaze on a surface: fractions from the bottom left, and a confidence in the place of losses.

Rows repeat where a video frame shows the surface twice, and nothing says which picture was shown.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from egaze.sources.synthetic.screen_fit import HEIGHT_PX, WIDTH_PX
from egaze.sources.synthetic.trackers.session import Session

_FRAMES_HZ = 30
_REPEATED_EVERY = 50


def write(folder: Path, session: Session) -> Path:
    """Write gaze_positions_on_surface_NAME.csv."""
    gaze = session.mean_px
    lost = np.isnan(gaze[:, 0])
    held = np.where(lost[:, None], [WIDTH_PX / 2, HEIGHT_PX / 2], gaze)
    x, y = (held[:, 0] + 0.5) / WIDTH_PX, 1 - (held[:, 1] + 0.5) / HEIGHT_PX
    frame = np.floor((session.time_s - session.time_s[0]) * _FRAMES_HZ).astype(np.int64)
    table = pl.DataFrame(
        {
            "world_timestamp": session.time_s[0] + frame / _FRAMES_HZ,
            "world_index": frame,
            "gaze_timestamp": session.time_s,
            "x_norm": x,
            "y_norm": y,
            "x_scaled": x,
            "y_scaled": y,
            "on_surf": np.where((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1), "True", "False"),
            "confidence": np.where(lost, 0.1, 0.97),
        }
    )
    rows = np.sort(np.concatenate([np.arange(len(table)), np.arange(0, len(table), _REPEATED_EVERY)]))
    path = folder / f"gaze_positions_on_surface_{session.reader}.csv"
    table[rows].write_csv(path, float_precision=7)
    return path
