"""Tables written by hand, and a twin that the tests share."""

import numpy as np
import pytest
from PIL import Image

from egaze.sources import NihCxr14

HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
HEADER += "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"


class Folder:
    """A folder of tables, each row of which is added with its radiograph."""

    def __init__(self, root):
        self.tables, self.images = root / "nih", root / "radiographs"
        for folder in (self.tables, self.images):
            folder.mkdir()
        self.rows, self.boxes, self.lists = [], [], {}

    def add(self, image, labels="No Finding", *, patient=None, boxes=(), is_there=True, list_name=None):
        number = int(image[:8]) if patient is None else patient
        self.rows.append(f"{image},{labels},0,{number},57,M,PA,2682,2749,0.143,0.143")
        self.boxes += [f"{image},{box}" for box in boxes]
        self.lists.setdefault(list_name, []).append(image)
        if is_there:
            Image.fromarray(np.full((64, 64), 90, np.uint8)).save(self.images / image)
        return self

    def write(self, name="Data_Entry_2017_v2020.csv"):
        (self.tables / name).write_text("\n".join([HEADER, *self.rows, ""]))
        (self.tables / "BBox_List_2017.csv").write_text(
            "\n".join(["Image Index,Finding Label,Bbox [x,y,w,h],,,", *self.boxes, ""])
        )
        for list_name, images in self.lists.items():
            if list_name:
                (self.tables / list_name).write_text("\r\n".join(images))
        return self

    def read(self):
        self.write()
        return NihCxr14(self.tables, self.images)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def nih_twin(tmp_path_factory):
    """24 radiographs of 64 px, two of which are missing."""
    from egaze.sources.synthetic import synthesize

    return synthesize(tmp_path_factory.mktemp("nih") / "out", cases=24, seed=6, layout="nih-cxr14", long_side_px=64)
