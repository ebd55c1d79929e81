"""The options with which exports of eye trackers are read, and their reading."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egaze.cli import progress
from egaze.cli.completing import FORMATS, registered
from egaze.errors import EgazeError, TableError

if TYPE_CHECKING:
    from egaze.gaze import GazeRecording, QualityLimits, Screen, ShownPicture
    from egaze.gaze.events import CommonSettings
    from egaze.gaze.importing import ImportedRecording
    from egaze.gaze.mapping import TableMapping

_NUMBER = r"(\d+(?:\.\d+)?)"
_SIGNED = r"(-?\d+(?:\.\d+)?)"
_MILLIMETRES = {"mm": 1.0, "cm": 10.0}


class _Screen(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """A screen: its resolution and, optionally, its visible area and its distance with their units."""

    name = "screen"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Screen:
        from egaze.gaze import Screen

        found = re.fullmatch(
            rf"(\d+)x(\d+)(?:px)?(?:,{_NUMBER}x{_NUMBER}(mm|cm))?(?:,{_NUMBER}(mm|cm))?", value.replace(" ", "")
        )
        if found is None:
            self.fail(
                f"expected pixels, size and distance such as 1920x1080,527x296mm,650mm, got {value!r}", param, ctx
            )
        size = [float(found[part]) * _MILLIMETRES[found[5]] if found[5] else None for part in (3, 4)]
        distance = float(found[6]) * _MILLIMETRES[found[7]] if found[7] else None
        try:
            return Screen(int(found[1]), int(found[2]), size[0], size[1], distance)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Numbers(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """Numbers in a pattern, such as WIDTHxHEIGHT."""

    name = "numbers"

    def __init__(self, pattern: str, example: str) -> None:
        self._pattern = re.compile(pattern)
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        found = self._pattern.fullmatch(value.replace(" ", ""))
        if found is None:
            self.fail(f"expected {self._example}, got {value!r}", param, ctx)
        return tuple(map(float, found.groups()))


class _Pattern(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """A regular expression."""

    name = "regex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> re.Pattern[str]:
        try:
            return value if isinstance(value, re.Pattern) else re.compile(value)
        except re.error as error:
            self.fail(f"{value!r} is no regular expression: {error}", param, ctx)


#: The types of options that are regular expressions or a screen.
REGEX, SCREEN = _Pattern(), _Screen()

_OPTIONS = (
    click.option(
        "--format",
        "format_name",
        metavar="NAME",
        shell_complete=registered("egaze.gaze_formats", FORMATS),
        help="The exports' format.  [default: told from the content]",
    ),
    click.option(
        "--mapping", "mapping_path", type=click.Path(path_type=Path), metavar="M.toml", help="A mapping file."
    ),
    click.option("--screen", type=SCREEN, metavar="WxH[,WxHmm[,Dmm]]", help="Pixels, size and distance of the screen."),
    click.option(
        "--picture",
        type=_Numbers(rf"{_SIGNED},{_SIGNED},{_NUMBER}x{_NUMBER}", "LEFT,TOP,WIDTHxHEIGHT such as 405,108,1110x865"),
        metavar="X,Y,WxH",
        help="Where pictures lay on the screen: left, top and size in px, if it was the same for all.",
    ),
    click.option(
        "--radiograph",
        type=_Numbers(rf"{_NUMBER}x{_NUMBER}", "WIDTHxHEIGHT such as 2544x3056"),
        metavar="WxH",
        help="How many px the radiographs have, if it is the same for all.  [default: as shown]",
    ),
    click.option(
        "--pictures",
        "pictures_path",
        type=click.Path(path_type=Path),
        metavar="TABLE",
        help="A table: case_id, left_px, top_px, width_px, height_px and, unless the export says when, begin_s, end_s.",
    ),
    click.option("--picture-message", type=REGEX, help="Messages by which a picture appears; a group is its name."),
    click.option("--end-message", type=REGEX, help="Messages by which a picture disappears."),
    click.option(
        "--targets",
        "targets_path",
        type=click.Path(path_type=Path),
        metavar="TABLE",
        help="A table of targets that readers looked at, for accuracy: begin_s, end_s, x_px, y_px; with case_id, x and "
        "y are on that picture.",
    ),
    click.option("--case-name", default="{picture}", show_default=True, help="How cases are called, with {file} too."),
    click.option("--eye", type=click.Choice(["left", "right", "both"]), help="Whose fixations are put on radiographs."),
)


def export_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the argument EXPORT... and the options that say how exports are read and where pictures lay."""
    for option in reversed(_OPTIONS):
        command = option(command)
    exports = click.argument("exports", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="EXPORT...")
    return exports(command)


def import_exports(
    exports: Sequence[Path],
    *,
    format_name: str | None,
    mapping_path: Path | None,
    screen: Screen | None,
    targets_path: Path | None,
    case_name: str,
    eye: Any,
    detect: str | None = None,
    settings: CommonSettings | None = None,
    limits: QualityLimits | None = None,
    **shown: Any,
) -> list[ImportedRecording]:
    """Read exports and put their gaze on the pictures that were shown, by the values of `export_options`.

    Raises:
        click.UsageError: options that exclude each other.
        EgazeError: as `read_recording` and `import_recording`.
    """
    from egaze.gaze.importing import import_recording
    from egaze.gaze.mapping import load_mapping
    from egaze.gaze.picture_tables import read_pictures
    from egaze.gaze.validation_targets import read_targets

    if mapping_path is not None and format_name is not None:
        raise click.UsageError(
            "--mapping describes a table of your own, and --format names a known one: give one of them"
        )
    if shown["end_message"] is not None and shown["picture_message"] is None:
        raise click.UsageError("--end-message needs --picture-message")
    if shown["radiograph"] is not None and shown["picture"] is None and shown["pictures_path"] is not None:
        raise click.UsageError("with --pictures, the table has columns radiograph_width_px and radiograph_height_px")
    mapping = None if mapping_path is None else load_mapping(mapping_path)
    by_file = {} if shown["pictures_path"] is None else read_pictures(shown["pictures_path"])
    targets = {} if targets_path is None else read_targets(targets_path)
    for table, rows in ((shown["pictures_path"], by_file), (targets_path, targets)):
        _require_files(rows, exports, table)
    imported = []
    with progress.bar("reading exports") as update:
        for place, path in enumerate(exports):
            update(place, len(exports))
            name, recording = _read(path, format_name, mapping)
            pictures = _pictures(path, recording, by_file, **shown)
            imported.append(
                import_recording(
                    path,
                    name,
                    recording,
                    screen=screen,
                    pictures=pictures,
                    case_name=case_name,
                    eye=eye,
                    detect=detect,
                    settings=settings,
                    limits=limits,
                    targets=[*targets.get(path.name, ()), *targets.get(None, ())],
                )
            )
    return imported


def method_settings(method: str, overrides: tuple[str, ...]) -> CommonSettings:
    """The settings of a method of `FIXATION_METHODS`, changed by KEY=VALUE."""
    from egaze.gaze.events import FIXATION_METHODS
    from egaze.settings import from_table, parse_override

    if method not in FIXATION_METHODS:
        raise click.BadParameter(f"{method!r} is none of {', '.join(FIXATION_METHODS)}", param_hint="'--detect'")
    table = dict(parse_override(override) for override in overrides)
    settings: CommonSettings = from_table(FIXATION_METHODS[method].settings, table, f"--set of {method}")
    return settings


def _read(path: Path, format_name: str | None, mapping: TableMapping | None) -> tuple[str, GazeRecording]:
    from egaze.gaze.formats import read_recording, recognised_format
    from egaze.gaze.mapped_table import read_by_mapping

    if mapping is not None:
        return "mapping", read_by_mapping(path, mapping)
    name = format_name or recognised_format(path)
    return name, read_recording(path, format=name)


def _require_files(by_file: Mapping[str | None, object], exports: Sequence[Path], table: Path | None) -> None:
    names = {path.name for path in exports}
    for name in by_file:
        if name is not None and name not in names:
            raise TableError(f"{table}: column 'file' holds {name!r}, which is none of the exports")


def _pictures(
    path: Path,
    recording: GazeRecording,
    by_file: dict[str | None, list[ShownPicture]],
    *,
    picture: tuple[float, ...] | None,
    radiograph: tuple[float, ...] | None,
    picture_message: re.Pattern[str] | None,
    end_message: re.Pattern[str] | None,
    **_: Any,
) -> list[ShownPicture]:
    """The pictures by the table of intervals, by messages, or as the export has them, with the place that is given."""
    from dataclasses import replace

    from egaze.gaze import ShownPicture
    from egaze.gaze.importing import stem_of
    from egaze.gaze.picture_tables import (
        is_place,
        pictures_from_messages,
        placed,
        placed_by_name,
        whole_recording,
    )

    try:
        shown = [*by_file.get(path.name, ()), *by_file.get(None, ())]
        if by_file and not shown:
            raise ValueError("the table of pictures has no row for it")
        if picture_message is None:
            named = list(recording.pictures)
        else:
            named = pictures_from_messages(recording.messages, picture_message, end_message)
        if not all(map(is_place, shown)):
            if picture_message is not None:
                raise ValueError("--picture-message and begin_s of --pictures both say when pictures were shown")
        elif named and shown:
            shown = placed_by_name(named, shown)
        elif len(shown) > 1:
            raise ValueError(
                "the table of pictures has no begin_s and end_s, and the export does not say which picture was shown: "
                "give --picture-message or these columns"
            )
        shown = shown or named
        if picture is not None:
            left_px, top_px, width_px, height_px = picture
            place = ShownPicture("", left_px=left_px, top_px=top_px, width_px=width_px, height_px=height_px)
            shown = placed(shown or [whole_recording(recording, stem_of(path))], place)
        if radiograph is not None:
            if not any(item.has_place for item in shown):
                raise ValueError(
                    "--radiograph needs to know where pictures lay on the screen: give --picture or --pictures"
                )
            width_px, height_px = radiograph
            shown = [replace(item, radiograph_width_px=width_px, radiograph_height_px=height_px) for item in shown]
    except ValueError as error:
        raise error if isinstance(error, EgazeError) else TableError(f"{path}: {error}") from error
    return shown
