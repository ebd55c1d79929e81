"""The pictures that were shown, from a table of intervals or from a recording's messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from egaze.errors import TableError
from egaze.gaze.exports.reading import Column, read_columns
from egaze.gaze.recording import GazeRecording, Message
from egaze.gaze.shown_picture import ShownPicture

#: What follows the name of a picture in that of its file.
_FILE_ENDING = re.compile(r"\.(png|jpe?g|bmp|tiff?|dcm|dicom|npy)$", flags=re.IGNORECASE)
_NUMBERS = (
    "begin_s",
    "end_s",
    "left_px",
    "top_px",
    "width_px",
    "height_px",
    "zoom",
    "pan_x_px",
    "pan_y_px",
    "radiograph_width_px",
    "radiograph_height_px",
)
_COLUMNS = {
    "case_id": Column(("case_id",), "text", is_required=True),
    "file": Column(("file",), "text"),
    **{name: Column((name,)) for name in _NUMBERS},
}


def read_pictures(path: str | Path) -> dict[str | None, list[ShownPicture]]:
    """Read a table of intervals: which picture was shown when and where, one row each.

    Its columns are `case_id`, those of `ShownPicture`'s attributes that are known, and `file`, the name of the export
    to which a row belongs; without it the rows belong to every export. An empty cell has the attribute's default. A row
    without `begin_s` and `end_s` says where a picture lies; when it was shown is then in the export.

    Returns:
        The pictures by the name of the export, None for every export.

    Raises:
        TableError: not such a table, or a row that cannot be; the message names the record.
    """
    path = Path(path)
    pictures: dict[str | None, list[ShownPicture]] = {}
    table = read_columns(path, _COLUMNS, [])
    for record, row in enumerate(table.iter_rows(named=True), start=1):
        given = {name: row[name] for name in _NUMBERS if row[name] is not None}
        if not row["case_id"] or not row["case_id"].strip():
            raise TableError(f"{path}: record {record}, column 'case_id' is empty")
        try:
            picture = ShownPicture(row["case_id"].strip(), **given)
        except ValueError as error:
            raise TableError(f"{path}: record {record}: {error}") from error
        pictures.setdefault(row["file"] or None, []).append(picture)
    return pictures


def pictures_from_messages(
    messages: Sequence[Message], begins: re.Pattern[str], ends: re.Pattern[str] | None = None
) -> list[ShownPicture]:
    """The pictures that messages say begin: each until a message that ends it, the next one, or for ever.

    Args:
        messages: in the order of time.
        begins: matches a message that a picture appears; its group `case_id`, or its first one, is the picture's name.
        ends: matches a message that the picture disappears.

    Raises:
        ValueError: no message matches, or the pattern has no group.

    Example:
        >>> import re
        >>> from egaze.gaze import Message
        >>> from egaze.gaze.picture_tables import pictures_from_messages
        >>> said = [Message(1.0, "IMAGE case-1.png"), Message(9.0, "CLEAR"), Message(12.0, "IMAGE case-2.png")]
        >>> found = pictures_from_messages(said, re.compile(r"IMAGE (\\S+)[.]png"), re.compile("CLEAR"))
        >>> [(picture.case_id, picture.begin_s, picture.end_s) for picture in found]
        [('case-1', 1.0, 9.0), ('case-2', 12.0, inf)]
    """
    if not begins.groups:
        raise ValueError(f"pattern {begins.pattern!r} has no group for the picture's name, as in 'IMAGE (\\S+)'")
    found: list[ShownPicture] = []
    is_shown = False
    for message in messages:
        begun = begins.search(message.text)
        if is_shown and (begun or (ends is not None and ends.search(message.text))):
            if message.time_s > found[-1].begin_s:
                found[-1] = replace(found[-1], end_s=message.time_s)
            else:
                found.pop()
            is_shown = False
        if begun:
            name = begun.groupdict().get("case_id") or begun[1]
            if not name:
                raise ValueError(f"message {message.text[:60]!r} names no picture")
            found.append(ShownPicture(name, message.time_s))
            is_shown = True
    if not found:
        example = f", such as {messages[0].text[:60]!r}" if messages else ""
        raise ValueError(f"none of {len(messages)} messages{example} matches {begins.pattern!r}")
    return found


def placed(pictures: Sequence[ShownPicture], place: ShownPicture) -> list[ShownPicture]:
    """Pictures with the place, zoom, pan and size of another one, where they have no place of their own."""
    return [
        replace(place, case_id=picture.case_id, begin_s=picture.begin_s, end_s=picture.end_s)
        if not picture.has_place
        else picture
        for picture in pictures
    ]


def is_place(picture: ShownPicture) -> bool:
    """Whether a row of a table says where a picture lies, and not when."""
    return picture.begin_s == -float("inf") and picture.end_s == float("inf")


def placed_by_name(pictures: Sequence[ShownPicture], places: Sequence[ShownPicture]) -> list[ShownPicture]:
    """Pictures with the places of those of the same name, with or without the ending of a file's name.

    Pictures without a place by their name, such as one of instructions, keep their own, if they have one.

    Raises:
        ValueError: two places of one name, or no picture has one.
    """
    by_name: dict[str, ShownPicture] = {}
    for place in places:
        if by_name.setdefault(place.case_id, place) is not place:
            raise ValueError(f"the table of pictures has two places of {place.case_id!r}")
    found, count = [], 0
    for picture in pictures:
        named = by_name.get(picture.case_id) or by_name.get(_FILE_ENDING.sub("", picture.case_id))
        count += named is not None
        found.append(picture if named is None else replace(named, begin_s=picture.begin_s, end_s=picture.end_s))
    if not count and pictures:
        raise ValueError(
            f"none of the pictures that were shown, such as {pictures[0].case_id!r}, is in the table of pictures, "
            f"which has {places[0].case_id!r}"
        )
    return found


def whole_recording(recording: GazeRecording, case_id: str) -> ShownPicture:
    """One picture that is shown throughout."""
    return ShownPicture(case_id, recording.begin_s)
