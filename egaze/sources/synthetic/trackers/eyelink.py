"""edf2asc's text of an EyeLink recording: two eyes, blocks, blinks, points for lost samples, and messages.

Messages have the validation before the session, with the tracker's true error, a drift check before each radiograph,
and which radiograph was shown. Fixations are those of the left eye, as the tracker's parser would write them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egaze.sources.synthetic.trackers.session import SCREEN, Reading, Session

_TARGETS = tuple((x, y) for y in (540, 92, 988) for x in (960, 115, 1805))


def write(folder: Path, session: Session) -> Path:
    """Write NAME.asc."""
    lines = ["** CONVERTED FROM session.edf using edfapi", "** EYELINK II 1", "**", ""]
    begin_ms = _ms(session.time_s[0])
    lines += [f"MSG\t{begin_ms} DISPLAY_COORDS 0 0 {SCREEN.width_px - 1} {SCREEN.height_px - 1}"]  # type: ignore[operator]  # known
    lines += _validation(begin_ms, session)
    for reading in session.readings:
        lines += _block(session, reading)
    path = folder / f"{session.reader}.asc"
    path.write_text("\n".join([*lines, ""]), encoding="ascii")
    return path


def _ms(time_s: float) -> int:
    return round(float(time_s) * 1e3)


def _validation(at_ms: int, session: Session) -> list[str]:
    off_deg = _degrees(session.offset_px)
    lines = [
        f"MSG\t{at_ms} !CAL VALIDATION HV9 LR {eye} GOOD ERROR {off_deg:.2f} avg. {off_deg:.2f} max  "
        f"OFFSET {off_deg:.2f} deg. {_pair(session.offset_px)} pix."
        for eye in ("LEFT ", "RIGHT")
    ]
    for number, (x, y) in enumerate(_TARGETS):
        lines += [
            f"MSG\t{at_ms} VALIDATE LR 4POINT {number} {eye} at {x},{y}  OFFSET {off_deg:.2f} deg.  "
            f"{_pair(session.offset_px)} pix."
            for eye in ("LEFT ", "RIGHT")
        ]
    return lines


def _block(session: Session, reading: Reading) -> list[str]:
    """A block of samples from a little before the radiograph appears until it disappears."""
    begin_s, end_s = reading.shown.begin_s, reading.shown.end_s
    chosen = np.flatnonzero((session.time_s >= begin_s - 0.1) & (session.time_s < end_s))
    times_ms = [_ms(value) for value in session.time_s[chosen]]
    offset = f"{_degrees(session.offset_px):.2f} deg.  {_pair(session.offset_px)} pix."
    first = [
        *(f"MSG\t{times_ms[0] - 40} DRIFTCORRECT LR {eye} at 960,540  OFFSET {offset}" for eye in ("LEFT ", "RIGHT")),
        f"START\t{times_ms[0]} \tLEFT\tRIGHT\tSAMPLES\tEVENTS",
        "PRESCALER\t1",
        "PUPIL\tAREA",
        f"EVENTS\tGAZE\tLEFT\tRIGHT\tRATE\t {session.rate_hz:.2f}\tTRACKING\tCR\tFILTER\t2",
        f"SAMPLES\tGAZE\tLEFT\tRIGHT\tRATE\t {session.rate_hz:.2f}\tTRACKING\tCR\tFILTER\t2",
    ]
    timed = [(time_ms, 1, line) for time_ms, line in zip(times_ms, _samples(session, chosen, times_ms), strict=True)]
    timed.append((_ms(begin_s), 0, f"MSG\t{_ms(begin_s)} IMAGE {reading.shown.case_id}"))
    timed += [(_ms(onset + lasts), 2, line) for onset, lasts, line in _fixations(session, reading)]
    lines = [line for _, _, line in sorted(timed, key=lambda item: item[:2])]
    end_ms = times_ms[-1] + round(1e3 / session.rate_hz)
    return [*first, *lines, f"MSG\t{_ms(end_s)} CLEAR", f"END\t{end_ms} \tSAMPLES\tEVENTS\tRES\t  41.34\t  41.39"]


def _samples(session: Session, chosen: np.ndarray, times_ms: list[int]) -> list[str]:
    eyes = [_cells(eye[chosen]) for eye in (session.left_px, session.right_px)]
    return [f"{time_ms}\t{left}\t{right}\t....." for time_ms, left, right in zip(times_ms, *eyes, strict=True)]


def _cells(eye_px: np.ndarray) -> list[str]:
    """x, y and pupil of each sample; a lost one has points and no pupil."""
    return ["   .\t   .\t    0.0" if np.isnan(x) else f"{x:7.1f}\t{y:7.1f}\t 1032.0" for x, y in eye_px.tolist()]


def _fixations(session: Session, reading: Reading) -> list[tuple[float, float, str]]:
    """The ends of fixations of the left eye, with their lines."""
    lines = []
    step_ms = round(1e3 / session.rate_hz)
    for onset_s, duration_s, x, y in zip(reading.onset_s, reading.duration_s, reading.x_px, reading.y_px, strict=True):
        begin_ms, end_ms = _ms(onset_s), _ms(onset_s + duration_s)
        line = f"EFIX L   {begin_ms}\t{end_ms}\t{end_ms - begin_ms + step_ms}\t {x:7.1f}\t {y:7.1f}\t   1032"
        lines.append((float(onset_s), float(duration_s), line))
    return lines


def _degrees(offset_px: np.ndarray) -> float:
    return float(np.hypot(*offset_px) / (SCREEN.pixels_per_degree or 1))


def _pair(offset_px: np.ndarray) -> str:
    return f"{offset_px[0]:.1f},{offset_px[1]:.1f}"
