"""SMI BeGaze: event statistics, with fixations, and raw samples, as text.

Both begin with lines of facts, with or without "## ". Times are in microseconds. In events, rows of five kinds have
different columns, which lines "Table Header for ..." name, and both eyes' rows repeat the same fixation in most
recordings. In samples a row of the type SMP has the columns of the header, and one of the type MSG a message; the
point of regard is in "L POR X [px]" and so on (BeGaze Manual, "Export raw data"), and 0.00, 0.00 of a lost eye is no
position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from egaze.errors import TableError
from egaze.gaze.exports.reading import first_lines, samples_of
from egaze.gaze.recording import Eye, GazeFormat, GazeRecording, GazeSamples, Message, RecordedFixations
from egaze.gaze.screen import Screen
from egaze.tables.text_limits import table_limits, too_many_samples

_EYES: dict[str, Eye] = {"L": "left", "R": "right"}
_SIGN = re.compile(r"(## )?\[(BeGaze|iView)\]")
_EVENTS = "Table Header for Fixations:"
_FIXATION_COLUMNS = ("Event Type", "Trial", "Number", "Start", "End", "Duration", "Location X", "Location Y")


def _matches(path: Path, head: bytes) -> bool:
    return bool(_SIGN.match(first_lines(head)[0]))


def _read(path: Path) -> GazeRecording:
    from egaze.tables.lines import read_lines

    reading = _Reading(path, table_limits().samples)
    for first, lines in read_lines(path):
        for number, line in enumerate(lines, first):
            reading.take(number, line)
    return reading.recording()


#: The format for `egaze.gaze.GAZE_FORMATS`.
SMI = GazeFormat("SMI BeGaze, events and samples as text", _matches, _read)


@dataclass(eq=False)
class _Reading:
    """What has been read of a file."""

    path: Path
    limit: int
    facts: dict[str, str] = field(default_factory=dict)
    header: list[str] | None = None
    delimiter: str = ","
    above: str = ""
    is_events: bool = False
    fixations: dict[Eye, list[tuple[float, ...]]] = field(default_factory=dict)
    times_s: list[float] = field(default_factory=list)
    positions: dict[Eye, list[tuple[float, float]]] = field(default_factory=dict)
    columns: dict[Eye, tuple[int, int]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def take(self, number: int, line: str) -> None:
        where = f"{self.path}: line {number}"
        if self.above == _EVENTS:
            self._take_event_header(where, line)
        elif self.is_events and line.startswith(("Fixation L", "Fixation R")):
            self._take_fixation(where, line.split(","))
        elif self.is_events and line.startswith("UserEvent,"):
            cells = line.split(",", 4)
            if len(cells) == 5:
                self.messages.append(
                    Message(_number(where, cells[3]) / 1e6, cells[4].removeprefix("# Message:").strip())
                )
        elif line.startswith("Time") and self.header is None and not self.is_events:
            self._take_sample_header(line)
        elif self.header is not None and line:
            self._take_sample(where, line.split(self.delimiter))
        else:
            name, colon, value = line.removeprefix("## ").partition(":")
            if colon and self.header is None:
                self.facts.setdefault(name.strip(), value.strip())
        self.above = line

    def _take_event_header(self, where: str, line: str) -> None:
        self.is_events = True
        if tuple(line.split(",")[: len(_FIXATION_COLUMNS)]) != _FIXATION_COLUMNS:
            raise TableError(
                f"{where}: fixations have the columns {line[:80]!r}; expected {', '.join(_FIXATION_COLUMNS)}: an "
                "export of another version?"
            )

    def _take_fixation(self, where: str, cells: list[str]) -> None:
        if len(cells) < len(_FIXATION_COLUMNS):
            raise TableError(f"{where}: has {len(cells)} cells, a fixation has {len(_FIXATION_COLUMNS)} or more")
        if cells[0] not in ("Fixation L", "Fixation R"):
            raise TableError(f"{where}: holds {cells[0][:40]!r}, expected Fixation L or Fixation R")
        start, _, duration, x, y = (_number(where, cell) for cell in cells[3:8])
        self.fixations.setdefault(_EYES[cells[0][-1]], []).append((start / 1e6, duration / 1e6, x, y))

    def _take_sample_header(self, line: str) -> None:
        self.delimiter = max(";\t,", key=line.count)
        self.header = [name.strip() for name in line.split(self.delimiter)]
        for letter, eye in _EYES.items():
            names = [f"{letter} POR {axis} [px]" for axis in "XY"]
            if all(name in self.header for name in names):
                self.columns[eye] = (self.header.index(names[0]), self.header.index(names[1]))
                self.positions[eye] = []

    def _take_sample(self, where: str, cells: list[str]) -> None:
        assert self.header is not None
        time_s = _number(where, cells[0]) / 1e6
        if len(cells) > 1 and cells[1] == "MSG":
            self.messages.append(Message(time_s, self.delimiter.join(cells[3:]).removeprefix("# Message:").strip()))
            return
        if len(cells) != len(self.header):
            raise TableError(f"{where}: has {len(cells)} cells, the header has {len(self.header)}")
        if self.times_s and time_s < self.times_s[-1]:
            raise TableError(f"{where}: is at {time_s:.6f} s, before the sample above: the clock runs back")
        if len(self.times_s) >= self.limit:
            raise too_many_samples(self.path, self.limit)
        self.times_s.append(time_s)
        for eye, (x, y) in self.columns.items():
            self.positions[eye].append((_number(where, cells[x]), _number(where, cells[y])))

    def recording(self) -> GazeRecording:
        notes: list[str] = []
        if self.header is not None and not self.columns:
            raise TableError(
                f"{self.path}: {len(self.times_s)} samples of SMI without gaze: it has no columns 'L POR X [px]' or "
                "'R POR X [px]'; export the point of regard"
            )
        fixations = tuple(RecordedFixations(eye, *np.array(rows).T) for eye, rows in sorted(self.fixations.items()))
        if len(fixations) == 2:
            one, two = ({(row[0], *row[2:]) for row in rows} for rows in self.fixations.values())
            same = len(one & two)
            notes.append(f"both eyes have fixations, of which {same} are the same: count one eye")
        samples = tuple(self._samples(eye, notes) for eye in self.columns)
        rate = self.facts.get("Sample Rate", "")
        return GazeRecording(
            samples,
            fixations,
            tuple(self.messages),
            self._screen(),
            float(rate) if re.fullmatch(r"\d+(\.\d+)?", rate) and float(rate) > 0 else None,
            tuple(notes),
        )

    def _samples(self, eye: Eye, notes: list[str]) -> GazeSamples:
        x, y = np.array(self.positions[eye]).reshape(-1, 2).T
        found = samples_of(eye, np.array(self.times_s), x, y, "px", (x != 0) | (y != 0))
        if not found.is_valid.any():
            notes.append(f"the {eye} eye is never there")
        return found

    def _screen(self) -> Screen:
        area = re.fullmatch(r"(\d+)\s+(\d+)", self.facts.get("Calibration Area", ""))
        return Screen(int(area[1]), int(area[2])) if area and int(area[1]) and int(area[2]) else Screen()


def _number(where: str, cell: str) -> float:
    try:
        value = float(cell.strip())
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise TableError(f"{where}: holds {cell[:40]!r}, expected a number")
    return value
