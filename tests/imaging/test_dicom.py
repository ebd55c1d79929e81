import numpy as np
import pytest
from imaging.dicom_radiographs import STORED, dataset_of, voi_lut, write_dicom
from pydicom.pixels.processing import apply_modality_lut, apply_voi
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from egaze import read_radiograph
from egaze.errors import RadiographError


def test_without_a_window_the_radiograph_s_own_range(tmp_path):
    radiograph = read_radiograph(write_dicom(tmp_path / "a.dcm"))
    np.testing.assert_allclose(radiograph.pixels, STORED / 4046.0, atol=1e-6)
    assert radiograph.presentation.voi is None and not radiograph.presentation.inverted


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_linear_window_then_inversion(tmp_path, syntax):
    path = write_dicom(
        tmp_path / "a.dcm",
        syntax=syntax,
        WindowCenter=2000,
        WindowWidth=1000,
        PhotometricInterpretation="MONOCHROME1",
    )
    radiograph = read_radiograph(path)
    # PS3.3 C.11.2.1.2.1, with y from 0 to 1; MONOCHROME1 is turned round once, after the window.
    expected = 1.0 - np.clip((STORED - 1999.5) / 999.0 + 0.5, 0, 1)
    np.testing.assert_allclose(radiograph.pixels, expected, atol=1e-6)
    assert radiograph.presentation.inverted and radiograph.presentation.voi == "window 2000/1000 LINEAR"


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
    radiograph = read_radiograph(path)
    np.testing.assert_allclose(radiograph.pixels, (STORED / 4095.0) ** 2, atol=1e-3)
    assert radiograph.presentation.voi == "VOI LUT"


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
    radiograph = read_radiograph(path, presentation="raw-max")
    np.testing.assert_allclose(radiograph.pixels, STORED / 4046.0, atol=1e-6)


def test_equalize_inverts_monochrome1(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1", WindowCenter=1, WindowWidth=2)
    pixels = read_radiograph(path, presentation="equalize").pixels
    assert pixels[0, 0] == 1.0 and pixels[-1, -1] == 0.0
    assert (np.diff(pixels.ravel()) <= 0).all()


def modality_then_voi(stored, **elements):
    """What pydicom makes of a radiograph, from 0 to 1."""
    dataset = dataset_of(stored, **elements)
    dataset.set_original_encoding(False, True, "utf-8")
    measured = apply_modality_lut(stored.astype(np.int64), dataset).astype(np.int64)
    return apply_voi(measured, dataset) / (2.0 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1)


RAMP = (np.linspace(0, 1, 500) ** 2 * 65535).astype(np.uint16)
BYTES = (np.linspace(0, 1, 256) ** 2 * 255).astype(np.uint8)
LUTS = {
    "the first of several": [voi_lut(RAMP.tolist()), voi_lut([0, 65535])],
    "words": [voi_lut(RAMP.tobytes(), vr="OW")],
    "inputs below and above": [voi_lut(RAMP.tolist(), first=1000)],
    "10 bits": [voi_lut((RAMP >> 6).tolist(), bits=10)],
    "all 65,536 entries": [voi_lut(np.arange(65536, dtype=np.uint16)[::-1].tobytes(), vr="OW")],
}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize("name", LUTS)
def test_voi_luts_as_pydicom_applies_them(tmp_path, name, syntax):
    path = write_dicom(tmp_path / "a.dcm", syntax=syntax, VOILUTSequence=LUTS[name])
    expected = modality_then_voi(STORED, VOILUTSequence=LUTS[name])
    np.testing.assert_allclose(read_radiograph(path).pixels, expected, atol=1e-6)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize("signed", [False, True])
def test_the_first_input_of_a_voi_lut_may_be_negative(tmp_path, syntax, signed):
    # Unsigned values that Rescale makes negative: what tells the sign of the descriptor is the modality's output.
    stored = STORED.astype(np.int16) - 2048 if signed else STORED
    elements = {} if signed else {"RescaleSlope": 1, "RescaleIntercept": -2048, "RescaleType": "US"}
    elements["VOILUTSequence"] = [voi_lut(RAMP.tolist(), first=-300, first_vr="SS")]
    path = write_dicom(tmp_path / "a.dcm", stored, syntax=syntax, **elements)
    np.testing.assert_allclose(read_radiograph(path).pixels, modality_then_voi(stored, **elements), atol=1e-6)


@pytest.mark.parametrize("entries", [255, 256])
@pytest.mark.parametrize("packed", [False, True])
def test_luts_of_bytes(tmp_path, entries, packed):
    # Not as pydicom, whose inputs above 255 wrap round where the entries are bytes.
    values = BYTES[:entries]
    data = values.tobytes() + b"\0" * (entries % 2) if packed else values.astype("<u2").tobytes()
    item = voi_lut(data, vr="OW", bits=8)
    item.LUTDescriptor = [entries, 0, 8]
    path = write_dicom(tmp_path / "a.dcm", VOILUTSequence=[item])
    expected = values[np.minimum(STORED, entries - 1)] / 255.0
    np.testing.assert_allclose(read_radiograph(path).pixels, expected, atol=1e-6)


@pytest.mark.parametrize("value", [0, 4095])
@pytest.mark.parametrize(("keyword", "name"), [("VOILUTSequence", "VOI LUT"), ("ModalityLUTSequence", "Modality LUT")])
def test_a_lut_that_makes_all_pixels_the_same_is_refused(tmp_path, keyword, name, value):
    path = write_dicom(tmp_path / "a.dcm", **{keyword: [voi_lut([value] * 300, bits=12)]})
    with pytest.raises(
        RadiographError, match=f"a.dcm: {name} has only entries of {value}, which would make all pixels the"
    ):
        read_radiograph(path)


def test_a_modality_lut_goes_before_the_window(tmp_path):
    modality = voi_lut(((np.arange(4096) * 37) % 4096).tolist(), bits=16)
    path = write_dicom(tmp_path / "a.dcm", ModalityLUTSequence=[modality], WindowCenter=2048, WindowWidth=4096)
    measured = (STORED.astype(np.int64) * 37) % 4096
    np.testing.assert_allclose(read_radiograph(path).pixels, np.clip((measured - 2047.5) / 4095 + 0.5, 0, 1), atol=1e-6)
    plain = write_dicom(tmp_path / "b.dcm", ModalityLUTSequence=[modality])
    expected = (measured - measured.min()) / (measured.max() - measured.min())
    np.testing.assert_allclose(read_radiograph(plain).pixels, expected, atol=1e-6)


def test_a_slope_without_intercept_and_an_empty_window_are_ignored(tmp_path):
    radiograph = read_radiograph(write_dicom(tmp_path / "a.dcm", RescaleSlope=-1, WindowCenter=None, WindowWidth=5))
    np.testing.assert_allclose(radiograph.pixels, STORED / 4046.0, atol=1e-6)
    assert radiograph.presentation.voi is None


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize("vr", ["US", "SS"])
def test_padding_is_signed_as_the_pixels_are(tmp_path, syntax, vr):
    # Writers are met that give signed pixels a padding value of VR US.
    stored = STORED.astype(np.int16) - 2048
    stored[:, 3:5] = [-2000, -1990]
    dataset = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1990, "WindowCenter": 0, "WindowWidth": 8000}
    path = write_dicom(tmp_path / "a.dcm", stored, bits=16, syntax=syntax, **dataset)
    path.write_bytes(path.read_bytes().replace(b"\x28\0\x20\x01SS", b"\x28\0\x20\x01" + vr.encode()))
    pixels = read_radiograph(path).pixels
    assert (pixels[:, 3:5] == 0).all() and (np.delete(pixels, [3, 4], axis=1) > 0).all()


@pytest.mark.realdata
def test_a_real_radiograph_is_upright_and_in_the_monochrome2_sense(real_data):
    radiograph = read_radiograph(real_data / "dicom_cr" / "RG1_J2KI.dcm")
    assert radiograph.pixels.shape == (1955, 1841)
    assert radiograph.presentation.bits_stored == 15 and radiograph.presentation.inverted
    lungs = [radiograph.pixels[600:1100, 350:650].mean(), radiograph.pixels[600:1100, 1150:1500].mean()]
    spine = radiograph.pixels[600:1100, 880:960].mean()
    belly = radiograph.pixels[1600:1800, 400:1400].mean()
    # Air is dark and bone bright; the diaphragm's dome with the belly lies below the lungs.
    assert max(lungs) < spine and max(lungs) < belly
