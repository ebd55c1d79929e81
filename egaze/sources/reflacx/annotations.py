"""The annotations of a reading: ellipses around findings, the box of the chest, and the dictated words."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import polars as pl

from egaze.errors import TableError
from egaze.sources.reflacx.labels import FINDINGS, FLAGS, MAX_CERTAINTY, OTHER
from egaze.sources.regions import Phrase, Region
from egaze.tables.delimited import read_table

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_NAMES = tuple(dict.fromkeys((*sum(FINDINGS.values(), ()), *FLAGS, OTHER)))
_TIMES = ("timestamp_start_word", "timestamp_end_word")
CHEST = "chest"


def read_regions(folder: Path, hygiene: Counter[str]) -> tuple[Region, ...]:
    """The chest box and the ellipses of a reading; an ellipse with several findings gives one region for each.

    Sides in the wrong order are swapped. Rows without all four sides and ellipses without a known finding are dropped
    and counted; readings without one of the tables are counted.

    Raises:
        TableError: a missing column or a bad value.
    """
    return (*_chest_box(folder / "chest_bounding_box.csv", hygiene), *_ellipses(folder, hygiene))


def read_phrases(folder: Path, hygiene: Counter[str]) -> tuple[Phrase, ...]:
    """The words of a reading in the order of their beginnings, each one phrase; full stops and commas are words too.

    Rows without a word or without ordered times are dropped and counted; readings without the table are counted.

    Raises:
        TableError: a missing column or a bad value.
    """
    path = folder / "timestamps_transcription.csv"
    if not path.is_file():
        hygiene["readings_without_transcript"] += 1
        return ()
    columns = {"word": pl.String, **dict.fromkeys(_TIMES, pl.Float64)}
    phrases = []
    for word, begin_s, end_s in read_table(path, columns, nullable=frozenset(columns)).iter_rows():
        if word is None or begin_s is None or end_s is None or end_s < begin_s:
            hygiene["words_dropped"] += 1
        else:
            phrases.append(Phrase(word, begin_s, end_s))
    return tuple(sorted(phrases, key=lambda phrase: phrase.begin_s))


def _chest_box(path: Path, hygiene: Counter[str]) -> list[Region]:
    if not path.is_file():
        hygiene["readings_without_chest_box"] += 1
        return []
    columns = dict.fromkeys(_SIDES, pl.Float64)
    rows = read_table(path, columns, nullable=frozenset(columns)).iter_rows()
    boxes = [Region(CHEST, "box", *sides) for row in rows if (sides := _ordered(row)) is not None]
    if not boxes:
        hygiene["readings_without_chest_box"] += 1
    return boxes


def _ellipses(folder: Path, hygiene: Counter[str]) -> list[Region]:
    path = folder / "anomaly_location_ellipses.csv"
    if not path.is_file():
        hygiene["readings_without_ellipses_table"] += 1
        return []
    columns = dict.fromkeys(_SIDES, pl.Float64)
    optional = {"certainty": pl.Float64, **dict.fromkeys(_NAMES, pl.String)}
    rows = read_table(path, columns, optional, nullable=frozenset(columns))
    if "certainty" not in rows.columns:
        hygiene["readings_without_ellipses_certainty"] += 1
    regions = []
    for record, row in enumerate(rows.iter_rows(named=True), start=1):
        sides = _ordered(tuple(row[side] for side in _SIDES))
        names = [name for name in _NAMES if (row.get(name) or "").lower() in ("true", "1")]
        if sides is None or not names:
            hygiene["ellipses_dropped_without_" + ("finding" if sides else "sides")] += 1
            continue
        certainty = _certainty(row.get("certainty"), f"{path}: record {record}, column 'certainty'")
        regions += [Region(name, "ellipse", *sides, certainty=certainty) for name in names]
    return regions


def _ordered(sides: tuple[float | None, ...]) -> tuple[float, float, float, float] | None:
    """x_min, y_min, x_max, y_max in the right order, or None if one is missing."""
    given = [side for side in sides if side is not None]
    if len(given) < len(sides):
        return None
    x_first, y_first, x_last, y_last = given
    return min(x_first, x_last), min(y_first, y_last), max(x_first, x_last), max(y_first, y_last)


def _certainty(value: float | None, where: str) -> int | None:
    """The certainty from 1 to 5; None for an empty cell or 0."""
    if value is not None and (not 0 <= value <= MAX_CERTAINTY or value != math.floor(value)):
        raise TableError(f"{where} holds {value:g}, expected a whole number from 0 to {MAX_CERTAINTY}")
    return int(value) if value else None
