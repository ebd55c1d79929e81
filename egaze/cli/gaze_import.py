"""`egaze gaze import`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egaze.cli import progress
from egaze.cli.text import count_text
from egaze.errors import EgazeError, TableError

if TYPE_CHECKING:
    from egaze.gaze import GazeRecording, Screen, ShownPicture
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


@click.command()
@click.argument("exports", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="EXPORT...")
@click.option("--format", "format_name", metavar="NAME", help="The exports' format.  [default: told from the content]")
@click.option("--mapping", "mapping_path", type=click.Path(path_type=Path), metavar="M.toml", help="A mapping file.")
@click.option("--screen", type=_Screen(), metavar="WxH[,WxHmm[,Dmm]]", help="Pixels, size and distance of the screen.")
@click.option(
    "--picture",
    type=_Numbers(rf"{_SIGNED},{_SIGNED},{_NUMBER}x{_NUMBER}", "LEFT,TOP,WIDTHxHEIGHT such as 405,108,1110x865"),
    metavar="X,Y,WxH",
    help="Where pictures lay on the screen: left, top and size in px, if it was the same for all.",
)
@click.option(
    "--radiograph",
    type=_Numbers(rf"{_NUMBER}x{_NUMBER}", "WIDTHxHEIGHT such as 2544x3056"),
    metavar="WxH",
    help="How many px the radiographs have, if it is the same for all.  [default: as shown]",
)
@click.option(
    "--pictures",
    "pictures_path",
    type=click.Path(path_type=Path),
    metavar="TABLE",
    help="A table of intervals: case_id, begin_s, end_s, left_px, top_px, width_px, height_px, zoom and others.",
)
@click.option("--picture-message", type=_Pattern(), help="Messages by which a picture appears; a group is its name.")
@click.option("--end-message", type=_Pattern(), help="Messages by which a picture disappears.")
@click.option("--case-name", default="{picture}", show_default=True, help="How cases are called, with {file} too.")
@click.option("--eye", type=click.Choice(["left", "right", "both"]), help="Whose fixations are put on radiographs.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder for the files.  [default: none]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
def command(
    exports: tuple[Path, ...],
    format_name: str | None,
    mapping_path: Path | None,
    screen: Screen | None,
    out: Path | None,
    as_json: bool,
    **shown: Any,
) -> None:
    """Read exports of eye trackers.

    Formats are told from the content: Tobii Pro Lab, Studio, SDK and Glasses, Gazepoint, EyeLink ASC, SMI BeGaze, Pupil
    Labs, and BIDS; a mapping file describes any other table. docs/own-tracker.md shows the way to a study.

    With --out, DIR gets NAME.samples.parquet and NAME.fixations.parquet for each export, recordings.json, and, if it is
    known where the pictures lay on the screen, fixations.csv with the fixations in pixels of the radiographs. The
    fixations are those of the export; samples without them are not made into fixations here.

    \b
    Example:
      egaze gaze import reading.asc
      egaze gaze import reading.csv --screen 1920x1080,527x296mm,650mm --picture 405,108,1110x865 --out gaze
      egaze gaze import *.asc --pictures shown.csv --case-name '{file}-{picture}' --out gaze
      egaze prepare table cases.csv --fixations gaze/fixations.csv --out study
    """
    from egaze.atomic import require_folder
    from egaze.gaze.imported_files import facts_of, write_imported
    from egaze.gaze.importing import import_recording
    from egaze.gaze.mapping import load_mapping
    from egaze.gaze.picture_tables import read_pictures

    if mapping_path is not None and format_name is not None:
        raise click.UsageError(
            "--mapping describes a table of your own, and --format names a known one: give one of them"
        )
    if shown["end_message"] is not None and shown["picture_message"] is None:
        raise click.UsageError("--end-message needs --picture-message")
    if shown["pictures_path"] is not None and shown["picture_message"] is not None:
        raise click.UsageError(
            "--pictures and --picture-message both say which picture was shown when: give one of them"
        )
    if shown["radiograph"] is not None and shown["picture"] is None and shown["pictures_path"] is not None:
        raise click.UsageError("with --pictures, the table has columns radiograph_width_px and radiograph_height_px")
    if out is not None:
        require_folder(out)
    mapping = None if mapping_path is None else load_mapping(mapping_path)
    by_file = {} if shown["pictures_path"] is None else read_pictures(shown["pictures_path"])
    _require_files(by_file, exports, shown["pictures_path"])
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
                    case_name=shown["case_name"],
                    eye=shown["eye"],
                )
            )
    written = [] if out is None else write_imported(imported, out)
    for item in imported:
        if as_json:
            click.echo(json.dumps(facts_of(item), ensure_ascii=False))
        else:
            _print(item)
    if written and not as_json:
        click.echo(f"{out}: {', '.join(path.name for path in written)}")


def _read(path: Path, format_name: str | None, mapping: TableMapping | None) -> tuple[str, GazeRecording]:
    from egaze.gaze.formats import read_recording, recognised_format
    from egaze.gaze.mapped_table import read_by_mapping

    if mapping is not None:
        return "mapping", read_by_mapping(path, mapping)
    name = format_name or recognised_format(path)
    return name, read_recording(path, format=name)


def _require_files(by_file: dict[str | None, Any], exports: tuple[Path, ...], table: Path | None) -> None:
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
    from egaze.gaze.picture_tables import pictures_from_messages, placed, whole_recording

    try:
        shown = [*by_file.get(path.name, ()), *by_file.get(None, ())]
        if by_file and not shown:
            raise ValueError("the table of pictures has no row for it")
        if picture_message is not None:
            shown = pictures_from_messages(recording.messages, picture_message, end_message)
        shown = shown or list(recording.pictures)
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


def _print(item: ImportedRecording) -> None:
    summary = item.summary
    parts = []
    if summary.samples:
        rate = "" if summary.rate_hz is None else f" at {summary.rate_hz:.4g} Hz"
        parts.append(f"{count_text(summary.samples, 'sample')}{rate}, {summary.valid:,} valid")
    parts.append(f"{summary.duration_s:.3f} s")
    of = f" of the {summary.eye} eye" if summary.eye in ("left", "right") else ""
    parts.append(f"{count_text(summary.fixations, 'fixation')}{of}")
    if item.fixations_on_pictures is not None:
        cases = item.fixations_on_pictures["case_id"].n_unique()
        parts.append(f"{len(item.fixations_on_pictures):,} on {count_text(cases, 'picture')}")
    click.echo(f"{item.path}: {item.format}: {', '.join(parts)}")
    if item.check is not None and item.check.positions:
        click.echo(f"  {100 * item.check.on_picture_frac:.1f} % of gaze while pictures are shown lies on them")
    if not progress.is_quiet():
        for note in summary.notes:
            click.echo(f"  {note}")
