import base64
import io

import numpy as np
import pytest
from PIL import Image

from egaze.report.encode import FILM_BYTES, HEATMAP_PX, film_bytes, film_jpeg, level_png


def opened(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_a_film_keeps_its_greys_and_shape():
    ramp = np.tile(np.linspace(0, 65535, 900).astype(np.uint16), (600, 1))
    text, size_px = film_jpeg(ramp, 512)
    grey = opened(text)
    assert grey.shape == (round(600 * 512 / 900), 512) and size_px == [512, grey.shape[0]]
    assert np.abs(grey.mean(axis=0) - np.linspace(0, 255, 512)).max() < 3
    assert opened(film_jpeg(ramp, 2048)[0]).shape == ramp.shape, "never larger than it is"


@pytest.mark.parametrize("film_px", [300, 512, 1024])
def test_no_film_is_larger_than_said(film_px):
    noise = np.random.default_rng(0).integers(0, 65536, (1024, 1024), dtype=np.uint16)
    assert len(base64.b64decode(film_jpeg(noise, film_px)[0])) <= film_bytes(film_px)
    assert film_bytes(512) == FILM_BYTES and film_bytes(1024) == 4 * FILM_BYTES


def test_a_heatmap_is_its_share_of_255():
    y, x = np.mgrid[:224, :224]
    heatmap = np.exp(-((x - 90) ** 2 + (y - 60) ** 2) / 800).astype(np.float32)
    levels = opened(level_png(heatmap))
    assert levels.shape == (HEATMAP_PX, HEATMAP_PX) and levels.dtype == np.uint8
    assert levels.max() >= 250
    assert np.unravel_index(levels.argmax(), levels.shape) == (21, 32)
    assert opened(level_png(np.zeros((40, 30), np.float32))).max() == 0
