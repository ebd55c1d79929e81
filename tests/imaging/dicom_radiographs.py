"""DICOM radiographs that tests write, in every coding that a radiograph may have."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)

STORED = (np.arange(12 * 10).reshape(12, 10) * 34).astype(np.uint16)  # 0 to 4046 of 12 bits

_NATIVE = {ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
#: pydicom has no encoder for these.
_BY_GDCM = {JPEGLossless, JPEGLosslessSV1}
_BY_PILLOW = {JPEGBaseline8Bit, JPEGExtended12Bit}

#: Identity that no message, log record or result may hold.
IDENTITY = {
    "PatientName": "Secret^Name",
    "PatientID": "secret-id",
    "PatientBirthDate": "19000203",
    "PatientAddress": "Secret Street 7",
    "AccessionNumber": "SECRETACC",
    "InstitutionName": "Secret Clinic",
    "ReferringPhysicianName": "Secret^Doctor",
    "StudyDescription": "secret study",
}


def dataset_of(stored=STORED, *, bits=12, **elements):
    """A data set of an uncompressed radiograph, words in the machine's order; `elements` are DICOM elements by
    keyword."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    for keyword, text in IDENTITY.items():
        setattr(dataset, keyword, text)
    allocated = 8 * stored.dtype.itemsize
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = min(bits, allocated)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    data = stored.tobytes()
    dataset.add_new("PixelData", "OB" if allocated == 8 else "OW", data + b"\0" * (len(data) % 2))
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def write_dicom(path: Path, stored=STORED, *, syntax=ExplicitVRLittleEndian, bits=12, **elements) -> Path:
    """Write a radiograph in a transfer syntax."""
    dataset = dataset_of(stored, bits=bits, **elements)
    meta = dataset.file_meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax if syntax in _NATIVE else ExplicitVRLittleEndian
    if syntax == ExplicitVRBigEndian and stored.dtype.itemsize == 2:
        dataset.PixelData = stored.byteswap().tobytes()
    if syntax in _BY_PILLOW:
        coded = BytesIO()
        Image.fromarray(stored).save(coded, format="JPEG", quality=95)
        dataset.PixelData, meta.TransferSyntaxUID = encapsulate([coded.getvalue()]), syntax
    elif syntax not in _NATIVE | _BY_GDCM:
        dataset.compress(UID(syntax), generate_instance_uid=False, **_encoding_options(syntax))
    pydicom.dcmwrite(
        path,
        dataset,
        little_endian=syntax != ExplicitVRBigEndian,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        enforce_file_format=True,
    )
    if syntax in _BY_GDCM:
        _code_by_gdcm(path, syntax)
    return path


def overlaid_values(shape):
    """Twelve bits of random values."""
    return np.random.default_rng(2).integers(0, 4096, shape).astype(np.uint16)


def radiograph_with_overlay_bits(path: Path, shape, syntax) -> Path:
    """`overlaid_values` with an overlay in bit 12, coded with its 13 bits, in a radiograph that stores 12."""
    words = overlaid_values(shape) | (np.arange(shape[1]) % 3 == 0).astype(np.uint16) << 12
    write_dicom(path, words, syntax=syntax, bits=12 if syntax in _NATIVE | {RLELossless} else 16)
    dataset = pydicom.dcmread(path)
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.save_as(path)
    return path


def voi_lut(entries, *, first=0, bits=16, vr="US", first_vr="US") -> Dataset:
    """A VOI LUT or Modality LUT item; `entries` are bytes for OW."""
    item = Dataset()
    count = len(entries) if vr == "US" else len(entries) // 2
    item.add_new("LUTDescriptor", first_vr, [count % 65536, first, bits])
    item.add_new("LUTData", vr, entries)
    return item


def _encoding_options(syntax):
    name = UID(syntax).keyword
    options = {
        # GDCM's encoder aborts the process on an odd number of bytes.
        "RLELossless": {"encoding_plugin": "pydicom"},
        "JPEGLSNearLossless": {"jls_error": 3},
        "JPEG2000": {"j2k_cr": [4]},
    }
    return options.get(name, {})


def _code_by_gdcm(path, syntax):
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
