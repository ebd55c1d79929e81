"""Every single-frame monochrome image that pydicom ships, against pydicom's own processing."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_modality_lut, apply_presentation_lut, apply_voi_lut

from egaze.errors import RadiographError
from egaze.imaging import read_radiograph

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"

#: Files that are refused, and what the message says.
REFUSED = {
    "MR_truncated.dcm": "Pixel Data is truncated: 8130 bytes for 64x64 pixels",
    "liver_1frame.dcm": "1 of 1 bits stored",
    "liver_expb_1frame.dcm": "1 of 1 bits stored",
    "JPEG2000-embedded-sequence-delimiter.dcm": "JPEG 2000 of 14540801 tiles",
    "rtdose_1frame.dcm": "32 of 32 bits stored",
    "rtdose_expb_1frame.dcm": "32 of 32 bits stored",
    "rtdose_rle_1frame.dcm": "32 of 32 bits stored",
}
#: JPEG of 12 bits: no decoder that pydicom asks can read it.
BEYOND_PYDICOM = {"JPEG-lossy.dcm", "JPGExtended.dcm"}


def read_quietly(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, **options)


def is_single_grey_frame(path):
    try:
        dataset = read_quietly(path)
    except (InvalidDicomError, EOFError, AttributeError):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (
            "PixelData" in dataset
            and str(dataset.get("NumberOfFrames") or 1) == "1"
            and str(dataset.get("PhotometricInterpretation")) in ("MONOCHROME1", "MONOCHROME2")
            and "TransferSyntaxUID" in dataset.get("file_meta", {})
        )


# Only what the wheel holds: nothing is fetched.
RADIOGRAPHS = sorted(path for path in FOLDER.rglob("*") if path.is_file() and is_single_grey_frame(path))


def test_the_installed_pydicom_has_the_expected_files():
    assert len(RADIOGRAPHS) >= 50 and {path.name for path in RADIOGRAPHS} >= {*REFUSED, *BEYOND_PYDICOM}


@pytest.mark.parametrize("path", RADIOGRAPHS, ids=lambda path: path.name)
def test_a_radiograph_is_as_pydicom_shows_it(path):
    if path.name in REFUSED:
        with pytest.raises(RadiographError, match=f"{path.name}: {REFUSED[path.name]}"):
            read_radiograph(path)
        return
    radiograph = read_radiograph(path)
    raw = read_radiograph(path, presentation="raw-max")
    dataset = read_quietly(path)
    if path.name in BEYOND_PYDICOM:
        assert radiograph.pixels.shape == (dataset.Rows, dataset.Columns) and radiograph.pixels.std() > 0
        return
    stored = read_stored(dataset)
    np.testing.assert_allclose(raw.pixels, np.clip(stored / stored.max(), 0, 1), atol=1e-6)
    shown, low, high = as_pydicom_shows(dataset, stored)
    shown = (shown - low) / (high - low)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        shown = 1.0 - shown
    padding = dataset.get("PixelPaddingValue")
    if padding is not None:
        assert (stored != padding).any()
        shown = np.where(stored == padding, 0.0, shown)
    np.testing.assert_allclose(radiograph.pixels, shown, atol=2e-6)


def read_stored(dataset):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dataset.pixel_array.astype(np.int64)


def as_pydicom_shows(dataset, stored):
    """Values after the VOI step, and what black and white are among them."""
    measured = apply_modality_lut(stored, dataset)
    if dataset.get("VOILUTSequence"):
        bits = dataset.VOILUTSequence[0].LUTDescriptor[2]
        return apply_voi_lut(measured.astype(np.int64), dataset), 0, 2**bits - 1
    if "WindowCenter" in dataset and "WindowWidth" in dataset:
        span = np.array([-(1 << 40), 1 << 40], dtype=np.float64)  # far outside the window on both sides
        return apply_voi_lut(measured, dataset), *apply_voi_lut(span, dataset)
    held = measured[stored != dataset.get("PixelPaddingValue", 1 << 40)]
    return measured, held.min(), held.max()


def test_presentation_lut_shape_only_repeats_monochrome1(tmp_path):
    from imaging.dicom_radiographs import STORED, dataset_of, write_dicom

    described = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    radiograph = read_radiograph(write_dicom(tmp_path / "a.dcm", **described))
    expected = apply_presentation_lut(STORED.astype(np.int64), dataset_of(**described))
    np.testing.assert_allclose(radiograph.pixels, expected / 4046.0, atol=1e-6)
