"""The rows of a case that go into the tables of a twin, once its radiograph has been written."""

from __future__ import annotations

from dataclasses import dataclass

from egaze.sources.synthetic.landmarks import Boxes
from egaze.sources.synthetic.radiologist_report import Report
from egaze.sources.synthetic.scanpath import Scanpath

#: A record of master_sheet.csv by column.
SheetRow = dict[str, object]


@dataclass(frozen=True, slots=True)
class CaseRows:
    """The gaze of one case and, for layouts that have them, its record in the master sheet, its anatomical boxes, the
    reports of all its readers, the run lengths of its mask, and the box around it: x, y, width, height in pixels."""

    scanpath: Scanpath
    sheet_row: SheetRow | None = None
    boxes: Boxes | None = None
    reports: tuple[Report, ...] = ()
    run_lengths: tuple[str, ...] = ()
    finding_box: tuple[float, float, float, float] | None = None
