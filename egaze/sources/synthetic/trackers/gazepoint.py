"""Gazepoint Analysis' all_gaze: fractions of the screen, a date in a header, and lines that end with a comma.

A lost sample repeats the last position, and the name of a medium is that of its file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from egaze.sources.synthetic.screen_fit import HEIGHT_PX, WIDTH_PX
from egaze.sources.synthetic.trackers.session import Session


def write(folder: Path, session: Session) -> Path:
    """Write NAME_all_gaze.csv."""
    count = len(session.time_s)
    gaze = session.mean_px
    lost = np.isnan(gaze[:, 0])
    # A lost sample has the position of the last one that was seen.
    last = np.maximum.accumulate(np.where(lost, 0, np.arange(count)))
    held = np.where(np.isnan(gaze[last]), [WIDTH_PX / 2, HEIGHT_PX / 2], gaze[last])
    x, y = (held[:, 0] + 0.5) / WIDTH_PX, (held[:, 1] + 0.5) / HEIGHT_PX
    fixation, onset_s, since_s, fixated = _fixations(session)
    of = session.shown_at()
    media = np.array([*(f"{reading.shown.case_id}.png" for reading in session.readings), "blank.png"])
    table = pl.DataFrame(
        {
            "MEDIA_ID": np.where(of >= 0, of + 1, 0),
            "MEDIA_NAME": media[of],
            "CNT": np.arange(count),
            "TIME(2026/03/02 09:14:07.512)": _digits(session.time_s),
            "TIMETICK(f=10000000)": np.rint(session.time_s * 1e7).astype(np.int64) + 1_629_791_009_064,
            "FPOGX": _digits(x),
            "FPOGY": _digits(y),
            "FPOGS": _digits(onset_s),
            "FPOGD": _digits(since_s),
            "FPOGID": fixation,
            "FPOGV": fixated.astype(int),
            "BPOGX": _digits(x),
            "BPOGY": _digits(y),
            "BPOGV": (~lost).astype(int),
            "LPV": np.isfinite(session.left_px[:, 0]).astype(int),
            "RPV": np.isfinite(session.right_px[:, 0]).astype(int),
        }
    )
    path = folder / f"{session.reader}_all_gaze.csv"
    path.write_text(table.write_csv().replace("\n", ",\n"), encoding="utf-8")
    return path


def _digits(values: np.ndarray) -> list[str]:
    return [f"{value:.5f}" for value in values.tolist()]


def _fixations(session: Session) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(N,) of each sample: the number of its fixation or of the last one, that one's onset, its duration so far, and
    whether the sample is in it."""
    onset_s = np.concatenate([reading.onset_s for reading in session.readings])
    end_s = onset_s + np.concatenate([reading.duration_s for reading in session.readings])
    of = np.searchsorted(onset_s, session.time_s, side="right") - 1
    last = np.clip(of, 0, None)
    since_s = np.where(of >= 0, np.minimum(session.time_s, end_s[last]) - onset_s[last], 0.0)
    return last + 1, np.where(of >= 0, onset_s[last], 0.0), since_s, (of >= 0) & (session.time_s < end_s[last])
