"""A recording put on the pictures that were shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from egaze.errors import TableError
from egaze.gaze.detecting import with_detected_fixations
from egaze.gaze.events import CommonSettings, DetectedFixations
from egaze.gaze.map_check import MapCheck, check_map
from egaze.gaze.quality import GazeQuality, measure_quality
from egaze.gaze.quality_limits import QualityLimits, quality_marks
from egaze.gaze.recording import Eye, GazeRecording, GazeSamples, RecordedFixations
from egaze.gaze.screen import Screen
from egaze.gaze.shown_picture import ShownPicture, picture_at, require_apart
from egaze.gaze.summary import RecordingSummary, chosen_fixations, chosen_samples, summarize_recording
from egaze.gaze.validation_targets import ValidationTarget, measure_at_targets

if TYPE_CHECKING:
    import polars as pl

#: The columns of the part of the picture that was shown, in the order of `ShownPicture.part_px`.
_PART = ("x_min_shown_px", "y_min_shown_px", "x_max_shown_px", "y_max_shown_px")
_ROW = ("case_id", "x_px", "y_px", "duration_s", "onset_s", "pixels_per_degree", *_PART)
#: Pixels per degree along x and y that differ by more than this share are noted: the table has one column for both.
_SQUARE = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class ImportedRecording:
    """One export, ready to be written.

    Attributes:
        path: the export.
        format: its name in `egaze.gaze.GAZE_FORMATS`, or "mapping".
        summary: in numbers; its notes include those of the map.
        recording: in pixels of the screen if that is known, else as read.
        pictures: apart and in time order.
        check: what gaze says of the map, or None if no picture has a place.
        fixations_on_pictures: rows of fixations.csv; None if no picture with a place is known.
        detected: the fixations that were found in the samples; None if they are the export's own.
        quality: of the samples; None without any.
        marks: the limits of quality that it passes, one sentence each.
    """

    path: Path
    format: str
    summary: RecordingSummary
    recording: GazeRecording
    pictures: tuple[ShownPicture, ...]
    check: MapCheck | None
    fixations_on_pictures: pl.DataFrame | None = field(repr=False)
    detected: DetectedFixations | None = field(default=None, repr=False)
    quality: GazeQuality | None = field(default=None, repr=False)
    marks: tuple[str, ...] = ()


def import_recording(
    path: Path,
    format: str,
    recording: GazeRecording,
    *,
    screen: Screen | None = None,
    pictures: Sequence[ShownPicture] = (),
    case_name: str = "{picture}",
    eye: Eye | None = None,
    detect: str | None = None,
    settings: CommonSettings | None = None,
    limits: QualityLimits | None = None,
    targets: Sequence[ValidationTarget] = (),
) -> ImportedRecording:
    """Put a recording on the pictures that were shown.

    Args:
        path: the export, for messages and names.
        format: the name of its format.
        recording: as read.
        screen: completes what the export says of the screen.
        pictures: which picture was shown when and where; none takes those that the export itself has.
        case_name: how cases are called; {picture} is the picture's name, and {file} the export's, without its ending.
        eye: whose fixations are put on pictures; None chooses as `chosen_fixations` does.
        detect: the method of `FIXATION_METHODS` that finds the fixations in the samples; None takes the export's own.
        settings: of the method; None for its defaults.
        limits: that mark a recording's quality; None for the defaults.
        targets: that the reader was asked to look at; gaze at them is a validation beside those of the export.

    Raises:
        TableError: two pictures or targets at once, targets at which no gaze can be measured, an eye without fixations,
            a place on the screen for gaze that is on none or for fractions of a screen of unknown size, or samples in
            which no fixations can be looked for; one line that begins with the path.
    """
    screen = screen or Screen()
    whole = recording.screen.completed(screen)
    notes: list[str] = []
    try:
        for name in ("width_px", "height_px"):
            own, given = getattr(recording.screen, name), getattr(screen, name)
            if own is not None and given is not None and own != given:
                raise ValueError(f"the export says that {name} of the screen is {own}, not {given} (--screen)")
        shown = tuple(require_apart(pictures or recording.pictures))
        is_placed = any(picture.has_place for picture in shown)
        if detect or is_placed or targets or (recording.plane != "scene camera" and _can_be_pixels(recording, whole)):
            recording = recording.in_pixels(screen)
        detected = None
        if detect is not None:
            recording, detected = with_detected_fixations(recording, detect, settings, eye=eye)
        summary = summarize_recording(recording, eye)
        check = _check(recording, shown, whole, eye) if is_placed else None
        rows = _on_pictures(recording, shown, whole, case_name, path, eye, notes) if is_placed else None
        left_out: list[str] = []
        if targets:
            own, left_out = measure_at_targets(recording, targets, shown, whole)
            recording = replace(recording, validations=(*recording.validations, *own))
        quality = measure_quality(recording, shown, check, eye=eye)
        if quality is not None and left_out:
            quality = replace(quality, unknown=quality.unknown | {"targets": "; ".join(left_out)})
    except ValueError as error:
        raise TableError(f"{path}: {error}") from error
    if recording.samples and not recording.fixations:
        notes.append("the export has samples and no fixations: --detect finds them")
    if check is not None:
        notes += check.warnings()
    elif summary.fixations and recording.plane != "scene camera":
        notes.append(
            "where the pictures lay on the screen is unknown, so no fixation is put on a picture: give the place "
            "(--picture or --pictures)"
        )
    summary = replace(summary, notes=(*summary.notes, *notes))
    marks = () if quality is None else tuple(quality_marks(quality, limits))
    return ImportedRecording(path, format, summary, recording, shown, check, rows, detected, quality, marks)


def samples_measured(item: ImportedRecording) -> GazeSamples | None:
    """The samples that an import's quality is of; None without any."""
    return next((each for each in item.recording.samples if item.quality and each.eye == item.quality.eye), None)


def _can_be_pixels(recording: GazeRecording, screen: Screen) -> bool:
    """Whether the positions are in pixels already or the screen's measures suffice."""
    units = {item.unit for item in recording.samples} | {item.unit for item in recording.fixations}
    try:
        for unit in units:
            screen.in_pixels(np.zeros(1), np.zeros(1), unit)
    except ValueError:
        return False
    return True


def _check(recording: GazeRecording, shown: Sequence[ShownPicture], screen: Screen, eye: Eye | None) -> MapCheck:
    if (samples := chosen_samples(recording, eye)) is not None:
        return check_map(shown, screen, samples.time_s, samples.x_px, samples.y_px)
    fixations = chosen_fixations(recording, eye)
    if fixations is None:
        return MapCheck(0, float("nan"), {})
    return check_map(shown, screen, fixations.onset_s, fixations.x_px, fixations.y_px)


def _on_pictures(
    recording: GazeRecording,
    shown: Sequence[ShownPicture],
    screen: Screen,
    case_name: str,
    path: Path,
    eye: Eye | None,
    notes: list[str],
) -> pl.DataFrame:
    """The rows of fixations.csv, in time order: fixations that begin while a picture with a known place is shown."""
    import polars as pl

    schema = {name: pl.String if name == "case_id" else pl.Float64 for name in _ROW}
    fixations = chosen_fixations(recording, eye)
    if fixations is None:
        none = np.empty(0)
        fixations = RecordedFixations("both", none, none, none, none)
    index = picture_at(shown, fixations.onset_s)
    first_s: dict[str, float] = {}
    for picture in shown:
        first_s.setdefault(picture.case_id, picture.begin_s)
    found = np.isfinite(fixations.x) & np.isfinite(fixations.y)
    lasts = fixations.duration_s > 0
    has_place = np.array([*(picture.has_place for picture in shown), False])[index]
    kept = has_place & found & lasts
    _count(notes, int((index < 0).sum()), "while no picture is shown")
    _count(notes, int(((index >= 0) & ~has_place).sum()), "on a picture whose place is unknown")
    _count(notes, int((has_place & ~found).sum()), "without a position")
    _count(notes, int((has_place & found & ~lasts).sum()), "without a duration")
    frames = [pl.DataFrame(schema=schema)]
    cut = 0
    for place, picture in enumerate(shown):
        chosen = np.flatnonzero(kept & (index == place))
        if not len(chosen):
            continue
        onset_s, duration_s = fixations.onset_s[chosen], fixations.duration_s[chosen]
        lasts_s = np.minimum(duration_s, picture.end_s - onset_s)
        cut += int((lasts_s < duration_s).sum())
        x_px, y_px = picture.on_picture(fixations.x_px[chosen], fixations.y_px[chosen])
        begin_s = max(first_s[picture.case_id], recording.begin_s)
        frames.append(
            pl.DataFrame(
                {
                    "case_id": [_case_id(case_name, picture, path)] * len(chosen),
                    "x_px": x_px,
                    "y_px": y_px,
                    "duration_s": lasts_s,
                    "onset_s": onset_s - begin_s,
                    "pixels_per_degree": [_pixels_per_degree(picture, screen, notes)] * len(chosen),
                    **{name: [side] * len(chosen) for name, side in zip(_PART, picture.part_px, strict=True)},
                },
                schema=schema,
            )
        )
    if cut:
        lasts_on = f"{cut} fixations last" if cut > 1 else "1 fixation lasts"
        notes.append(f"{lasts_on} beyond the picture's end, where {'they are' if cut > 1 else 'it is'} cut off")
    if any(picture.radiograph_width_px is None for picture in shown if picture.has_place):
        width_px, height_px = next(picture.size_px for picture in shown if picture.has_place)
        notes.append(
            f"positions are in pixels of the picture as shown, {width_px:g}x{height_px:g} for the first: put that "
            "size into radiograph_width_px and radiograph_height_px of cases.csv, or give the radiograph's own "
            "(--radiograph)"
        )
    rows = pl.concat(frames)
    if not any(picture.is_cut for picture in shown if picture.has_place):
        rows = rows.drop(_PART)
    return rows.drop("pixels_per_degree") if rows["pixels_per_degree"].has_nulls() or rows.is_empty() else rows


def _count(notes: list[str], count: int, where: str) -> None:
    if count:
        many = "s" if count > 1 else ""
        notes.append(f"{count} fixation{many} {where} {'are' if many else 'is'} left out of fixations.csv")


def _case_id(case_name: str, picture: ShownPicture, path: Path) -> str:
    return case_name.replace("{file}", stem_of(path)).replace("{picture}", picture.case_id)


def stem_of(path: Path) -> str:
    """The name of an export without its endings."""
    name = path.name
    for ending in (".gz", ".tsv", ".csv", ".txt", ".asc", ".json"):
        name = name.removesuffix(ending)
    return name or path.name


def _pixels_per_degree(picture: ShownPicture, screen: Screen, notes: list[str]) -> float | None:
    """Pixels of the picture per degree, along x."""
    across = screen.pixels_per_degree
    if across is None:
        return None
    scale_x, scale_y = picture.scale
    if abs(scale_x / scale_y - 1) > _SQUARE:
        said = (
            f"picture {picture.case_id!r} is shown {scale_x / scale_y:.3g} times as wide as high; degrees are along x"
        )
        if said not in notes:
            notes.append(said)
    return across * scale_x
