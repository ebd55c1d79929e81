import base64
import io

import numpy as np
import pytest
from PIL import Image

from egaze.report.encode import HEATMAP_PX, RADIOGRAPH_BYTES, level_png, radiograph_bytes, radiograph_jpeg


def opened(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_a_radiograph_keeps_its_greys_and_shape():
    ramp = np.tile(np.linspace(0, 65535, 900).astype(np.uint16), (600, 1))
    text, size_px = radiograph_jpeg(ramp, 512)
    grey = opened(text)
    assert grey.shape == (round(600 * 512 / 900), 512) and size_px == [512, grey.shape[0]]
    assert np.abs(grey.mean(axis=0) - np.linspace(0, 255, 512)).max() < 3
    assert opened(radiograph_jpeg(ramp, 2048)[0]).shape == ramp.shape, "never larger than it is"


@pytest.mark.parametrize("radiograph_px", [300, 512, 1024])
def test_no_radiograph_exceeds_its_limit(radiograph_px):
    noise = np.random.default_rng(0).integers(0, 65536, (1024, 1024), dtype=np.uint16)
    assert len(base64.b64decode(radiograph_jpeg(noise, radiograph_px)[0])) <= radiograph_bytes(radiograph_px)
    assert radiograph_bytes(512) == RADIOGRAPH_BYTES and radiograph_bytes(1024) == 4 * RADIOGRAPH_BYTES


def test_a_heatmap_is_its_share_of_255():
    y, x = np.mgrid[:224, :224]
    heatmap = np.exp(-((x - 90) ** 2 + (y - 60) ** 2) / 800).astype(np.float32)
    levels = opened(level_png(heatmap))
    assert levels.shape == (HEATMAP_PX, HEATMAP_PX) and levels.dtype == np.uint8
    assert levels.max() >= 250
    assert np.unravel_index(levels.argmax(), levels.shape) == (21, 32)
    assert opened(level_png(np.zeros((40, 30), np.float32))).max() == 0
