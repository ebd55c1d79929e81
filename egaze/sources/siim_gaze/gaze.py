"""cxr_gaze_data.json: a list of records, each one radiograph and the points that its reader looked at.

A record is `{"image_id", "gaze_x", "gaze_y", "time"}`, three lists of one length. The positions are fractions of the
radiograph. Their names are swapped: the authors' description says that `gaze_x` is horizontal, and in the data it runs
down and `gaze_y` across. `egaze.sources.siim_gaze.axes` checks that on every file. `time` counts the tracker's samples
that the authors merged into a point and is, by their word, not seconds.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.sources.json_file import kind_of, read_json, read_numbers, refuse_number
from egaze.tables.records import shorten
from egaze.tables.text_limits import table_limits

_ACROSS, _DOWN, _TIME = "gaze_y", "gaze_x", "time"
_LISTS = (_DOWN, _ACROSS, _TIME)
_FIELDS = {"image_id", *_LISTS}
#: An id names a file here and files later on.
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
#: Points lie some hundredths beside the radiograph; what lies further off is no fraction of it.
_LOWEST_FRAC, _HIGHEST_FRAC = -1.0, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class GazeRecord:
    """One reading: P points in the order of time.

    Attributes:
        number: the record's place in the file, from 1.
        image_id: the radiograph's SOPInstanceUID.
        x_frac, y_frac: (P,) fractions of the radiograph's width, from its left edge, and of its height, from its top;
            some lie outside 0 to 1.
        weight: (P,) above 0, relative.
    """

    number: int
    image_id: str
    x_frac: NDArray[np.float64] = field(repr=False)
    y_frac: NDArray[np.float64] = field(repr=False)
    weight: NDArray[np.float64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.weight)


def read_gaze(path: Path, hygiene: Counter[str]) -> list[GazeRecord]:
    """Every record of the file, in its order; points whose `time` is 0 are dropped and counted.

    Raises:
        TableError: not such a file; the message names the record, the field and the value.
    """
    content = read_json(path, table_limits().gaze_json_bytes, "EGAZE_TABLE_GAZE_JSON_BYTES")
    if not isinstance(content, list):
        raise TableError(f"{path}: holds {kind_of(content)}, expected a list of records")
    if not content:
        raise TableError(f"{path}: holds no record")
    hygiene.update(dict.fromkeys(("points_dropped_no_time", "records_with_other_fields"), 0))
    records = [_record(f"{path}: record {number}", number, item, hygiene) for number, item in enumerate(content, 1)]
    first: dict[str, int] = {}
    for record in records:
        if (earlier := first.setdefault(record.image_id, record.number)) != record.number:
            raise TableError(
                f"{path}: records {earlier} and {record.number} are both of radiograph {record.image_id}; "
                "the data set has one sequence of gaze for each"
            )
    hygiene["records_read"] = len(records)
    hygiene["points_read"] = sum(map(len, records)) + hygiene["points_dropped_no_time"]
    return records


def _record(where: str, number: int, item: Any, hygiene: Counter[str]) -> GazeRecord:
    if not isinstance(item, dict):
        raise TableError(f"{where} holds {kind_of(item)}, expected an object")
    if missing := sorted(_FIELDS - item.keys()):
        raise TableError(f"{where}: field {missing[0]!r} is missing")
    hygiene["records_with_other_fields"] += bool(item.keys() - _FIELDS)
    image_id = item["image_id"]
    if not isinstance(image_id, str) or not _PLAIN.fullmatch(image_id):
        said = shorten(image_id) if isinstance(image_id, str) else kind_of(image_id)
        raise TableError(f"{where}, field 'image_id' holds {said}, expected a radiograph's UID")
    columns = {name: read_numbers(where, name, item[name]) for name in _LISTS}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise TableError(f"{where}: its lists must be of one length: {said}")
    for name in (_DOWN, _ACROSS):
        outside = (columns[name] < _LOWEST_FRAC) | (columns[name] > _HIGHEST_FRAC)
        refuse_number(where, name, columns[name], outside, "a fraction of the radiograph")
    time = columns[_TIME]
    refuse_number(where, _TIME, time, time < 0, "a count of samples")
    # As a Fixations holds it: what is too small for a float32 is nothing.
    kept = time.astype(np.float32) > 0
    hygiene["points_dropped_no_time"] += int((~kept).sum())
    return GazeRecord(number, image_id, columns[_ACROSS][kept], columns[_DOWN][kept], time[kept])
