"""EGD-CXR's fixations.csv and eye_gaze.csv, with the tracker's 37 columns, sessions and calibration cards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from egaze.sources.egd_cxr.columns import GAZE
from egaze.sources.synthetic.plan import CasePlan
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.synthetic.screen_fit import HEIGHT_PX, WIDTH_PX, ScreenFit

COLUMNS = tuple(GAZE)
_WHOLE = {
    "SESSION_ID", "MEDIA_ID", "CNT", "TIMETICK(f=10000000)", "FPOGID", "FPOGV", "BPOGV", "LPV", "RPV", "BKID",
    "BKPMIN", "LPMMV", "RPMMV", "VID_FRAME", "X_ORIGINAL", "Y_ORIGINAL",
}  # fmt: skip
_SESSION_RADIOGRAPHS = 30
_SAMPLE_HZ = 60
_TICKS_PER_S = 10_000_000
_CUT = 5  # the characters missing from the id of a calibration card
_CUT_MORE = 9  # and from that of one card
_DUPLICATE_SHARE = 0.003


def fixation_table(plans: Sequence[CasePlan], scanpaths: Sequence[Scanpath], rng: np.random.Generator) -> pl.DataFrame:
    """The fixations of all readings, session by session.

    A session begins with a calibration card, and a long one has a second. Their rows carry the id of the radiograph
    that follows without its last characters. A few rows belong to radiographs that are not in the master sheet.
    """
    order = rng.permutation(len(plans))
    blocks: list[dict[str, np.ndarray]] = []
    cards = 0
    for session, start in enumerate(range(0, len(order), _SESSION_RADIOGRAPHS)):
        radiographs = order[start : start + _SESSION_RADIOGRAPHS]
        again = len(radiographs) // 2 if len(radiographs) > 6 and session % 2 == 0 else -1
        state = _Tracker(session + 1, int(rng.integers(10**11, 10**12)))
        for place, case in enumerate(radiographs):
            plan = plans[case]
            if place in (0, again):
                cards += 1
                cut = _CUT_MORE if cards == 2 else _CUT
                blocks.append(state.record(plan.dicom_id[:-cut], _card(rng), None, rng))
            if session == 0 and place == min(3, len(radiographs) - 1):
                stranger = plan.dicom_id[:-12] + f"{int(rng.integers(16**11, 16**12)):012x}"
                blocks.append(state.record(stranger, _head(scanpaths[case], 6), None, rng))
            fit = ScreenFit.of(plan.rows_px, plan.columns_px)
            blocks.append(state.record(plan.dicom_id, scanpaths[case], fit, rng))
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in COLUMNS}
    return pl.DataFrame([pl.Series(name, values, dtype=_dtype(name)) for name, values in joined.items()])


def _dtype(name: str) -> type[pl.DataType]:
    return pl.String if name == "DICOM_ID" else pl.Int64 if name in _WHOLE else pl.Float64


def _card(rng: np.random.Generator) -> Scanpath:
    """Gaze on a calibration card: a few fixations around the middle of the screen."""
    count = int(rng.integers(4, 8))
    duration = np.round(rng.uniform(0.4, 1.2, count), 5)
    onset = np.round(np.cumsum(np.concatenate([[0.05], duration[:-1] + 0.04])), 5)
    x, y = np.round(rng.normal(0.5, 0.008, count), 5), np.round(rng.normal(0.5, 0.012, count), 5)
    return Scanpath(x, y, onset, duration, np.ones(count, bool))


def _head(path: Scanpath, count: int) -> Scanpath:
    return Scanpath(
        path.screen_x[:count],
        path.screen_y[:count],
        path.onset_s[:count],
        path.duration_s[:count],
        path.valid[:count],
    )


class _Tracker:
    """The tracker's running counters within one session."""

    def __init__(self, session: int, tick: int) -> None:
        self._session = session
        self._media = 0
        self._tick = tick
        self._fixation = 1
        self._blink = 1

    def record(
        self, dicom_id: str, path: Scanpath, fit: ScreenFit | None, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """The rows of one image; a row is the last gaze sample of its fixation."""
        count = len(path)
        time = np.round(path.onset_s + path.duration_s, 5)
        blinked = rng.random(count) < 0.05
        pupils = rng.normal(3.4, 0.25) + 0.06 * rng.normal(size=(2, count))
        scale = rng.normal(1.0, 0.03, (2, count))
        head = rng.normal([0.38, 0.48, 0.62, 0.48], 0.01)[:, None] + 0.003 * rng.normal(size=(4, count))
        seen = (rng.random((2, count)) > 0.02).astype(np.int64)
        step_x = np.diff(path.screen_x * WIDTH_PX, prepend=path.screen_x[0] * WIDTH_PX)
        step_y = np.diff(path.screen_y * HEIGHT_PX, prepend=path.screen_y[0] * HEIGHT_PX)
        if fit is None:
            # Gaze on cards and unknown radiographs is not mapped to a radiograph.
            x, y = np.full(count, -2), np.full(count, -2)
        else:
            x, y = fit.original(path.screen_x, path.screen_y)
            # Off the radiograph the data set has -2 and occasionally -1.
            rare = (x < 0) & (rng.random(count) < 0.1)
            x, y = np.where(rare, -1, x), np.where(rare, -1, y)
        rows = {
            "SESSION_ID": np.full(count, self._session),
            "MEDIA_ID": np.full(count, self._media),
            "DICOM_ID": np.full(count, dicom_id, dtype=object),
            "CNT": np.rint(time * _SAMPLE_HZ).astype(np.int64),
            "Time (in secs)": time,
            "TIMETICK(f=10000000)": self._tick + np.rint(time * _TICKS_PER_S).astype(np.int64),
            "FPOGX": path.screen_x,
            "FPOGY": path.screen_y,
            "FPOGS": path.onset_s,
            "FPOGD": path.duration_s,
            "FPOGID": self._fixation + np.arange(count),
            "FPOGV": path.valid.astype(np.int64),
            "BPOGX": path.screen_x + rng.normal(0, 0.004, count),
            "BPOGY": path.screen_y + rng.normal(0, 0.006, count),
            "BPOGV": (rng.random(count) > 0.03).astype(np.int64),
            "LPCX": head[0],
            "LPCY": head[1],
            "LPD": 6.2 * pupils[0],
            "LPS": scale[0],
            "LPV": seen[0],
            "RPCX": head[2],
            "RPCY": head[3],
            "RPD": 6.2 * pupils[1],
            "RPS": scale[1],
            "RPV": seen[1],
            "BKID": np.where(blinked, self._blink + np.cumsum(blinked), 0),
            "BKDUR": np.where(blinked, rng.uniform(0.08, 0.25, count), 0.0),
            "BKPMIN": rng.integers(5, 25, count),
            "LPMM": pupils[0],
            "LPMMV": seen[0],
            "RPMM": pupils[1],
            "RPMMV": seen[1],
            "SACCADE_MAG": np.hypot(step_x, step_y),
            "SACCADE_DIR": np.rad2deg(np.arctan2(-step_y, step_x)) % 360,
            "VID_FRAME": np.rint(time * 10).astype(np.int64),
            "X_ORIGINAL": x,
            "Y_ORIGINAL": y,
        }
        self._media += 1
        self._fixation += count
        self._blink += int(blinked.sum())
        self._tick += int((time[-1] + rng.uniform(2, 8)) * _TICKS_PER_S)
        return rows


def eye_gaze_table(fixations: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The gaze samples of the same readings at 60 Hz, with the same 37 columns.

    The samples of a fixation have its position, and the last one is its row in fixations.csv. Samples between fixations
    and before the first one have the position of the next fixation and are flagged invalid.
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
    # The number of samples before each one and after it, within its fixation.
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


def with_duplicates(rows: pl.DataFrame, rng: np.random.Generator, *, same_id: bool) -> pl.DataFrame:
    """The table with some rows of valid gaze on radiographs repeated, each after the original row.

    Args:
        rows: of fixations.csv or eye_gaze.csv.
        rng: chooses the rows.
        same_id: also repeat rows with another pupil size, which only the id of the fixation reveals as duplicates.
    """
    candidates = np.flatnonzero(((rows["FPOGV"] == 1) & (rows["X_ORIGINAL"] >= 0)).to_numpy())
    kinds = 2 if same_id else 1
    count = min(max(1, round(_DUPLICATE_SHARE * len(candidates))), len(candidates) // kinds)
    chosen = rng.permutation(candidates)[: kinds * count]
    again = rows[chosen].with_columns(
        pl.Series("LPMM", rows["LPMM"].to_numpy()[chosen] + 0.25 * (np.arange(len(chosen)) >= count))
    )
    behind = np.concatenate([np.arange(len(rows)), chosen + 0.5])
    return pl.concat([rows, again])[np.argsort(behind, kind="stable")]
