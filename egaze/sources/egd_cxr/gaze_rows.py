"""fixations.csv and eye_gaze.csv: which rows are dropped, and the positions of the others on the radiograph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.gaze import Fixations
from egaze.serialize import JsonObject
from egaze.sources.egd_cxr.columns import GAZE, MAPPED, NEEDED, STORED, USED
from egaze.sources.egd_cxr.detected import Detection, collect_samples, detected_fixations
from egaze.sources.egd_cxr.sample_quality import SAMPLE_HZ, session_quality
from egaze.sources.egd_cxr.screen import (
    OUTSIDE_PX,
    SCREEN_PX,
    card_ids,
    last_valid_rows,
    recorded_sizes,
    screen_to_radiograph,
    session_shifts,
)
from egaze.tables.delimited import Columns, scan_table

#: The longest side that a DICOM radiograph can have.
_MAX_SIDE_PX = 65_535
_NO_SESSION = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class GazeTable:
    """One of the two gaze tables.

    Attributes:
        file: its name.
        unit: what a row is called in the names of counts.
        onset, duration: polars expressions in seconds.
        has_ids: whether a row is one fixation, so that its id must be unique.
        times: the columns of onset and duration.
    """

    file: str
    unit: str
    onset: pl.Expr
    duration: pl.Expr
    has_ids: bool
    times: tuple[str, ...]

    def needed_columns(self, recalibrate: bool) -> Columns:
        """The required columns of the table."""
        return {name: GAZE[name] for name in (*NEEDED, *self.times, *(MAPPED if recalibrate else STORED))}


#: A row of eye_gaze.csv is one gaze sample and lasts one sampling interval; time in which the tracker lost the eyes is
#: not counted.
GAZE_TABLES: Mapping[str, GazeTable] = {
    "fixations": GazeTable("fixations.csv", "fixations", pl.col("FPOGS"), pl.col("FPOGD"), True, ("FPOGS", "FPOGD")),
    "eye-gaze": GazeTable(
        "eye_gaze.csv", "samples", pl.col("Time (in secs)"), pl.lit(1 / SAMPLE_HZ), False, ("Time (in secs)",)
    ),
}
RULES = (
    "calibration_card",
    "unknown_radiograph",
    "invalid_flag",
    "no_duration",
    "no_time",
    "no_position",
    "duplicate",
    "radiograph_size_unknown",
    "outside_radiograph",
)


@dataclass(frozen=True, slots=True, eq=False)
class Radiographs:
    """The properties of N radiographs that are needed to read their gaze.

    Attributes:
        dicom_ids: (N,) in the order of the master sheet.
        pads_px: (N, 4) top, bottom, left, right, in pixels of the screen.
        size_px: (N, 2) width and height, 0 where unknown.
    """

    dicom_ids: pl.Series
    pads_px: NDArray[np.int64]
    size_px: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class GazeRead:
    """The gaze of a table.

    Attributes:
        fixations: by the radiograph's index in the sheet.
        radiographs: with the sizes to which the positions refer.
        recordings: the quality of each session's samples, if fixations were found in them; see `session_quality`.
    """

    fixations: dict[int, Fixations]
    radiographs: Radiographs
    recordings: list[JsonObject] | None = None


@dataclass(slots=True)
class _Tally:
    """Drops rows and counts each under the first rule that applies."""

    read: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))

    def drop(self, rows: pl.DataFrame, **masks: NDArray[np.bool_]) -> pl.DataFrame:
        """The rows that no mask marks; masks are named after the rules and given in their order."""
        left = np.ones(len(rows), dtype=bool)
        for rule, mask in masks.items():
            self.dropped[rule] += int((left & mask).sum())
            left &= ~mask
        return rows.filter(left)


def read_gaze(
    path: Path,
    table: GazeTable,
    radiographs: Radiographs,
    recalibrate: bool,
    hygiene: dict[str, int],
    detection: Detection | None = None,
) -> GazeRead:
    """Read the gaze on each radiograph.

    The table is read as a stream: a dozen numbers are kept of each row of a known radiograph, and nothing of others.
    Without recalibration the position of a row is X_ORIGINAL, Y_ORIGINAL; with it, FPOGX and FPOGY are shifted for the
    session and mapped by the published map. With `detection`, fixations are found in the samples, and mapped likewise.

    Raises:
        TableError: a missing required column, or a cell of the wrong type in any of the 37 columns.
    """
    if detection is not None:
        return _read_detected(path, radiographs, recalibrate, hygiene, detection)
    tally = _Tally()
    rows, cards = _collect(path, table, radiographs, recalibrate, tally)
    rows = tally.drop(rows, duplicate=_is_duplicate(rows, table)).drop("digest", "fixation")
    radiographs = _as_recorded(rows, radiographs, hygiene)
    hygiene |= _agreement(rows, radiographs)
    if hygiene["radiographs_resized"]:
        rows = tally.drop(rows, radiograph_size_unknown=~_size_is_known(rows, radiographs))
    if recalibrate:
        rows = _mapped(rows, radiographs, cards, tally, hygiene)
    rows = tally.drop(rows.drop("session", "x_frac", "y_frac"), outside_radiograph=_is_outside(rows, radiographs))
    hygiene[f"{table.unit}_read"] = tally.read
    hygiene |= {f"{table.unit}_dropped_{rule}": count for rule, count in tally.dropped.items()}
    hygiene[f"{table.unit}_kept"] = len(rows)
    return GazeRead(dict(_by_radiograph(rows)), radiographs)


def _read_detected(
    path: Path, radiographs: Radiographs, recalibrate: bool, hygiene: dict[str, int], detection: Detection
) -> GazeRead:
    """As `read_gaze`, with the fixations that are found in the samples of eye_gaze.csv."""
    tally = _Tally()
    samples, cards = collect_samples(path, radiographs.dicom_ids, card_ids(radiographs.dicom_ids), hygiene)
    stored = samples.drop_nulls(["x_px", "y_px"])
    radiographs = _as_recorded(stored, radiographs, hygiene)
    hygiene |= _agreement(stored, radiographs)
    rows = detected_fixations(path, samples, detection, radiographs.dicom_ids)
    hygiene["fixations_found"] = len(rows)
    shifts = session_shifts(cards.drop_nulls(["x_frac", "y_frac"]))
    recordings = session_quality(samples, rows, radiographs.pads_px, shifts, detection)
    rows = _mapped(rows, radiographs, cards if recalibrate else None, tally, hygiene)
    rows = tally.drop(rows.drop("session", "x_frac", "y_frac"), outside_radiograph=_is_outside(rows, radiographs))
    rules = ("radiograph_size_unknown", "outside_radiograph")
    hygiene |= {f"fixations_dropped_{rule}": tally.dropped[rule] for rule in rules}
    hygiene["fixations_kept"] = len(rows)
    return GazeRead(dict(_by_radiograph(rows)), radiographs, recordings)


def _mapped(
    rows: pl.DataFrame,
    radiographs: Radiographs,
    cards: pl.DataFrame | None,
    tally: _Tally,
    hygiene: dict[str, int],
) -> pl.DataFrame:
    """The rows with positions by the published map, shifted for each session by its calibration cards, if any."""
    shifts: dict[int, NDArray[np.float64]] = {}
    if cards is not None:
        shifts = session_shifts(cards)
        sessions = rows["session"].unique().drop_nulls().to_list()
        hygiene["sessions"] = len(sessions)
        hygiene["sessions_without_calibration"] = sum(session not in shifts for session in sessions)
    rows = tally.drop(rows, radiograph_size_unknown=~_size_is_known(rows, radiographs))
    x_px, y_px = _mapped_px(rows, radiographs, _shifts(rows, shifts)).T
    return rows.with_columns(pl.Series("x_px", x_px), pl.Series("y_px", y_px))


def _collect(
    path: Path, table: GazeTable, radiographs: Radiographs, recalibrate: bool, tally: _Tally
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The usable rows of known radiographs, and the last row of each calibration card of each session."""
    cards = card_ids(radiographs.dicom_ids).implode()
    position = ("x_frac", "y_frac") if recalibrate else ("x_px", "y_px")
    first_rules = {
        "calibration_card": pl.col("id").is_in(cards).fill_null(False),
        "unknown_radiograph": pl.col("radiograph").is_null(),
        "invalid_flag": ~pl.col("valid"),
        "no_duration": ~(pl.col("duration_s") > 0).fill_null(False),
        "no_time": pl.col("onset_s").is_null(),
        "no_position": pl.any_horizontal(pl.col(position).is_null()),
    }
    kept: list[pl.DataFrame] = []
    last: list[pl.DataFrame] = []
    needed = table.needed_columns(recalibrate)
    for frame in scan_table(path, needed, GAZE, nullable=frozenset(GAZE)):
        tally.read += len(frame)
        rows = _select(frame, table, radiographs)
        masks = {mask.name: mask.to_numpy() for mask in rows.select(**first_rules)}
        if recalibrate:
            last.append(last_valid_rows(rows.filter(masks["calibration_card"])))
        kept.append(tally.drop(rows, **masks).drop("id", "valid"))
    return pl.concat(kept), last_valid_rows(pl.concat(last)) if recalibrate else pl.DataFrame()


def _select(frame: pl.DataFrame, table: GazeTable, radiographs: Radiographs) -> pl.DataFrame:
    given = frame
    frame = frame.with_columns(pl.lit(None, GAZE[name]).alias(name) for name in USED if name not in frame.columns)
    if "SESSION_ID" not in given.columns:
        # Fixation ids restart in each session.
        frame = frame.with_columns(pl.lit(None, pl.Int64).alias("FPOGID"))
    ids, places = radiographs.dicom_ids, pl.int_range(len(radiographs.dicom_ids), dtype=pl.UInt32, eager=True)
    return frame.select(
        pl.col("DICOM_ID").replace_strict(ids, places, default=None).alias("radiograph"),
        pl.col("DICOM_ID").alias("id"),
        pl.col("SESSION_ID").alias("session"),
        pl.col("FPOGID").alias("fixation"),
        (pl.col("FPOGV") == 1).fill_null(False).alias("valid"),
        table.onset.cast(pl.Float32).alias("onset_s"),
        table.duration.cast(pl.Float32).alias("duration_s"),
        pl.col("FPOGX").alias("x_frac"),
        pl.col("FPOGY").alias("y_frac"),
        pl.col("X_ORIGINAL").alias("x_px"),
        pl.col("Y_ORIGINAL").alias("y_px"),
    ).with_columns(given.hash_rows(seed=0).alias("digest"))


def _is_duplicate(rows: pl.DataFrame, table: GazeTable) -> NDArray[np.bool_]:
    """Rows that equal an earlier one in all columns or, where a row is a fixation, have the id of an earlier one.

    The id counts within the same radiograph and session. Rows are compared by digests of 64 bits: the probability that
    any two of 1.5 million rows have the same digest by chance is about 1e-7.
    """
    again = ~pl.col("digest").is_first_distinct()
    if table.has_ids:
        again |= pl.col("fixation").is_not_null() & ~pl.struct("session", "radiograph", "fixation").is_first_distinct()
    return rows.select(again.alias("again"))["again"].to_numpy()


def _as_recorded(rows: pl.DataFrame, radiographs: Radiographs, hygiene: dict[str, int]) -> Radiographs:
    """The radiographs with the sizes they had when the gaze was recorded."""
    sizes = recorded_sizes(rows, radiographs.pads_px, radiographs.size_px)
    is_file = (radiographs.size_px > 0).all(axis=1)
    unknown = (sizes == 0).all(axis=1) & is_file
    hygiene["radiographs_resized"] = int(((sizes != radiographs.size_px).any(axis=1) & ~unknown).sum())
    hygiene["radiographs_of_unknown_recorded_size"] = int(unknown.sum())
    return replace(radiographs, size_px=sizes)


def _size_is_known(rows: pl.DataFrame, radiographs: Radiographs) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = (radiographs.size_px[rows["radiograph"].to_numpy()] > 0).all(axis=1)
    return known


def _is_outside(rows: pl.DataFrame, radiographs: Radiographs) -> NDArray[np.bool_]:
    stored, size_px = rows.select("x_px", "y_px").to_numpy(), radiographs.size_px[rows["radiograph"].to_numpy()]
    limit_px = np.where(size_px > 0, size_px + size_px % 2, _MAX_SIDE_PX)
    outside: NDArray[np.bool_] = (stored < 0) | (stored >= limit_px)
    return outside[:, 0] | outside[:, 1]


def _mapped_px(
    rows: pl.DataFrame, radiographs: Radiographs, shifts_px: NDArray[np.float64] | float = 0.0
) -> NDArray[np.int64]:
    """(R, 2) the positions of the rows by the published map; outside for rows without a position on the screen."""
    screen_px = rows.select(pl.col("x_frac", "y_frac").fill_null(np.inf)).to_numpy() * SCREEN_PX + shifts_px
    radiograph = rows["radiograph"].to_numpy()
    return screen_to_radiograph(screen_px, radiographs.pads_px[radiograph], radiographs.size_px[radiograph])


def _agreement(rows: pl.DataFrame, radiographs: Radiographs) -> dict[str, int]:
    """Counts of stored positions that agree with the published map; radiographs of unknown size are not checked."""
    on_screen = rows.select(pl.col("x_frac").is_not_null() & pl.col("y_frac").is_not_null()).to_series().to_numpy()
    checkable = _size_is_known(rows, radiographs) & on_screen
    stored = rows.select(pl.col("x_px", "y_px").fill_null(OUTSIDE_PX)).to_numpy()
    mapped = _mapped_px(rows, radiographs)
    both_outside = (stored < 0).any(axis=1) & (mapped < 0).any(axis=1)
    both_inside = (stored >= 0).all(axis=1) & (mapped >= 0).all(axis=1)
    apart_px = np.abs(stored - mapped).max(axis=1, initial=0)
    equal = checkable & (both_outside | both_inside & (apart_px == 0))
    near = checkable & both_inside & (apart_px == 1)
    return {
        "screen_map_equal": int(equal.sum()),
        "screen_map_within_1_px": int(near.sum()),
        "screen_map_differs": int((checkable & ~equal & ~near).sum()),
        "screen_map_unchecked": int((~checkable).sum()),
    }


def _shifts(rows: pl.DataFrame, shifts: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(R, 2) the shift of each row on the screen; 0 in a session without a calibration card."""
    sessions, place = np.unique(rows["session"].fill_null(_NO_SESSION).to_numpy(), return_inverse=True)
    table = np.array([shifts.get(int(session), (0.0, 0.0)) for session in sessions]).reshape(-1, 2)
    return table[place]


def _by_radiograph(rows: pl.DataFrame) -> Iterator[tuple[int, Fixations]]:
    rows = rows.sort("radiograph", "onset_s", maintain_order=True)
    for (radiograph,), part in rows.partition_by("radiograph", as_dict=True, maintain_order=True).items():
        x_px, y_px, duration_s, onset_s = (part[name].to_numpy() for name in ("x_px", "y_px", "duration_s", "onset_s"))
        yield radiograph, Fixations(x_px=x_px, y_px=y_px, duration_s=duration_s, onset_s=onset_s)
