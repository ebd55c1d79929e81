"""train-rle.csv: where SIIM-ACR's readers outlined a pneumothorax, as run lengths.

A radiograph has a row for each pneumothorax, or one row with -1 where there is none. A row's numbers are, by turns, how
many pixels to leave out and how many to take, down each column of a grid of 1024 x 1024 pixels, the leftmost column
first; unlike in most of Kaggle's files, each start counts from the end of the run before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import polars as pl

from egaze.errors import TableError
from egaze.sources.regions import Mask
from egaze.tables.delimited import read_table
from egaze.tables.records import shorten

SIDE_PX = 1024
_COLUMNS = {"ImageId": pl.String, "EncodedPixels": pl.String}
_NONE = "-1"


def read_masks(path: Path, image_ids: Collection[str], hygiene: Counter[str]) -> dict[str, tuple[Mask, ...]]:
    """The masks of those radiographs that the table knows; none where it says that there is no pneumothorax.

    Rows of other radiographs are checked, counted and left out, as are rows that are there twice.

    Raises:
        TableError: not such a table, a row that cannot be decoded, or a radiograph with a mask and -1.
    """
    rows = read_table(path, _COLUMNS)
    wanted = set(image_ids)
    found: dict[str, list[Mask]] = {}
    first: dict[tuple[str, str], int] = {}
    without: dict[str, int] = {}
    counts = Counter(mask_rows_of_radiographs_without_gaze=0, mask_rows_dropped_repeated=0, mask_rows_kept=0)
    for record, (image_id, encoded) in enumerate(rows.iter_rows(), start=1):
        where = f"{path}: record {record}, column 'EncodedPixels'"
        is_none = encoded == _NONE
        mask = None if is_none else decode(encoded, where)
        if is_none:
            without.setdefault(image_id, record)
        if image_id not in wanted:
            counts["mask_rows_of_radiographs_without_gaze"] += 1
            continue
        if first.setdefault((image_id, " ".join(encoded.split())), record) != record:
            counts["mask_rows_dropped_repeated"] += 1
            continue
        counts["mask_rows_kept"] += 1
        masks = found.setdefault(image_id, [])
        if mask is not None:
            masks.append(mask)
        if masks and image_id in without:
            raise TableError(
                f"{path}: record {record}: radiograph {image_id} has a mask and, in record {without[image_id]} or "
                f"here, {_NONE} for none"
            )
    hygiene["mask_rows_read"] = len(rows)
    hygiene.update(counts)
    return {image_id: tuple(masks) for image_id, masks in found.items()}


def decode(encoded: str, where: str) -> Mask:
    """One row's mask. Raises TableError, which begins with `where`, for what is none."""
    words = encoded.split()
    if wrong := [word for word in words if not (word.isascii() and word.isdigit() and len(word) <= 7)]:
        raise TableError(f"{where} holds {shorten(wrong[0])}, expected {_NONE} or whole numbers: starts and lengths")
    if not words or len(words) % 2:
        raise TableError(f"{where} has {len(words)} numbers, expected pairs of a start and a length")
    numbers = list(map(int, words))
    runs: list[int] = []
    position = 0
    for skipped, length in zip(numbers[::2], numbers[1::2], strict=True):
        if length == 0:
            raise TableError(f"{where} has a run of length 0")
        position += skipped
        if runs and skipped == 0:
            runs[-1] += length  # it goes on where the run before ends
        else:
            runs += [position, length]
        position += length
    if position > SIDE_PX**2:
        raise TableError(
            f"{where} ends at pixel {position} of {SIDE_PX} x {SIDE_PX}: each start must count from the end of the "
            "run before"
        )
    return Mask(SIDE_PX, SIDE_PX, tuple(runs))


def encode(mask: Mask) -> str:
    """A mask as `decode` reads it."""
    words, position = [], 0
    for start, length in zip(mask.runs[::2], mask.runs[1::2], strict=True):
        words += [str(start - position), str(length)]
        position = start + length
    return " ".join(words)
