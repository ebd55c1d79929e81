"""Fixations found anew in the samples of eye_gaze.csv, in the place of those of the tracker's own filter.

BPOGX and BPOGY are the point of gaze that the tracker measured, and BPOGV tells whether it did; FPOGX and FPOGY, which
are not used here, are the fixation that its filter made of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from egaze.errors import GazeError, SourceError, TableError
from egaze.gaze import Screen
from egaze.gaze.events import FIXATION_METHODS, CommonSettings, GazeSignal, detect_fixations
from egaze.serialize import JsonObject
from egaze.sources.egd_cxr.columns import GAZE
from egaze.sources.egd_cxr.screen import SCREEN_PX, last_valid_rows
from egaze.tables.delimited import Columns, scan_table

_NEEDED = ("DICOM_ID", "SESSION_ID", "Time (in secs)", "BPOGX", "BPOGY", "BPOGV", "FPOGV")


@dataclass(frozen=True, slots=True)
class Detection:
    """How fixations are found in eye_gaze.csv.

    Attributes:
        method: a name in `FIXATION_METHODS`.
        screen: of 1920 x 1080 pixels; its size and distance, which the data set does not state, give the scale.
        settings: of the method; None for its defaults.

    Raises:
        SourceError: an unknown method, another resolution, or a scale that is unknown.

    Example:
        >>> from egaze.gaze import Screen
        >>> from egaze.sources.egd_cxr.detected import Detection
        >>> Detection("ivt", Screen(1920, 1080, 527.0, 296.0, 650.0)).record()["pixels_per_degree"]
        [41.3, 41.4]
    """

    method: str
    screen: Screen
    settings: CommonSettings | None = None

    def __post_init__(self) -> None:
        if self.method not in FIXATION_METHODS:
            raise SourceError(f"method {self.method!r} is none of {', '.join(FIXATION_METHODS)}")
        if (self.screen.width_px, self.screen.height_px) != SCREEN_PX:
            raise SourceError(
                f"the data set's screen has {SCREEN_PX[0]}x{SCREEN_PX[1]} pixels, got "
                f"{self.screen.width_px}x{self.screen.height_px} (--screen)"
            )
        if self.screen.pixels_per_degree is None:
            raise SourceError(
                "fixations are found by degrees of visual angle, so that the screen's visible size and distance must "
                "be known (--screen 1920x1080,WxHmm,Dmm)"
            )

    @property
    def pixels_per_degree(self) -> tuple[float, float]:
        """Along x and y."""
        across, down = self.screen.pixels_per_degree, self.screen.pixels_per_degree_down
        assert across is not None and down is not None
        return across, down

    def record(self) -> JsonObject:
        """Method, settings and scale, for study.json."""
        settings = self.settings or FIXATION_METHODS[self.method].settings()
        return {
            "method": self.method,
            "settings": {name: getattr(settings, name) for name in type(settings).__dataclass_fields__},
            "pixels_per_degree": [round(scale, 1) for scale in self.pixels_per_degree],
        }


def needed_to_detect() -> Columns:
    """The columns of eye_gaze.csv that must be there."""
    return {name: GAZE[name] for name in _NEEDED}


def collect_samples(
    path: Path, dicom_ids: pl.Series, cards: pl.Series, hygiene: dict[str, int]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The samples of known radiographs in the order of the file, and the last row of each calibration card.

    Returns:
        Columns radiograph, session, time_s, gaze_x_frac and gaze_y_frac (null where the tracker lost the gaze), and
        x_frac, y_frac, x_px, y_px of the tracker's own fixation, null outside of one.

    Raises:
        TableError: a missing column, or a cell of the wrong type.
    """
    places = pl.int_range(len(dicom_ids), dtype=pl.UInt32, eager=True)
    kept: list[pl.DataFrame] = []
    last: list[pl.DataFrame] = []
    counts = dict.fromkeys(("read", "dropped_calibration_card", "dropped_unknown_radiograph", "dropped_no_time"), 0)
    for frame in scan_table(path, needed_to_detect(), GAZE, nullable=frozenset(GAZE)):
        given = frame
        names = ("FPOGX", "FPOGY", "X_ORIGINAL", "Y_ORIGINAL")
        frame = frame.with_columns(pl.lit(None, GAZE[name]).alias(name) for name in names if name not in frame.columns)
        own = pl.col("FPOGV") == 1
        seen = pl.col("BPOGV") == 1
        rows = frame.select(
            pl.col("DICOM_ID").replace_strict(dicom_ids, places, default=None).alias("radiograph"),
            pl.col("DICOM_ID").alias("id"),
            pl.col("SESSION_ID").alias("session"),
            own.fill_null(False).alias("valid"),
            pl.col("Time (in secs)").alias("time_s"),
            pl.when(seen).then("BPOGX").alias("gaze_x_frac"),
            pl.when(seen).then("BPOGY").alias("gaze_y_frac"),
            pl.when(own).then("FPOGX").alias("x_frac"),
            pl.when(own).then("FPOGY").alias("y_frac"),
            pl.when(own).then("X_ORIGINAL").alias("x_px"),
            pl.when(own).then("Y_ORIGINAL").alias("y_px"),
        ).with_columns(given.hash_rows(seed=0).alias("digest"))
        is_card = pl.col("id").is_in(cards.implode()).fill_null(False)
        last.append(last_valid_rows(rows.filter(is_card)))
        known = pl.col("radiograph").is_not_null()
        counts["read"] += len(rows)
        counts["dropped_calibration_card"] += int(rows.select(is_card.sum()).item())
        counts["dropped_unknown_radiograph"] += int(rows.select((~is_card & ~known).sum()).item())
        rows = rows.filter(~is_card & known)
        counts["dropped_no_time"] += rows["time_s"].null_count()
        kept.append(rows.filter(pl.col("time_s").is_not_null()).drop("id", "valid"))
    samples = pl.concat(kept)
    hygiene |= {f"samples_{name}": count for name, count in counts.items()}
    distinct = samples.filter(pl.col("digest").is_first_distinct()).drop("digest")
    hygiene["samples_dropped_duplicate"] = len(samples) - len(distinct)
    hygiene["samples_lost"] = int(
        distinct.select((pl.col("gaze_x_frac").is_null() | pl.col("gaze_y_frac").is_null()).sum()).item()
    )
    return distinct, last_valid_rows(pl.concat(last))


def detected_fixations(path: Path, samples: pl.DataFrame, detection: Detection, dicom_ids: pl.Series) -> pl.DataFrame:
    """The fixations in samples: signal, radiograph, session, onset_s, duration_s, x_frac, y_frac.

    Samples that follow each other on one radiograph in one session are one signal; a clock that runs back begins
    another one.

    Raises:
        TableError: samples in which fixations cannot be looked for; the message names the radiograph.
    """
    size_px = np.array(SCREEN_PX, dtype=np.float64)
    radiograph, time_s = samples["radiograph"].to_numpy(), samples["time_s"].to_numpy()
    session = samples["session"].fill_null(-1).to_numpy()
    gaze_px = samples.select(pl.col("gaze_x_frac", "gaze_y_frac").fill_null(float("nan"))).to_numpy() * size_px
    frames = [pl.DataFrame(schema=_SCHEMA)]
    for number, (begin, end) in enumerate(signals(samples)):
        try:
            x_px, y_px = gaze_px[begin:end].T
            signal = GazeSignal(time_s[begin:end], x_px, y_px, detection.pixels_per_degree)
            found = detect_fixations(signal, detection.method, detection.settings)
        except GazeError as error:
            raise TableError(f"{path}: radiograph {dicom_ids[int(radiograph[begin])]}: {error}") from error
        frames.append(
            pl.DataFrame(
                {
                    "signal": np.full(len(found), number),
                    "radiograph": np.full(len(found), radiograph[begin]),
                    "session": np.full(len(found), session[begin]),
                    "onset_s": found.onset_s,
                    "duration_s": found.duration_s,
                    "x_frac": found.x_px / size_px[0],
                    "y_frac": found.y_px / size_px[1],
                },
                schema=_SCHEMA,
            )
        )
    return pl.concat(frames)


_SCHEMA = {
    "signal": pl.Int64,
    "radiograph": pl.UInt32,
    "session": pl.Int64,
    **dict.fromkeys(("onset_s", "duration_s"), pl.Float32),
    **dict.fromkeys(("x_frac", "y_frac"), pl.Float64),
}


def signals(samples: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """The first sample of each signal and one past its last one; a single sample is none."""
    radiograph, time_s = samples["radiograph"].to_numpy(), samples["time_s"].to_numpy()
    session = samples["session"].fill_null(-1).to_numpy()
    breaks = (np.diff(radiograph.astype(np.int64)) != 0) | (np.diff(session) != 0) | (np.diff(time_s) < 0)
    edges = np.concatenate([[0], np.flatnonzero(breaks) + 1, [len(time_s)]])
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if end - begin > 1:
            yield begin, end
