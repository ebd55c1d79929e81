"""What is left of a case once its radiograph is on disk: the rows that go into the tables."""

from __future__ import annotations

from dataclasses import dataclass

from egaze.sources.synthetic.landmarks import Boxes
from egaze.sources.synthetic.reader import Scanpath
from egaze.sources.synthetic.report import Report

#: A record of master_sheet.csv by column.
SheetRow = dict[str, object]


@dataclass(frozen=True, slots=True)
class CaseRows:
    """One case's gaze and, for layouts that have them, its master sheet record, anatomical boxes, the reports of all
    who read it, and its rows of run lengths."""

    scanpath: Scanpath
    sheet_row: SheetRow | None = None
    boxes: Boxes | None = None
    reports: tuple[Report, ...] = ()
    run_lengths: tuple[str, ...] = ()
