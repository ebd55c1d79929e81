"""Tables written by hand, a radiograph at a time, and a twin that the tests share."""

import csv

import numpy as np
import pytest
from PIL import Image

from egaze.sources import VindrCxr
from egaze.sources.vindr_cxr.labels import CLASSES

SIDES = ("x_min", "y_min", "x_max", "y_max")
A, B, C = (letter * 32 for letter in "abc")


class Folder:
    """`read_by` adds a reader's row of a training radiograph, `consensus` that of a test radiograph."""

    def __init__(self, root):
        self.tables, self.images = root / "annotations", root / "images"
        for folder in (self.tables, self.images / "train", self.images / "test"):
            folder.mkdir(parents=True)
        self.labels = {"train": [], "test": []}
        self.boxes = {"train": [], "test": []}

    def image(self, image_id, part="train", suffix=".png"):
        path = self.images / part / f"{image_id}{suffix}"
        if not path.exists():
            Image.fromarray(np.full((48, 64), 90, np.uint8)).save(path, format="png")
        return self

    def read_by(self, reader, *present, image_id=A, **cells):
        row = dict.fromkeys(CLASSES, "0") | dict.fromkeys(present, "1") | cells
        self.labels["train"].append({"image_id": image_id, "rad_id": reader, **row})
        return self

    def consensus(self, *present, image_id=B):
        row = {name.replace("diseases", "disease"): str(int(name in present)) for name in CLASSES}
        self.labels["test"].append({"image_id": image_id, **row})
        return self

    def box(self, name, sides=(10, 12, 30, 40), image_id=A, part="train"):
        reader = {"rad_id": "R1"} if part == "train" else {}
        row = {"image_id": image_id, **reader, "class_name": name, **dict(zip(SIDES, sides, strict=True))}
        self.boxes[part].append(row)
        return self

    def write(self):
        for part in ("train", "test"):
            ids = ["image_id", "rad_id"][: 2 if part == "train" else 1]
            self._write(f"annotations_{part}.csv", [*ids, "class_name", *SIDES], self.boxes[part])
            self._write(f"image_labels_{part}.csv", self.labels[part][0], self.labels[part])
        return self

    def _write(self, name, columns, rows):
        with (self.tables / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)

    def read(self, **options):
        self.write()
        return VindrCxr(self.tables, self.images, **options)


@pytest.fixture
def folder(tmp_path):
    """Three readers' radiograph and one of the test."""
    one = Folder(tmp_path).image(A).image(B, "test")
    one.read_by("R8", "Cardiomegaly", "Edema").read_by("R9", "Cardiomegaly", "ILD").read_by(
        "R17", "Cardiomegaly", "ILD"
    )
    return one.consensus("Other diseases")


@pytest.fixture(scope="session")
def vindr_twin(tmp_path_factory):
    """24 radiographs of 64 px, 18 of them read by three readers."""
    from egaze.sources.synthetic import synthesize

    return synthesize(tmp_path_factory.mktemp("vindr") / "out", cases=24, seed=3, layout="vindr-cxr", long_side_px=64)
