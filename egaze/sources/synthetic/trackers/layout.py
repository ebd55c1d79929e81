"""A laboratory's folder: radiographs, a table of cases, and one export of a tracker for each reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from egaze.sources.synthetic import table_layout
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.plan import CasePlan, exports_seeds
from egaze.sources.synthetic.reader import READERS, Reader
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.synthetic.trackers import bids, eyelink, gazepoint, pupil, tobii
from egaze.sources.synthetic.trackers.session import SCREEN, Session, record_session

#: Where the pictures lay on the screen and, for a tracker that does not say so, when.
PICTURES_CSV = "pictures.csv"
#: The fixations of which the samples were made, to see how many of them are found again.
TRUE_FIXATIONS_CSV = "true_fixations.csv"


@dataclass(frozen=True, slots=True)
class TrackerLayout:
    """The layout of a tracker's exports.

    Attributes:
        rate_hz, noise_deg: of the tracker.
        start_s: of its clock.
        write: writes the export of a session into the folder.
        exports: the pattern of the exports' names in the folder, as a shell understands it.
        says_when, says_where: whether the export says when each picture was shown, and where it lay.
        options: further options of `egaze gaze import`.
    """

    rate_hz: float
    noise_deg: float
    start_s: float
    write: Callable[[Path, Session], Path]
    exports: str
    says_when: bool = True
    says_where: bool = False
    options: tuple[str, ...] = ()

    def places(self, out: Path) -> tuple[Path, Path]:
        """The folders of the tables and of the radiographs."""
        return out, out / "images"

    def prepare(self, folder: Path, plans: Sequence[CasePlan]) -> None:
        """Create the folders."""
        table_layout.prepare(folder, plans)
        (folder / "exports").mkdir()

    def write_radiograph(self, folder: Path, plan: CasePlan, radiograph: Phantom) -> None:
        """Write the radiograph and its finding mask."""
        table_layout.write_radiograph(folder, plan, radiograph)

    def reading(
        self,
        plan: CasePlan,
        radiograph: Phantom,
        scanpath: Scanpath,
        others: Sequence[Reader],
        rng: np.random.Generator,
    ) -> CaseRows:
        """Make the rows of the case."""
        return CaseRows(scanpath)

    def write_tables(self, folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
        """Write cases.csv, the exports, pictures.csv unless the exports say all of it, and true_fixations.csv."""
        names = ("case_id", "image", "patient_id", "label", "reader_id")
        rows = [(*table_layout.case_row(plan), _reader(plan)) for plan in plans]
        pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").write_csv(folder / "cases.csv")
        pictures, known = [], []
        for reader in sorted({_reader(plan) for plan in plans}):
            session = record_session(
                reader,
                [
                    (table_layout.case_id(plan), (plan.rows_px, plan.columns_px), case.scanpath)
                    for plan, case in zip(plans, readings, strict=True)
                    if _reader(plan) == reader
                ],
                rate_hz=self.rate_hz,
                noise_deg=self.noise_deg,
                start_s=self.start_s,
                rng=np.random.default_rng([*exports_seeds(seed), int(reader.rpartition("-")[2])]),
            )
            export = self.write(folder / "exports", session)
            pictures.append(_pictures(session, export.name))
            known.append(_known(session))
        if not self.says_where:
            table = pl.concat(pictures)
            table = table.drop("file", "begin_s", "end_s") if self.says_when else table
            table.write_csv(folder / PICTURES_CSV, float_precision=6)
        pl.concat(known).write_csv(folder / TRUE_FIXATIONS_CSV, float_precision=6)


def import_words(layout: TrackerLayout, folder: Path) -> list[str]:
    """The words of the command that imports the exports in a folder, with the exports' pattern as the last one."""
    screen = f"{SCREEN.width_px}x{SCREEN.height_px},{SCREEN.width_mm:g}x{SCREEN.height_mm:g}mm,{SCREEN.distance_mm:g}mm"
    where = [] if layout.says_where else ["--pictures", str(folder / PICTURES_CSV)]
    exports = str(folder / "exports" / layout.exports)
    return ["--screen", screen, *where, *layout.options, "--detect", "adaptive", exports]


def _reader(plan: CasePlan) -> str:
    return f"reader-{plan.index % READERS + 1}"


def _pictures(session: Session, file: str) -> pl.DataFrame:
    place = ("left_px", "top_px", "width_px", "height_px", "radiograph_width_px", "radiograph_height_px")
    names = ("begin_s", "end_s", *place)
    rows = [
        {
            "file": file,
            "case_id": reading.shown.case_id,
            **{name: float(getattr(reading.shown, name)) for name in names},
        }
        for reading in session.readings
    ]
    return pl.DataFrame(rows)


def _known(session: Session) -> pl.DataFrame:
    """The fixations of which the samples were made, in pixels of the radiographs and seconds since they appeared."""
    frames = []
    for reading in session.readings:
        x_px, y_px = reading.shown.on_picture(reading.x_px, reading.y_px)
        onset_s = reading.onset_s - reading.shown.begin_s
        frame = pl.DataFrame({"x_px": x_px, "y_px": y_px, "duration_s": reading.duration_s, "onset_s": onset_s})
        frames.append(frame.select(pl.lit(reading.shown.case_id).alias("case_id"), pl.all()))
    return pl.concat(frames)


_MESSAGES = ("--picture-message", r"^IMAGE (\S+)$", "--end-message", "^CLEAR$")

#: The layouts by name.
TRACKER_LAYOUTS: dict[str, TrackerLayout] = {
    "tobii": TrackerLayout(120.0, 0.10, 0.0, tobii.write, "*.tsv", says_where=True),
    "gazepoint": TrackerLayout(60.0, 0.20, 0.0, gazepoint.write, "*_all_gaze.csv"),
    "eyelink": TrackerLayout(500.0, 0.03, 7196.72, eyelink.write, "*.asc", options=_MESSAGES),
    "bids": TrackerLayout(
        250.0, 0.04, 1804.5, bids.write, "sub-*/beh/*_recording-eye1_physio.tsv.gz", options=_MESSAGES
    ),
    "pupil": TrackerLayout(200.0, 0.12, 5421.25, pupil.write, "gaze_positions_on_surface_*.csv", says_when=False),
}
