"""Files that others made: C++ shows and says what Python does."""

from __future__ import annotations

import numpy as np
import pytest
from deploy.reading import PYDICOM_FILES, SHAPE, as_predicted

from egaze.errors import RadiographError
from egaze.imaging import PRESENTATIONS, read_radiograph, read_stored

#: Files that pydicom ships in a coding that DCMTK has no decoder for.
JPEG_2000 = {
    "693_J2KI.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "JPEG2000.dcm",
    "MR_small_jp2klossless.dcm",
}


@pytest.mark.parametrize(
    "path", sorted(path for path in PYDICOM_FILES.rglob("*") if path.is_file()), ids=lambda p: p.name
)
def test_every_file_that_pydicom_ships(c_library, pass_through, path):
    for presentation in PRESENTATIONS:
        try:
            radiograph = read_radiograph(path, presentation=presentation)
            pixels, notes = as_predicted(radiograph.pixels), list(radiograph.presentation.notes)
        except RadiographError:
            pixels = None
        predictor = pass_through(SHAPE if pixels is None else pixels.shape, presentation)
        probs, heatmap = predictor.answers()
        name = str(path).encode()
        status = predictor.lib.egaze_predict_file(predictor.handle, name, probs.ctypes.data, heatmap.ctypes.data)
        if pixels is None or path.name in JPEG_2000:
            assert c_library.lib.egaze_status_name(status) == b"unreadable_image"
            assert path.name in c_library.error() and "\n" not in c_library.error()
            said = "JPEG 2000" in c_library.error() and "is not supported" in c_library.error()
            assert said == (path.name in JPEG_2000)
        else:
            assert status == 0, c_library.error()
            np.testing.assert_array_equal(heatmap[0], pixels)
            assert predictor.radiograph_notes() == notes


#: Of each radiograph: the least and greatest stored value, what shows it, and what of its header is not followed.
CASES = {
    "01-agfa-voi-lut-12in16/film.dcm": (
        0,
        4095,
        "VOI LUT",
        ["VOI LUT of 16 bits has entries up to 4095, taken as white"],
    ),
    "02-number-of-frames-0/0.dcm": (0, 4095, None, []),
    "02-number-of-frames-0/1-space.dcm": (0, 4095, None, []),
    "02-number-of-frames-0/empty.dcm": (0, 4095, None, []),
    "02-number-of-frames-0/zero-padded.dcm": (0, 4095, None, []),
    "03-rescale-slope-0/no-window.dcm": (0, 4095, None, ["Rescale Slope 0 ignored"]),
    "03-rescale-slope-0/window.dcm": (0, 4095, "window 2048/4096 LINEAR", ["Rescale Slope 0 ignored"]),
    "05-un-vr/window.dcm": (0, 4095, "window 1000/1000 LINEAR", []),
    "09-jpeg-ls/eight-in-16.dcm": (0, 255, None, []),
    "09-jpeg-ls/plain-12.dcm": (0, 4095, None, []),
    "09-jpeg-ls/signed-12.dcm": (-2048, 2047, None, []),
    "09-jpeg-ls/zero-before-end.dcm": (0, 4095, None, []),
    "11-overlay-compressed/j2k.dcm": (0, 4095, None, []),
    "11-overlay-compressed/jpegll.dcm": (0, 4095, None, []),
    "11-overlay-compressed/jpegls.dcm": (0, 4095, None, []),
    "11-overlay-compressed/native.dcm": (0, 4095, None, []),
    "11-overlay-compressed/rle.dcm": (0, 4095, None, []),
    "12-padded/padded-4096-zeros.dcm": (0, 203, None, []),
    "19-trailer/grey.jpg": (0, 225, None, []),
    "19-trailer/samsung-like-trailer.jpg": (0, 225, None, []),
    "19-trailer/tail-4000-zeros.jpg": (0, 225, None, []),
}


@pytest.mark.realdata
@pytest.mark.parametrize("name", CASES)
def test_cases(c_library, pass_through, real_data, name):
    path = real_data.parent / "cases" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    least, greatest, voi, notes = CASES[name]
    radiograph = read_stored(path)
    assert (radiograph.presentation.voi, list(radiograph.presentation.notes)) == (voi, notes)
    pixels = radiograph.present().pixels
    assert pixels.min() == 0 and pixels.max() == (1 if path.suffix == ".dcm" else np.float32(greatest / 255))
    stored = radiograph.stored.astype(int)
    if radiograph.presentation.bits_stored == 12:
        stored &= 4095
        stored -= (stored > 2047) * 4096 * (least < 0)
    assert (stored.min(), stored.max()) == (least, greatest)
    predictor = pass_through(pixels.shape, "voi")
    probs, heatmap = predictor.answers()
    status = predictor.lib.egaze_predict_file(
        predictor.handle, str(path).encode(), probs.ctypes.data, heatmap.ctypes.data
    )
    if name.endswith("j2k.dcm"):
        assert status != 0 and "JPEG 2000" in c_library.error()
        return
    assert status == 0, c_library.error()
    assert predictor.radiograph_notes() == notes
    # Releases of libjpeg differ by a grey value here and there.
    lossy = path.suffix == ".jpg" or "padded-4096" in name
    np.testing.assert_allclose(heatmap[0], as_predicted(pixels, pixels.shape), rtol=0, atol=2.5 / 203 if lossy else 0)
