"""eye_gaze.csv: the tracker's samples, of which fixations.csv keeps the last of each fixation."""

from __future__ import annotations

import numpy as np
import polars as pl

_SAMPLE_HZ = 60
_TICKS_PER_S = 10_000_000


def eye_gaze_table(fixations: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """60 Hz samples of the same readings, with the same 37 columns.

    A fixation's samples lie where the fixation lies and end with its row of fixations.csv. Between fixations, and
    before an image's first, the samples carry the coming fixation's place and are flagged invalid.
    """
    time_s = fixations["Time (in secs)"].to_numpy()
    onset_s = fixations["FPOGS"].to_numpy()
    within = np.maximum(np.rint(fixations["FPOGD"].to_numpy() * _SAMPLE_HZ).astype(np.int64), 1)
    same_image = (fixations.select(pl.struct("SESSION_ID", "MEDIA_ID").rle_id()).to_series().diff() == 0).fill_null(
        False
    )
    since_s = np.where(same_image.to_numpy(), np.roll(time_s, 1), 0.0)
    first_s = time_s - (within - 1) / _SAMPLE_HZ
    before = np.maximum(np.floor((first_s - since_s) * _SAMPLE_HZ - 0.5).astype(np.int64), 0)
    count = before + within
    fixation = np.repeat(np.arange(len(count)), count)
    # How many samples come before one, and after it, up to its fixation's last.
    place = np.arange(len(fixation)) - np.repeat(np.cumsum(count) - count, count)
    left = count[fixation] - 1 - place
    fixated = place >= before[fixation]
    now_s = np.round(time_s[fixation] - left / _SAMPLE_HZ, 5)
    ticks = fixations["TIMETICK(f=10000000)"].to_numpy()[fixation]
    rows = fixations[fixation]
    noise = rng.normal(0, [0.004, 0.006], (len(rows), 2)) * (left > 0)[:, None]
    return rows.with_columns(
        pl.Series("Time (in secs)", now_s),
        pl.Series("CNT", np.rint(now_s * _SAMPLE_HZ).astype(np.int64)),
        pl.Series("TIMETICK(f=10000000)", ticks - np.rint(left * (_TICKS_PER_S / _SAMPLE_HZ)).astype(np.int64)),
        pl.Series("FPOGD", np.where(fixated, np.maximum(now_s - onset_s[fixation], 0), 0.0)),
        pl.Series("FPOGV", np.where(fixated, rows["FPOGV"].to_numpy(), 0)),
        pl.Series("BPOGX", rows["BPOGX"].to_numpy() + noise[:, 0]),
        pl.Series("BPOGY", rows["BPOGY"].to_numpy() + noise[:, 1]),
        pl.Series("VID_FRAME", np.rint(now_s * 10).astype(np.int64)),
    )
