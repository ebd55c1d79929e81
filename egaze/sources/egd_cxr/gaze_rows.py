"""fixations.csv and eye_gaze.csv: rows dropped by rule, and where on the radiograph the others are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.gaze import Fixations
from egaze.sources.delimited import Columns, scan_table
from egaze.sources.egd_cxr.calibration_cards import card_ids, last_valid_rows, session_shifts
from egaze.sources.egd_cxr.columns import GAZE, MAPPED, NEEDED, STORED, USED
from egaze.sources.egd_cxr.screen import OUTSIDE_PX, SCREEN_PX, screen_to_radiograph
from egaze.sources.egd_cxr.told_size import told_sizes

SAMPLE_HZ = 60
#: No DICOM radiograph has a longer side.
_MAX_SIDE_PX = 65_535
_NO_SESSION = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class GazeTable:
    """One of the two tables of gaze.

    Attributes:
        file: its name.
        unit: what a row is, for the names of counts.
        onset, duration: polars expressions for seconds.
        has_ids: whether a row is one fixation, so that its id may not come twice.
        times: the columns that onset and duration are from.
    """

    file: str
    unit: str
    onset: pl.Expr
    duration: pl.Expr
    has_ids: bool
    times: tuple[str, ...]

    def needed_columns(self, recalibrate: bool) -> Columns:
        """The columns that the table has to have."""
        return {name: GAZE[name] for name in (*NEEDED, *self.times, *(MAPPED if recalibrate else STORED))}


#: A row of eye_gaze.csv is one sample of the tracker and lasts as long as the tracker takes for one: time in which the
#: tracker saw no eye counts nowhere.
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
    """What is asked of N radiographs.

    Attributes:
        dicom_ids: (N,) in the sheet's order.
        pads_px: (N, 4) top, bottom, left, right, in pixels of the screen.
        size_px: (N, 2) width and height, 0 where unknown.
    """

    dicom_ids: pl.Series
    pads_px: NDArray[np.int64]
    size_px: NDArray[np.int64]


@dataclass(slots=True)
class _Tally:
    """Drops rows and counts them under the first rule that they meet."""

    read: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))

    def drop(self, rows: pl.DataFrame, **masks: NDArray[np.bool_]) -> pl.DataFrame:
        """The rows that no mask marks; masks are named as the rules are, and come in their order."""
        left = np.ones(len(rows), dtype=bool)
        for rule, mask in masks.items():
            self.dropped[rule] += int((left & mask).sum())
            left &= ~mask
        return rows.filter(left)


def read_gaze(
    path: Path, table: GazeTable, radiographs: Radiographs, recalibrate: bool, hygiene: dict[str, int]
) -> tuple[dict[int, Fixations], Radiographs]:
    """Each radiograph's gaze, by the radiograph's place in the sheet, and the radiographs with the sizes that positions
    refer to.

    The table is read as a stream: of the rows of known radiographs a dozen numbers are held, and nothing of the others.

    Without re-calibration a row is where X_ORIGINAL and Y_ORIGINAL say; with it, where the published map puts
    FPOGX and FPOGY after its session's shift.

    Raises:
        TableError: a missing column that is needed, or a cell of the wrong type in any of the 37.
    """
    tally = _Tally()
    rows, cards = _collect(path, table, radiographs, recalibrate, tally)
    rows = tally.drop(rows, duplicate=_is_duplicate(rows, table)).drop("digest", "fixation")
    radiographs = _as_recorded(rows, radiographs, hygiene)
    hygiene |= _agreement(rows, radiographs)
    if hygiene["radiographs_resized"]:
        rows = tally.drop(rows, radiograph_size_unknown=~_size_is_known(rows, radiographs))
    if recalibrate:
        shifts = session_shifts(cards)
        sessions = rows["session"].unique().drop_nulls().to_list()
        hygiene["sessions"] = len(sessions)
        hygiene["sessions_without_calibration"] = sum(session not in shifts for session in sessions)
        rows = tally.drop(rows, radiograph_size_unknown=~_size_is_known(rows, radiographs))
        x_px, y_px = _mapped_px(rows, radiographs, _shifts(rows, shifts)).T
        rows = rows.with_columns(pl.Series("x_px", x_px), pl.Series("y_px", y_px))
    rows = tally.drop(rows.drop("session", "x_frac", "y_frac"), outside_radiograph=_is_outside(rows, radiographs))
    hygiene[f"{table.unit}_read"] = tally.read
    hygiene |= {f"{table.unit}_dropped_{rule}": count for rule, count in tally.dropped.items()}
    hygiene[f"{table.unit}_kept"] = len(rows)
    return dict(_by_radiograph(rows)), radiographs


def _collect(
    path: Path, table: GazeTable, radiographs: Radiographs, recalibrate: bool, tally: _Tally
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The usable rows of known radiographs, and the last row of each card of each session."""
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
        # Ids of fixations begin anew in each session.
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
    """Rows that are there before in all 37 columns or, where a row is a fixation, with the same id in the same
    radiograph and session. The digest has 64 bits: that two of 1.5 million rows share one by chance has odds of 1 to
    10^7."""
    again = ~pl.col("digest").is_first_distinct()
    if table.has_ids:
        again |= pl.col("fixation").is_not_null() & ~pl.struct("session", "radiograph", "fixation").is_first_distinct()
    return rows.select(again.alias("again"))["again"].to_numpy()


def _as_recorded(rows: pl.DataFrame, radiographs: Radiographs, hygiene: dict[str, int]) -> Radiographs:
    """The radiographs with the sizes that they had when the gaze was recorded."""
    sizes = told_sizes(rows, radiographs.pads_px, radiographs.size_px)
    is_file = (radiographs.size_px > 0).all(axis=1)
    untold = (sizes == 0).all(axis=1) & is_file
    hygiene["radiographs_resized"] = int(((sizes != radiographs.size_px).any(axis=1) & ~untold).sum())
    hygiene["radiographs_of_untold_size"] = int(untold.sum())
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
    """(R, 2) where the published map puts the rows; outside where they have no place on the screen."""
    screen_px = rows.select(pl.col("x_frac", "y_frac").fill_null(np.inf)).to_numpy() * SCREEN_PX + shifts_px
    radiograph = rows["radiograph"].to_numpy()
    return screen_to_radiograph(screen_px, radiographs.pads_px[radiograph], radiographs.size_px[radiograph])


def _agreement(rows: pl.DataFrame, radiographs: Radiographs) -> dict[str, int]:
    """How many stored positions are those of the published map; a radiograph of unknown size cannot be checked."""
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
    """(R, 2) each row's shift on the screen; none in a session without a card."""
    sessions, place = np.unique(rows["session"].fill_null(_NO_SESSION).to_numpy(), return_inverse=True)
    table = np.array([shifts.get(int(session), (0.0, 0.0)) for session in sessions]).reshape(-1, 2)
    return table[place]


def _by_radiograph(rows: pl.DataFrame) -> Iterator[tuple[int, Fixations]]:
    rows = rows.sort("radiograph", "onset_s", maintain_order=True)
    for (radiograph,), part in rows.partition_by("radiograph", as_dict=True, maintain_order=True).items():
        x_px, y_px, duration_s, onset_s = (part[name].to_numpy() for name in ("x_px", "y_px", "duration_s", "onset_s"))
        yield radiograph, Fixations(x_px=x_px, y_px=y_px, duration_s=duration_s, onset_s=onset_s)
