"""Tables written by hand, and a twin that the tests share."""

import numpy as np
import pytest
from PIL import Image

from egaze.sources import CheXpert
from egaze.sources.report_labels import FINDINGS, NO_FINDING

VERSION = "CheXpert-v1.0-small"


class Folder:
    """A folder of tables, each row of which is added with its radiograph."""

    def __init__(self, root):
        self.tables, self.images = root / "tables", root / "radiographs"
        for folder in (self.tables, self.images):
            folder.mkdir()
        self.rows = {}

    def add(self, image, table="train", *, view=None, version=VERSION, is_there=True, **labels):
        """A record of `patient00001/study1/view1_frontal.jpg`; labels have underscores for spaces."""
        path = f"{table}/{image}"
        said = view or ("Lateral" if "lateral" in image else "Frontal")
        named = {name.replace("_", " "): value for name, value in labels.items()}
        cells = ",".join(str(named.pop(name, "")) for name in (NO_FINDING, *FINDINGS))
        assert not named
        self.rows.setdefault(table, []).append(f"{version}/{path}".lstrip("/") + f",Female,68,{said},AP,{cells}")
        if is_there:
            (self.images / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((48, 64), 90, np.uint8)).save(self.images / path)
        return self

    def write(self):
        header = ",".join(("Path,Sex,Age,Frontal/Lateral,AP/PA", NO_FINDING, *FINDINGS))
        for table, rows in self.rows.items():
            (self.tables / f"{table}.csv").write_text("\n".join([header, *rows, ""]))
        return self

    def read(self, **options):
        self.write()
        return CheXpert(self.tables, self.images, **options)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def chexpert_twin(tmp_path_factory):
    """20 studies of 64 px: some with a lateral radiograph, in three tables."""
    from egaze.sources.synthetic import synthesize

    return synthesize(tmp_path_factory.mktemp("chexpert") / "out", cases=20, seed=0, layout="chexpert", long_side_px=64)
