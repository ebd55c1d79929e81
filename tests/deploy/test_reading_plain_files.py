"""Films that are no DICOM: C++ reads the values that Python reads."""

from __future__ import annotations

import numpy as np
import pytest
from deploy.reading import SHAPE, assert_parity, requires
from PIL import Image

from egaze.imaging import PRESENTATIONS, read_film


@pytest.mark.parametrize("presentation", PRESENTATIONS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_arrays(runner, models, tmp_path, dtype, presentation):
    values = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    np.save(tmp_path / "film.npy", values if dtype is np.float32 else (values * 40 + 7).astype(dtype))
    assert_parity(runner, models, tmp_path / "film.npy", presentation)


@pytest.mark.parametrize("presentation", PRESENTATIONS)
@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGB", "RGBA", "I;16"])
def test_png(runner, formats, models, tmp_path, mode, presentation):
    requires(formats, "png")
    rng = np.random.default_rng(0)
    if mode == "I;16":
        picture = Image.fromarray(rng.integers(0, 4096, SHAPE, dtype=np.uint16))
    else:
        picture = Image.fromarray(rng.integers(0, 256, (*SHAPE, 4), dtype=np.uint8), "RGBA")
        picture = picture.convert("L").convert("1") if mode == "1" else picture.convert(mode)
    picture.save(tmp_path / "film.png")
    assert_parity(runner, models, tmp_path / "film.png", presentation)


def test_data_behind_a_png(runner, formats, models, tmp_path):
    requires(formats, "png")
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    film = tmp_path / "film.png"
    Image.fromarray(values).save(film)
    film.write_bytes(film.read_bytes() + b"a scanner's notes" * 300)
    np.testing.assert_array_equal(read_film(film).stored, values)
    assert_parity(runner, models, film, "voi")


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg(runner, formats, models, tmp_path, mode):
    requires(formats, "jpeg")
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    smooth = np.stack([127 + 100 * np.sin(x / 9), 2 * y, x + y], axis=2).astype(np.uint8)
    Image.fromarray(smooth).convert(mode).save(tmp_path / "film.jpg", quality=90)
    # Releases of libjpeg differ by a grey value here and there.
    assert_parity(runner, models, tmp_path / "film.jpg", "voi", atol=2.5 / 255)
