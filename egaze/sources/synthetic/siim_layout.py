"""The layout of gaze on SIIM-ACR's radiographs: one JSON of gaze, run lengths, and Kaggle's tree of DICOM files.

The phantoms have no pneumothorax: the signs of heart failure and of pneumonia stand in its place. As in the original,
radiographs are square, `gaze_x` runs down and `gaze_y` across, `time` is a small count and no time, a finding may have
several rows of run lengths, and some points lie beside the radiograph. So that readers can be tried, some records have
no radiograph, some radiographs no record, and some rows of run lengths neither.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label as connected

from egaze.imaging import resize
from egaze.imaging.fit import px_to_unit
from egaze.sources.regions import Mask
from egaze.sources.siim_gaze.masks import SIDE_PX, encode
from egaze.sources.synthetic.image_file import radiograph_uid, write_dicom, write_mask
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.plan import CasePlan
from egaze.sources.synthetic.reader import Reader
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.synthetic.screen_fit import HEIGHT_PX, WIDTH_PX, ScreenFit

_IMAGES = "dicom-images-train"
_PERIOD = 12  # of so many cases one has no radiograph and one no record
_WITHOUT_RADIOGRAPH, _WITHOUT_RECORD = 3, 7
_SPLIT_IN_TWO = 3  # one finding in so many is cut into an upper and a lower row
_COUNT_S = 0.3  # a count of 1 stands for about so long


def places(out: Path) -> tuple[Path, Path]:
    """The folders of the tables and of the radiographs."""
    return out, out / _IMAGES


def prepare(folder: Path, plans: Sequence[CasePlan]) -> None:
    """Make every folder that the radiographs go to."""
    (folder / "findings").mkdir()
    for plan in plans:
        _radiograph(folder, plan).parent.mkdir(parents=True)


def write_radiograph(folder: Path, plan: CasePlan, radiograph: Phantom) -> None:
    """Write the radiograph, stretched to a square, and its finding mask."""
    if plan.index % _PERIOD == _WITHOUT_RADIOGRAPH:
        return
    side_px = max(radiograph.pixels.shape)
    pixels = resize(radiograph.pixels, (side_px, side_px))
    write_dicom(_radiograph(folder, plan), pixels, plan, radiograph.chest.body.female)
    write_mask(folder / "findings" / f"{_image_id(plan)}.png", _square(radiograph.finding, side_px))


def reading(
    plan: CasePlan, radiograph: Phantom, scanpath: Scanpath, others: Sequence[Reader], rng: np.random.Generator
) -> CaseRows:
    """The case's rows."""
    return CaseRows(scanpath, run_lengths=_run_lengths(_square(radiograph.finding, SIDE_PX), plan))


def write_tables(folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
    """Write cxr_gaze_data.json, without the points that the tracker marked invalid, and train-rle.csv."""
    pairs = list(zip(plans, readings, strict=True))
    records = [_record(plan, case.scanpath) for plan, case in pairs if plan.index % _PERIOD != _WITHOUT_RECORD]
    (folder / "cxr_gaze_data.json").write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    rows = [f"{_image_id(plan)},{encoded}" for plan, case in pairs for encoded in case.run_lengths]
    rows.append("2.25.1,-1")  # a radiograph of the original that nobody's gaze is known of
    text = "\n".join(["ImageId, EncodedPixels", *rows]) + "\n"
    (folder / "train-rle.csv").write_text(text, encoding="utf-8")


def _image_id(plan: CasePlan) -> str:
    return str(radiograph_uid(plan, 3))


def _radiograph(folder: Path, plan: CasePlan) -> Path:
    study, series = (str(radiograph_uid(plan, level)) for level in (1, 2))
    return folder / _IMAGES / study / series / f"{_image_id(plan)}.dcm"


def _square(finding: NDArray[np.bool_], side_px: int) -> NDArray[np.bool_]:
    return resize(finding.astype(np.uint8), (side_px, side_px), filter="nearest").astype(bool)


def _run_lengths(finding: NDArray[np.bool_], plan: CasePlan) -> tuple[str, ...]:
    """A row for each connected part of the finding, or -1 for none."""
    if not finding.any():
        return ("-1",)
    numbered, count = connected(finding)
    parts = [numbered == number for number in range(1, count + 1)]
    if count == 1 and plan.index % _SPLIT_IN_TWO == 0:
        upper = np.arange(SIDE_PX)[:, None] < int(np.nonzero(finding)[0].mean())
        parts = [part for part in (finding & upper, finding & ~upper) if part.any()]
    return tuple(encode(Mask.of(part)) for part in parts)


def _record(plan: CasePlan, scanpath: Scanpath) -> dict[str, object]:
    fit = ScreenFit.of(plan.rows_px, plan.columns_px)
    x_px, y_px = fit.to_radiograph(scanpath.screen_x * WIDTH_PX, scanpath.screen_y * HEIGHT_PX)
    across = px_to_unit(x_px, plan.columns_px)[scanpath.valid]
    down = px_to_unit(y_px, plan.rows_px)[scanpath.valid]
    time = np.maximum(1, np.rint(scanpath.duration_s[scanpath.valid] / _COUNT_S)).astype(int)
    return {
        "image_id": _image_id(plan),
        "gaze_x": np.clip(down, -0.5, 1.5).round(6).tolist(),
        "gaze_y": np.clip(across, -0.5, 1.5).round(6).tolist(),
        "time": time.tolist(),
    }
