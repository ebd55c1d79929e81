"""Tobii Pro Lab's Data Export: tabs, decimal comma, UTF-16, rows of the mouse and of events, and the filter Raw.

With Raw every sample is called a fixation, so that an import without `--detect` has none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from egaze.sources.synthetic.trackers.session import SCREEN, Session

_MOUSE_EVERY = 40


def write(folder: Path, session: Session) -> Path:
    """Write NAME.tsv."""
    count = len(session.time_s)
    of = session.shown_at()
    stamps_us = np.rint(session.time_s * 1e6).astype(np.int64)
    shown = [reading.shown for reading in session.readings]
    names = np.array([*(item.case_id for item in shown), ""])[of]
    columns: dict[str, object] = {
        "order": stamps_us,
        "Recording timestamp [ms]": np.rint(stamps_us / 1e3).astype(np.int64),
        "Eyetracker timestamp [μs]": stamps_us + 91_337_000_512,
        "Event": [""] * count,
        "Event value": [""] * count,
        "Sensor": ["Eye Tracker"] * count,
        "Presented Stimulus name": names,
        "Presented Media name": np.where(names == "", "", np.char.add(names, ".png")),
    }
    for name, attribute in (
        ("Presented Media width [px]", "width_px"),
        ("Presented Media height [px]", "height_px"),
        ("Presented Media position X [DACS px]", "left_px"),
        ("Presented Media position Y [DACS px]", "top_px"),
        ("Original Media width [px]", "radiograph_width_px"),
        ("Original Media height [px]", "radiograph_height_px"),
    ):
        values = [str(int(getattr(item, attribute))) for item in shown]
        columns[name] = np.array([*values, ""])[of]
    for prefix, eye in (("", session.mean_px), ("left ", session.left_px), ("right ", session.right_px)):
        for axis, letter in enumerate("XY"):
            columns[f"Gaze point {prefix}{letter} [DACS px]"] = _decimal(eye[:, axis])
    for side, eye in (("left", session.left_px), ("right", session.right_px)):
        columns[f"Validity {side}"] = np.where(np.isfinite(eye[:, 0]), "Valid", "Invalid")
    columns["Eye movement type"] = np.where(np.isfinite(session.mean_px[:, 0]), "Fixation", "EyesNotFound")
    columns["Eye movement event duration [ms]"] = [str(round(1e3 / session.rate_hz))] * count
    columns["Eye movement type index"] = np.arange(1, count + 1)
    table = pl.DataFrame(columns).cast(dict.fromkeys(("Recording timestamp [ms]",), pl.Int64))
    table = pl.concat([table, _mouse(table), _events(table, session)]).sort("order", maintain_order=True)
    constant = {
        "Participant name": session.reader,
        "Recording name": session.reader,
        "Recording Fixation filter name": "Raw",
        "Recording resolution width [px]": SCREEN.width_px,
        "Recording resolution height [px]": SCREEN.height_px,
        "Average validation accuracy [°]": _decimal(np.array([_off_deg(session)]), 3)[0],
    }
    table = table.drop("order").with_columns(pl.lit(value).alias(name) for name, value in constant.items())
    path = folder / f"{session.reader}.tsv"
    text = table.write_csv(separator="\t", line_terminator="\r\n", quote_style="never")
    path.write_bytes(text.encode("utf-16"))
    return path


def _off_deg(session: Session) -> float:
    return float(np.hypot(*session.offset_px) / (SCREEN.pixels_per_degree or 1))


def _decimal(values: np.ndarray, digits: int = 2) -> list[str]:
    """Numbers with a decimal comma, empty where they are NaN."""
    return ["" if np.isnan(value) else f"{value:.{digits}f}".replace(".", ",") for value in values.tolist()]


def _mouse(table: pl.DataFrame) -> pl.DataFrame:
    """A row of the mouse now and then, without gaze."""
    rows = table[::_MOUSE_EVERY]
    return _empty(rows).with_columns(pl.lit("Mouse").alias("Sensor"), pl.lit("MouseEvent").alias("Event"))


def _events(table: pl.DataFrame, session: Session) -> pl.DataFrame:
    """The begin and end of each picture."""
    frames = []
    for reading in session.readings:
        for event, time_s in (("ImageStimulusStart", reading.shown.begin_s), ("ImageStimulusEnd", reading.shown.end_s)):
            frames.append(
                _empty(table[:1]).with_columns(
                    pl.lit(round(time_s * 1e6)).alias("order"),
                    pl.lit(round(time_s * 1e3)).alias("Recording timestamp [ms]"),
                    pl.lit(event).alias("Event"),
                    pl.lit(reading.shown.case_id).alias("Event value"),
                    pl.lit("").alias("Sensor"),
                )
            )
    return pl.concat([frame.cast(table.schema) for frame in frames])


def _empty(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their times and nothing else."""
    kept = ("order", "Recording timestamp [ms]")
    return rows.with_columns(
        pl.lit("" if rows.schema[name] == pl.String else None, rows.schema[name]).alias(name)
        for name in rows.columns
        if name not in kept
    )
