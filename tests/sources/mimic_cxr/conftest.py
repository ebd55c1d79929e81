"""Tables written by hand, a radiograph at a time, and a twin that the tests share."""

import csv

import numpy as np
import pytest
from PIL import Image

from egaze.sources import MimicCxr
from egaze.sources.report_labels import FINDINGS, NO_FINDING

LABELS = ("subject_id", "study_id", *sorted((*FINDINGS, NO_FINDING)))


class Folder:
    """`add` makes a radiograph of a study, and `label` a study's row of labels."""

    def __init__(self, root):
        self.tables, self.images = root / "tables", root / "images"
        for folder in (self.tables, self.images):
            folder.mkdir()
        self.metadata, self.splits, self.labels = [], [], {"chexpert": []}

    def add(self, dicom_id, patient=10000001, study=50000001, view="PA", split="train", is_there=True):
        self.metadata.append(
            {"dicom_id": dicom_id, "subject_id": patient, "study_id": study, "ViewPosition": view}
            | {"Rows": 48, "Columns": 64}
        )
        self.splits.append({"dicom_id": dicom_id, "study_id": study, "subject_id": patient, "split": split})
        if is_there:
            place = self.images / "files" / f"p{str(patient)[:2]}" / f"p{patient}" / f"s{study}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((48, 64), 90, np.uint8)).save(place / f"{dicom_id}.jpg")
        return self

    def label(self, study=50000001, patient=10000001, labeller="chexpert", **cells):
        """Cells have underscores for spaces."""
        named = {name.replace("_", " "): value for name, value in cells.items()}
        assert set(named) <= set(LABELS)
        self.labels.setdefault(labeller, []).append({"subject_id": patient, "study_id": study, **named})
        return self

    def write(self):
        for name, rows in self.labels.items():
            self._write(name, LABELS, rows)
        self._write("metadata", self.metadata[0], self.metadata)
        self._write("split", self.splits[0], self.splits)
        return self

    def _write(self, name, columns, rows):
        with (self.tables / f"mimic-cxr-2.0.0-{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)

    def read(self, **options):
        self.write()
        return MimicCxr(self.tables, self.images, **options)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def mimic_twin(tmp_path_factory):
    """24 studies of 64 px, eight of them with gaze."""
    from egaze.sources.synthetic import synthesize

    return synthesize(tmp_path_factory.mktemp("mimic") / "out", cases=24, seed=3, layout="mimic-cxr", long_side_px=64)
