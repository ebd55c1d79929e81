"""The layout written by hand, a record at a time, and a twin that the tests share."""

import json

import numpy as np
import pytest
from PIL import Image

from egaze.sources import Mask, SiimGaze
from egaze.sources.siim_gaze.masks import SIDE_PX, encode


def box_mask(x0, y0, x1, y1):
    """A mask of whole pixels of 1024: columns x0 to x1, rows y0 to y1, the ends left out."""
    pixels = np.zeros((SIDE_PX, SIDE_PX), bool)
    pixels[y0:y1, x0:x1] = True
    return Mask.of(pixels)


class Folder:
    def __init__(self, root):
        self.gaze, self.images, self.masks = root / "gaze.json", root / "images", root / "train-rle.csv"
        self.images.mkdir()
        self.records, self.rows = [], []

    def add(self, image_id, points=((0.5, 0.5, 1),), masks=("-1",), suffix=".png", **fields):
        """A record with its radiograph; points are x from the left, y from the top, and time."""
        x, y, time = ([point[place] for point in points] for place in range(3))
        self.records.append({"image_id": image_id, "gaze_x": y, "gaze_y": x, "time": time, **fields})
        self.rows += [(image_id, mask if isinstance(mask, str) else encode(mask)) for mask in masks]
        if suffix:
            Image.fromarray(np.full((64, 64), 90, np.uint8)).save(self.images / f"{image_id}{suffix}")
        return self

    def write(self):
        self.gaze.write_text(json.dumps(self.records))
        lines = ["ImageId, EncodedPixels", *(f"{image_id}, {encoded}" for image_id, encoded in self.rows)]
        self.masks.write_text("\n".join(lines) + "\n")
        return self

    def read(self):
        self.write()
        return SiimGaze(self.gaze, self.images, self.masks)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def siim_twin(tmp_path_factory):
    """13 radiographs of 64 px: a record without radiograph, and a radiograph without record."""
    from egaze.sources.synthetic import synthesize

    # Gaze that tells much, so that a few readings show how the axes lie.
    common = {"layout": "siim-gaze", "long_side_px": 64, "gaze_quality": 4}
    return synthesize(tmp_path_factory.mktemp("siim") / "out", cases=13, seed=3, **common)
