"""EyeLink ASC, the text that SR Research's edf2asc writes from an EDF file.

Lines begin with the time of a sample in milliseconds, or with a word: MSG, START, END, SAMPLES, EVENTS, EFIX and others
(EyeLink 1000 Plus User Manual, "The ASC file format"). Between START and END is a block of continuous recording, for
which SAMPLES and EVENTS name the eyes and the rate. A lost eye has "." for its position. An EFIX line has the times of
the first and last sample and a duration that is one sample longer than their difference. Lines that begin with a blank
continue a table of calibration coefficients.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.gaze.exports.eyelink_validation import eyelink_validations
from egaze.gaze.exports.reading import first_lines, samples_of
from egaze.gaze.recording import Eye, GazeFormat, GazeRecording, GazeSamples, Message, RecordedFixations
from egaze.gaze.screen import Screen

if TYPE_CHECKING:
    import polars as pl

_SAMPLE = re.compile(r"\d+(\.\d+)?\t")
_SAMPLE_LINE = re.compile(r"\d+(\.\d+)?\t\s*(\.|-?[\d.]+)\t\s*(\.|-?[\d.]+)\t.*\.\.")
_EYES: dict[str, Eye] = {"LEFT": "left", "RIGHT": "right", "L": "left", "R": "right"}
_COORDS = re.compile(r"(DISPLAY_COORDS|GAZE_COORDS)\s*=?\s*" + r"\s+".join([r"(-?\d+(?:\.\d+)?)"] * 4) + r"\s*$")
#: Cells of a sample that hold the positions of one eye, or of both.
_CELLS = {1: ((1, 2),), 2: ((1, 2), (4, 5))}


def _matches(path: Path, head: bytes) -> bool:
    lines = [line for line in first_lines(head)[:40] if line]
    if any(line.startswith("** CONVERTED FROM") for line in lines[:3]):
        return True
    # With edf2asc's option to leave the header out there are samples only.
    return len(lines) > 1 and all(_SAMPLE_LINE.match(line) for line in lines[: len(lines) - 1])


def _read(path: Path) -> GazeRecording:
    from egaze.tables.lines import read_lines

    reading = _Reading(path)
    for first, lines in read_lines(path):
        reading.take(first, lines)
    return reading.recording()


#: The format for `egaze.gaze.GAZE_FORMATS`.
EYELINK = GazeFormat("EyeLink ASC", _matches, _read)


@dataclass(eq=False)
class _Reading:
    """What has been read of a file."""

    path: Path
    eyes: tuple[Eye, ...] = ()
    parts: list[tuple[tuple[Eye, ...], NDArray[np.float64]]] = field(default_factory=list)
    fixations: dict[Eye, list[tuple[float, float, float, float]]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    blocks_s: list[tuple[float, float]] = field(default_factory=list)
    begin_s: float | None = None
    rates_hz: set[float] = field(default_factory=set)
    screen_px: tuple[float, float, float, float] | None = None
    notes: list[str] = field(default_factory=list)
    has_header: bool = False
    samples: int = 0

    def take(self, first: int, lines: list[str]) -> None:
        """Take a block of lines whose first one has that number."""
        held: list[str] = []
        numbers: list[int] = []
        for number, line in enumerate(lines, first):
            if line[:1].isdigit():
                held.append(line)
                numbers.append(number)
                continue
            word = line.partition("\t")[0].partition(" ")[0]
            if word in ("START", "SAMPLES", "EVENTS", "END"):
                self._take_samples(numbers, held)
                held, numbers = [], []
            self._take_line(number, word, line)
        self._take_samples(numbers, held)

    def _take_line(self, number: int, word: str, line: str) -> None:
        words = line.split()
        where = f"{self.path}: line {number}"
        if word == "MSG":
            self._take_message(where, line)
        elif word == "EFIX":
            self._take_fixation(where, words)
        elif word == "START":
            self.begin_s = _number(where, words[1:2]) / 1e3
        elif word == "END" and self.begin_s is not None:
            self.blocks_s.append((self.begin_s, _number(where, words[1:2]) / 1e3))
            self.begin_s = None
        elif word in ("SAMPLES", "EVENTS"):
            if word == "SAMPLES" and "GAZE" not in words[1:2]:
                raise TableError(
                    f"{where}: samples are {words[1:2]}, not GAZE; convert the EDF file with gaze positions"
                )
            self.eyes = tuple(_EYES[name] for name in words if name in ("LEFT", "RIGHT"))
            if "RATE" in words:
                self.rates_hz.add(_number(where, words[words.index("RATE") + 1 :][:1]))
        elif word == "**":
            self.has_header = True

    def _take_message(self, where: str, line: str) -> None:
        words = line[3:].strip().split(maxsplit=1)
        text = words[1] if len(words) > 1 else ""
        self.messages.append(Message(_number(where, words[:1]) / 1e3, text))
        if (found := _COORDS.match(text)) and (self.screen_px is None or found[1] == "DISPLAY_COORDS"):
            self.screen_px = (float(found[2]), float(found[3]), float(found[4]), float(found[5]))

    def _take_fixation(self, where: str, words: list[str]) -> None:
        if len(words) < 7 or words[1] not in _EYES:
            raise TableError(
                f"{where}: is no fixation of EyeLink: expected an eye, two times, a duration and a position"
            )
        begin_ms, duration_ms = _number(where, words[2:3]), _number(where, words[4:5])
        x, y = (float("nan") if cell == "." else _number(where, [cell]) for cell in words[5:7])
        self.fixations.setdefault(_EYES[words[1]], []).append((begin_ms / 1e3, duration_ms / 1e3, x, y))

    def _take_samples(self, numbers: list[int], lines: list[str]) -> None:
        """Samples of one block: columns of time in s, then x and y for each eye."""
        import polars as pl

        from egaze.tables.text_limits import table_limits, too_many_samples

        if not lines:
            return
        self.samples += len(lines)
        if self.samples > (limit := table_limits().samples):
            raise too_many_samples(self.path, limit)
        cells = pl.Series(lines).str.split("\t")
        eyes = self.eyes or self._eyes_of(lines[0])
        needed = max(max(pair) for pair in _CELLS[len(eyes)]) + 2
        for place in (cells.list.len() < needed).arg_true()[:1]:
            raise TableError(
                f"{self.path}: line {numbers[place]} has {len(cells[place])} columns, a sample of {' and '.join(eyes)} "
                f"eye has {needed} or more"
            )
        columns = [self._column(numbers, cells, 0, lost=False) / 1e3]
        for pair in _CELLS[len(eyes)]:
            columns += [self._column(numbers, cells, cell, lost=True) for cell in pair]
        part = np.stack(columns)
        earlier = self.parts[-1][1][0, -1] if self.parts else -np.inf
        for place in np.flatnonzero(np.diff(part[0], prepend=earlier) < 0)[:1]:
            raise TableError(
                f"{self.path}: line {numbers[place]} is at {part[0, place] * 1e3:g} ms, before the sample above: "
                "the clock runs back"
            )
        self.parts.append((eyes, part))

    def _column(self, numbers: list[int], cells: pl.Series, cell: int, *, lost: bool) -> NDArray[np.float64]:
        import polars as pl

        texts = cells.list.get(cell).str.strip_chars()
        values = texts.cast(pl.Float64, strict=False)
        wrong = values.is_null() & (texts != ".") if lost else values.is_null()
        for place in (wrong | (values.is_infinite() | values.is_nan()).fill_null(False)).arg_true()[:1]:
            raise TableError(f"{self.path}: line {numbers[place]} holds {texts[place]!r}, expected a number")
        found: NDArray[np.float64] = values.fill_null(float("nan")).to_numpy()
        return found

    def _eyes_of(self, line: str) -> tuple[Eye, ...]:
        """The eyes of samples without a header, by the number of their cells."""
        if not any("without a header" in note for note in self.notes):
            self.notes.append("samples without a header: the screen and the stated rate are unknown")
        return ("left", "right") if line.count("\t") >= 7 else ("unknown",)

    def recording(self) -> GazeRecording:
        origin, screen = self._screen()
        samples = self._samples(origin)
        fixations = tuple(
            RecordedFixations(eye, *np.array(sorted(rows)).T[:2], *(np.array(sorted(rows)).T[2:] - np.c_[list(origin)]))
            for eye, rows in sorted(self.fixations.items())
        )
        if not samples:
            self.notes.append("no samples: it was converted with events only")
        if self.begin_s is not None and samples:
            self.notes.append("the last block has no END: the file is cut off")
            self.blocks_s.append((self.begin_s, float(samples[0].time_s[-1])))
        rate = max(self.rates_hz) if len(self.rates_hz) == 1 else None
        if len(self.rates_hz) > 1:
            self.notes.append(f"the rate changes: {', '.join(f'{hz:g}' for hz in sorted(self.rates_hz))} Hz")
        return GazeRecording(
            samples,
            fixations,
            tuple(self.messages),
            screen,
            rate,
            tuple(self.notes),
            blocks_s=tuple(self.blocks_s),
            validations=eyelink_validations(self.messages),
        )

    def _screen(self) -> tuple[tuple[float, float], Screen]:
        """The position of the top left pixel, and the screen."""
        if self.screen_px is None:
            return (0.0, 0.0), Screen()
        left, top, right, bottom = self.screen_px
        # GAZE_COORDS are written with edges, 0 to 1920, or as DISPLAY_COORDS are, with pixels, 0 to 1919.
        width, height = (int(side) + int(side) % 2 for side in (right - left, bottom - top))
        if (left, top) != (0, 0):
            self.notes.append(f"the screen's top left pixel is {left:g}, {top:g}, from which positions are counted")
        return (left, top), Screen(width, height) if width > 0 and height > 0 else Screen()

    def _samples(self, origin: tuple[float, float]) -> tuple[GazeSamples, ...]:
        """One entry for each eye; where a block did not record it, its samples are lost."""
        if not self.parts:
            return ()
        time_s = self._halved(np.concatenate([part[0] for _, part in self.parts]))
        found = []
        for eye in dict.fromkeys(eye for eyes, _ in self.parts for eye in eyes):
            pieces = [
                part[1 + 2 * eyes.index(eye) :][:2] if eye in eyes else np.full((2, part.shape[1]), np.nan)
                for eyes, part in self.parts
            ]
            x, y = np.concatenate(pieces, axis=1)
            found.append(samples_of(eye, time_s, x - origin[0], y - origin[1], "px"))
            if not found[-1].is_valid.any():
                self.notes.append(f"the {eye} eye is never there")
        return tuple(found)

    def _halved(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Times at 2000 Hz that are written as whole milliseconds, two samples on each, half a millisecond apart."""
        twice = np.diff(time_s, prepend=-np.inf) == 0
        if max(self.rates_hz, default=0.0) != 2000 or not twice.any():
            return time_s
        self.notes.append("two samples share each millisecond at 2000 Hz: the second is put half a millisecond later")
        return time_s + np.where(twice, 0.0005, 0.0)


def _number(where: str, words: list[str]) -> float:
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise TableError(f"{where}: holds {(words or [''])[0]!r}, expected a number")
    return value
