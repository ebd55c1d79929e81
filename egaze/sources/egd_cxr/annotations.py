"""Annotations of the radiographs besides labels and gaze: anatomical boxes and dictations."""

from __future__ import annotations

import math
import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from egaze.errors import TableError
from egaze.sources.egd_cxr.columns import BOUNDING_BOXES
from egaze.sources.json_file import kind_of, read_json
from egaze.sources.regions import Phrase, Region
from egaze.tables.delimited import inside, read_table
from egaze.tables.text_limits import table_limits

TRANSCRIPTS = "audio_segmentation_transcripts"


def read_boxes(path: Path, dicom_ids: Sequence[str], hygiene: dict[str, int]) -> dict[str, tuple[Region, ...]]:
    """The boxes of each radiograph; bounding_boxes.csv may be absent.

    Boxes of unknown radiographs and boxes whose minimum is above their maximum are dropped and counted.

    Raises:
        TableError: a missing column or a bad value.
    """
    hygiene["bounding_boxes_file_missing"] = int(not path.exists())
    if not path.exists():
        return {}
    boxes = read_table(path, BOUNDING_BOXES)
    found: dict[str, list[Region]] = {name: [] for name in dicom_ids}
    unknown = turned = 0
    for dicom_id, name, x1, x2, y1, y2 in boxes.iter_rows():
        if dicom_id not in found:
            unknown += 1
        elif x2 < x1 or y2 < y1:
            turned += 1
        else:
            found[dicom_id].append(Region(name, "box", x1, y1, x2, y2))
    hygiene["boxes_read"] = len(boxes)
    hygiene["boxes_dropped_unknown_radiograph"] = unknown
    hygiene["boxes_dropped_turned"] = turned
    hygiene["boxes_kept"] = len(boxes) - unknown - turned
    return {name: tuple(regions) for name, regions in found.items()}


def read_transcripts(folder: Path, dicom_ids: Sequence[str], hygiene: dict[str, int]) -> dict[str, tuple[Phrase, ...]]:
    """The phrases of each radiograph in time order; radiographs without a transcript are counted.

    Phrases without words and phrases that end before they begin are dropped and counted.

    Raises:
        TableError: a file that is not a transcript; the message names the file and the field.
    """
    found: dict[str, tuple[Phrase, ...]] = {}
    read = dropped = 0
    for record, dicom_id in enumerate(dicom_ids, start=1):
        path = inside(folder, dicom_id, f"master_sheet.csv: record {record}, column 'dicom_id'") / "transcript.json"
        if not os.path.isfile(path):  # pathlib raises for a name that is too long
            continue
        phrases = read_transcript(path)
        kept = [Phrase(*phrase) for phrase in phrases if phrase[0] and phrase[1] <= phrase[2]]
        found[dicom_id] = tuple(sorted(kept, key=lambda phrase: phrase.begin_s))
        read += len(phrases)
        dropped += len(phrases) - len(kept)
    hygiene["transcripts_missing"] = len(dicom_ids) - len(found)
    hygiene["phrases_read"] = read
    hygiene["phrases_dropped_without_words_or_time"] = dropped
    hygiene["phrases_kept"] = read - dropped
    return found


def read_transcript(path: Path) -> list[tuple[str, float, float]]:
    """(words, begin, end in seconds) of each phrase of a transcript.json.

    Raises:
        TableError: not UTF-8 JSON, a file that is too long, or a field that is missing or has the wrong type.
    """
    content = read_json(path, table_limits().json_bytes, "EGAZE_TABLE_JSON_BYTES")
    if not isinstance(content, dict):
        raise TableError(f"{path}: holds {kind_of(content)}, expected an object")
    if not isinstance(content.get("full_text", ""), str):
        raise TableError(f"{path}: field 'full_text' holds {kind_of(content['full_text'])}, expected text")
    phrases = content.get("time_stamped_text")
    if not isinstance(phrases, list):
        raise TableError(f"{path}: field 'time_stamped_text' holds {kind_of(phrases)}, expected a list")
    return [_phrase(f"{path}: field 'time_stamped_text', phrase {n}", item) for n, item in enumerate(phrases, start=1)]


def _phrase(where: str, item: Any) -> tuple[str, float, float]:
    if not isinstance(item, dict):
        raise TableError(f"{where} holds {kind_of(item)}, expected an object")
    words = item.get("phrase")
    if not isinstance(words, str):
        raise TableError(f"{where}, field 'phrase' holds {kind_of(words)}, expected text")
    try:
        words.encode()
    except UnicodeEncodeError as error:
        raise TableError(f"{where}, field 'phrase' holds an incomplete character") from error
    return " ".join(words.split()), _seconds(where, item, "begin_time"), _seconds(where, item, "end_time")


def _seconds(where: str, item: Mapping[str, object], name: str) -> float:
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TableError(f"{where}, field {name!r} holds {kind_of(value)}, expected seconds")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise TableError(f"{where}, field {name!r} holds a number that is not finite, expected seconds")
    return seconds
