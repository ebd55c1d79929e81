import numpy as np
import pytest
from imaging.dicom_films import STORED, voi_lut, write_dicom
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from egaze import read_radiograph
from egaze.errors import FilmError


def test_without_a_window_the_film_s_own_range(tmp_path):
    film = read_radiograph(write_dicom(tmp_path / "a.dcm"))
    np.testing.assert_allclose(film.pixels, STORED / 4046.0, atol=1e-6)
    assert film.presentation.voi is None and not film.presentation.inverted


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_linear_window_then_inversion(tmp_path, syntax):
    path = write_dicom(
        tmp_path / "a.dcm",
        syntax=syntax,
        WindowCenter=2000,
        WindowWidth=1000,
        PhotometricInterpretation="MONOCHROME1",
    )
    film = read_radiograph(path)
    # PS3.3 C.11.2.1.2.1, with y from 0 to 1; MONOCHROME1 is turned round once, after the window.
    expected = 1.0 - np.clip((STORED - 1999.5) / 999.0 + 0.5, 0, 1)
    np.testing.assert_allclose(film.pixels, expected, atol=1e-6)
    assert film.presentation.inverted and film.presentation.voi == "window 2000/1000 LINEAR"


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_other_window_functions_take_the_first_window(tmp_path, function):
    path = write_dicom(tmp_path / "a.dcm", WindowCenter=[2000, 1], WindowWidth=[1000, 2], VOILUTFunction=function)
    if function == "SIGMOID":
        expected = 1 / (1 + np.exp(-4 * (STORED - 2000.0) / 1000))
    else:
        expected = np.clip((STORED - 2000.0) / 1000 + 0.5, 0, 1)
    np.testing.assert_allclose(read_radiograph(path).pixels, expected, atol=1e-6)


def test_modality_comes_before_the_window(tmp_path):
    signed = STORED.astype(np.int16) - 2048
    path = write_dicom(
        tmp_path / "a.dcm",
        signed,
        RescaleSlope=-2,
        RescaleIntercept=100,
        RescaleType="US",
        WindowCenter=0,
        WindowWidth=2001,
    )
    measured = signed * -2.0 + 100
    expected = np.clip((measured + 0.5) / 2000 + 0.5, 0, 1)
    np.testing.assert_allclose(read_radiograph(path).pixels, expected, atol=1e-6)


def test_voi_lut_goes_before_a_window(tmp_path):
    item = voi_lut([int(1023 * (i / 4095) ** 2) for i in range(4096)], bits=10)
    path = write_dicom(tmp_path / "a.dcm", VOILUTSequence=[item], WindowCenter=1, WindowWidth=2)
    film = read_radiograph(path)
    np.testing.assert_allclose(film.pixels, (STORED / 4095.0) ** 2, atol=1e-3)
    assert film.presentation.voi == "VOI LUT"


def test_padding_is_black_and_does_not_stretch_the_range(tmp_path):
    stored = STORED.copy()
    stored[0] = 4095
    path = write_dicom(
        tmp_path / "a.dcm",
        stored,
        PixelPaddingValue=4095,
        PhotometricInterpretation="MONOCHROME1",
    )
    pixels = read_radiograph(path).pixels
    assert (pixels[0] == 0).all()
    rest = stored[1:].astype(float)
    np.testing.assert_allclose(pixels[1:], 1 - (rest - rest.min()) / (rest.max() - rest.min()), atol=1e-6)


def test_raw_max_ignores_window_and_sense(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", WindowCenter=2000, WindowWidth=10, PhotometricInterpretation="MONOCHROME1")
    film = read_radiograph(path, presentation="raw-max")
    np.testing.assert_allclose(film.pixels, STORED / 4046.0, atol=1e-6)


def test_equalize_turns_monochrome1_round(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1", WindowCenter=1, WindowWidth=2)
    pixels = read_radiograph(path, presentation="equalize").pixels
    assert pixels[0, 0] == 1.0 and pixels[-1, -1] == 0.0
    assert (np.diff(pixels.ravel()) <= 0).all()


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"NumberOfFrames": 10000}, "10000 frames, expected one film"),
        ({"PhotometricInterpretation": "RGB"}, "photometric interpretation 'RGB'"),
        ({"Rows": 65535, "Columns": 65535}, "65535x65535 pixels are not between 1 and"),
        ({"Rows": 0}, "0x10 pixels"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "32 of 32 bits stored"),
        ({"WindowCenter": 5, "WindowWidth": 0}, "window width 0"),
        ({"WindowCenter": 5, "WindowWidth": 5, "VOILUTFunction": "CUBIC"}, "unknown VOI LUT Function 'CUBIC'"),
        ({"Rows": 400}, "Pixel Data is truncated: 240 bytes for 400x10 pixels"),
    ],
)
def test_films_that_cannot_be_read_say_why_and_name_nobody(tmp_path, elements, message):
    path = write_dicom(tmp_path / "bad.dcm", **elements)
    with pytest.raises(FilmError, match=message) as caught:
        read_radiograph(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert "Secret" not in str(caught.value) and "secret-id" not in str(caught.value)


def test_truncated_and_empty(tmp_path):
    path = write_dicom(tmp_path / "cut.dcm")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FilmError, match="Pixel Data is truncated: 140 bytes for 12x10 pixels"):
        read_radiograph(path)
    (tmp_path / "empty.dcm").write_bytes(bytes(128) + b"DICM")
    with pytest.raises(FilmError, match=r"empty\.dcm"):
        read_radiograph(tmp_path / "empty.dcm")


@pytest.mark.realdata
def test_a_real_film_is_upright_and_in_the_monochrome2_sense(real_data):
    film = read_radiograph(real_data / "dicom_cr" / "RG1_J2KI.dcm")
    assert film.pixels.shape == (1955, 1841)
    assert film.presentation.bits_stored == 15 and film.presentation.inverted
    lungs = [film.pixels[600:1100, 350:650].mean(), film.pixels[600:1100, 1150:1500].mean()]
    spine = film.pixels[600:1100, 880:960].mean()
    belly = film.pixels[1600:1800, 400:1400].mean()
    # Air is dark and bone bright; the diaphragm's dome with the belly lies below the lungs.
    assert max(lungs) < spine and max(lungs) < belly
