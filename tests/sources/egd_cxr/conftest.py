"""A folder of EGD-CXR written by hand: three radiographs, the middle one landscape with an odd side."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from egaze.sources import EgdCxr
from egaze.sources.egd_cxr.columns import GAZE, MASTER_SHEET, PADS

IDS = tuple(f"facade0{n}-00000000-11111111-22222222-33333333" for n in range(3))
# Width and height; top, bottom, left, right.
SIZES_PX = ((2544, 3056), (3056, 2543), (2544, 3056))
PADS_PX = ((0, 0, 534, 534), (86, 86, 448, 448), (0, 0, 534, 534))


@dataclass
class Folder:
    """What the folder holds; `write` puts it on disk, `read` reads it."""

    root: Path
    sheet: list[dict] = field(default_factory=list)
    fixations: list[dict] = field(default_factory=list)
    samples: list[dict] | None = None
    columns: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"sheet": tuple(MASTER_SHEET), "gaze": tuple(GAZE)}
    )

    @property
    def gaze(self) -> Path:
        return self.root / "gaze"

    @property
    def images(self) -> Path:
        return self.root / "images"

    def write(self) -> None:
        self.gaze.mkdir(exist_ok=True)
        _write(self.gaze / "master_sheet.csv", self.columns["sheet"], self.sheet)
        _write(self.gaze / "fixations.csv", self.columns["gaze"], self.fixations)
        if self.samples is not None:
            _write(self.gaze / "eye_gaze.csv", self.columns["gaze"], self.samples)

    def read(self, **options) -> EgdCxr:
        self.write()
        return EgdCxr(self.gaze, self.images, **options)


def _write(path, columns, rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def radiograph(number: int, **changes) -> dict:
    """A record of the master sheet."""
    row = dict.fromkeys(MASTER_SHEET, "") | {
        "dicom_id": IDS[number],
        "path": f"files/p90/p9000000{number}/s9100000{number}/{IDS[number]}.dcm",
        "study_id": 91000000 + number,
        "patient_id": 90000000 + number,
        "stay_id": "31234567.0",
        "gender": "F",
        "anchor_age": "20 - 30",
        **dict(zip(PADS, PADS_PX[number], strict=True)),
        "dx1": "CHEST PAIN\nNOS",
        **{"Normal": int(number == 2), "CHF": int(number == 0), "pneumonia": int(number == 1)},
        "edema__chx": "-1.0",
        "cxr_exam_indication": 'HISTORY:  cough,\n\n"please" evaluate',
    }
    return row | changes


def gaze_row(dicom_id: str = IDS[0], at: tuple[float, float] = (0.5, 0.5), number: int = 1, **changes) -> dict:
    """A row of gaze at a fraction of the screen, with the pixel that the published map gives."""
    row = dict.fromkeys(GAZE, "0") | {
        "SESSION_ID": 1,
        "DICOM_ID": dicom_id,
        "CNT": 10 * number,
        "Time (in secs)": 0.5 * number,
        "FPOGX": at[0],
        "FPOGY": at[1],
        "FPOGS": round(0.5 * number - 0.25, 5),
        "FPOGD": 0.25,
        "FPOGID": number,
        "FPOGV": 1,
    }
    row["X_ORIGINAL"], row["Y_ORIGINAL"] = published_map(dicom_id, *at)
    return row | changes


def published_map(dicom_id: str, x_frac: float, y_frac: float) -> tuple[int, int]:
    """The dataset's map, a number at a time."""
    if dicom_id not in IDS:
        return -2, -2
    (width, height), (top, bottom, left, right) = SIZES_PX[IDS.index(dicom_id)], PADS_PX[IDS.index(dicom_id)]
    width, height = width + width % 2, height + height % 2
    ex, ey = x_frac * 1920, y_frac * 1080
    if not (left < ex < 1920 - right and top < ey < 1080 - bottom):
        return -2, -2
    return int(width / (1920 - left - right) * (ex - left)), int(height / (1080 - top - bottom) * (ey - top))


def write_header(path: Path, width: int, height: int) -> None:
    """A radiograph's header, without a pixel."""
    header = pydicom.Dataset()
    header.SOPClassUID, header.SOPInstanceUID = pydicom.uid.DigitalXRayImageStorageForPresentation, generate_uid()
    header.Rows, header.Columns = height, width
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True)
    header.save_as(path, enforce_file_format=True)


@pytest.fixture
def folder(tmp_path) -> Folder:
    """Three radiographs, each with a fixation in the middle of the screen."""
    made = Folder(tmp_path, [radiograph(n) for n in range(3)], [gaze_row(IDS[n], number=n + 1) for n in range(3)])
    for row, size_px in zip(made.sheet, SIZES_PX, strict=True):
        write_header(made.images / row["path"], *size_px)
    return made


@pytest.fixture
def parts():
    """What tests make rows and radiographs of."""
    from types import SimpleNamespace

    return SimpleNamespace(
        IDS=IDS, radiograph=radiograph, gaze_row=gaze_row, published_map=published_map, SIZES_PX=SIZES_PX
    )
