"""Radiographs and a source of them that cost nothing to read."""

import numpy as np
import pytest
from PIL import Image
from study.ready_made import Cases

from egaze.gaze import Fixations
from egaze.sources import Case


@pytest.fixture
def many_radiographs(tmp_path):
    """Makes a source of so many radiographs, of six different pictures, on paths that hold a patient's number."""
    generator = np.random.default_rng(0)

    def make(count, side_px=40):
        pictures = []
        for number in range(6):
            pictures.append(tmp_path / f"picture{number}.png")
            grey = generator.integers(0, 65536, (side_px + number, side_px - number), dtype=np.uint16)
            Image.fromarray(grey).save(pictures[-1], compress_level=1)
        cases = []
        for number in range(count):
            folder = tmp_path / "files" / f"p{10_000_000 + number // 2}"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"radiograph{number}.png"
            path.hardlink_to(pictures[number % 6])
            gaze = Fixations([1.0 + number, 5.0], [2.0, 6.0], [0.2, 0.3])
            cases.append(Case(f"case{number}", folder.name, path, gaze, label=("normal", "chf")[number % 2]))
        return Cases(cases)

    return make
