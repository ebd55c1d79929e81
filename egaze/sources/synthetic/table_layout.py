"""The layout of plain tables with 16-bit PNG radiographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from egaze.sources.synthetic.image_file import write_grey16, write_mask
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.plan import CasePlan
from egaze.sources.synthetic.reader import Reader
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.synthetic.screen_fit import HEIGHT_PX, WIDTH_PX, ScreenFit


def places(out: Path) -> tuple[Path, Path]:
    """The folders of the tables and of the radiographs."""
    return out, out / "images"


def case_id(plan: CasePlan) -> str:
    return f"case-{plan.index:05d}"


def prepare(folder: Path, plans: Sequence[CasePlan]) -> None:
    """Create the folders of the radiographs."""
    for name in ("images", "findings"):
        (folder / name).mkdir()


def write_radiograph(folder: Path, plan: CasePlan, radiograph: Phantom) -> None:
    """Write the radiograph and its finding mask."""
    write_grey16(folder / "images" / f"{case_id(plan)}.png", radiograph.pixels)
    write_mask(folder / "findings" / f"{case_id(plan)}.png", radiograph.finding)


def reading(
    plan: CasePlan, radiograph: Phantom, scanpath: Scanpath, others: Sequence[Reader], rng: np.random.Generator
) -> CaseRows:
    """Make the rows of the case."""
    return CaseRows(scanpath)


def case_row(plan: CasePlan) -> tuple[str, str, str, str]:
    """The case's id, image, patient and label, for cases.csv."""
    return case_id(plan), f"images/{case_id(plan)}.png", f"patient-{plan.patient:05d}", plan.label


def write_tables(folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
    """Write cases.csv and fixations.csv, without fixations that the tracker marked invalid."""
    cases = [case_row(plan) for plan in plans]
    names = dict.fromkeys(("case_id", "image", "patient_id", "label"), pl.String)
    pl.DataFrame(cases, schema=names, orient="row").write_csv(folder / "cases.csv")
    parts = []
    for plan, case in zip(plans, readings, strict=True):
        path = case.scanpath
        fit = ScreenFit.of(plan.rows_px, plan.columns_px)
        x_px, y_px = fit.to_radiograph(path.screen_x * WIDTH_PX, path.screen_y * HEIGHT_PX)
        part = pl.DataFrame({"x_px": x_px, "y_px": y_px, "duration_s": path.duration_s, "onset_s": path.onset_s})
        part = part.filter(pl.Series(path.valid)).select(pl.lit(case_id(plan)).alias("case_id"), pl.all())
        parts.append(part)
    pl.concat(parts).write_csv(folder / "fixations.csv", float_precision=4)
