"""REFLACX's folder written by hand, a reading at a time."""

import csv

import pytest

from egaze.sources import Reflacx
from egaze.sources.reflacx.labels import FINDINGS

SIDES = ("xmin", "ymin", "xmax", "ymax")
FIXATION_COLUMNS = (
    "timestamp_start_fixation", "timestamp_end_fixation", "x_position", "y_position", "pupil_area_normalized",
    "angular_resolution_x_pixels_per_degree", "angular_resolution_y_pixels_per_degree", "window_width", "window_level",
    *(f"{side}_shown_from_image" for side in SIDES), *(f"{side}_in_screen_coordinates" for side in SIDES),
)  # fmt: skip


def fixation(start="0.5", end="0.75", x="10", y="20", scale="94,95", window="0.9,0.5", shown="0,0,100,200"):
    return f"{start},{end},{x},{y},1.0,{scale},{window},{shown},661,0,3180,2160".split(",")


ONE = (fixation(),)


class Folder:
    """`findings` of a reading are its certainties; all other columns are 0 or False."""

    def __init__(self, root):
        self.main_data = root / "gaze" / "main_data"
        self.images = root / "images"
        self.images.mkdir()
        self.rows = {1: [], 2: [], 3: []}

    def add(self, reading_id, phase=3, radiograph="radiograph", fixations=ONE, findings=(), **cells):
        row = {
            "id": reading_id,
            "split": "train",
            "eye_tracking_data_discarded": "False",
            "image": f"physionet.org/files/mimic-cxr/2.0.0/files/p10/p1/s1/{radiograph}.dcm",
            "dicom_id": radiograph,
            "subject_id": radiograph,
            "image_size_x": "100",
            "image_size_y": "200",
            **dict.fromkeys(FINDINGS[phase], "0"),
            "Other": "",
            "Support devices": "False",
        }
        self.rows[phase].append(row | dict(findings) | cells)
        if fixations is not None:
            self.table(reading_id, "fixations.csv", FIXATION_COLUMNS, fixations)
        return self.main_data / reading_id

    def table(self, reading_id, name, columns, rows):
        (self.main_data / reading_id).mkdir(parents=True, exist_ok=True)
        write(self.main_data / reading_id / name, columns, rows)

    def read(self, **options):
        phases = [phase for phase, rows in self.rows.items() if rows]
        for phase in phases:
            columns = list(dict.fromkeys(name for row in self.rows[phase] for name in row))
            rows = [[row.get(name, "") for name in columns] for row in self.rows[phase]]
            write(self.main_data / f"metadata_phase_{phase}.csv", columns, rows)
        return Reflacx(self.main_data.parent, self.images, **{"phases": phases} | options)


def write(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def make_fixation():
    return fixation
