"""DICOM radiographs with every kind of header, of random values; random headers too."""

from __future__ import annotations

import warnings
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pydicom
from deploy.reading import SHAPE
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

RESCALED = {"RescaleSlope": -1, "RescaleIntercept": 4095, "RescaleType": "US"}
WINDOWED = {"WindowCenter": 3000, "WindowWidth": 1000}
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]


def dicom(
    path: Path,
    bits: int = 12,
    signed: bool = False,
    allocated: int = 16,
    photometric: str = "MONOCHROME2",
    syntax: str = ExplicitVRLittleEndian,
    padding_vr: str = "SS",
    raw: dict[str, tuple[str, bytes]] | None = None,
    **fields: object,
) -> Path:
    """Write a radiograph of random values; `fields` are further DICOM elements by keyword, `raw` ones of any VR."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns = SHAPE
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    values = np.random.default_rng(0).integers(low, high, SHAPE)
    # What lies above the stored bits must not count.
    stored = values & ((1 << bits) - 1)
    stored |= np.where(np.arange(SHAPE[1]) % 2, 0, (1 << allocated) - (1 << bits))
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    data = stored.astype(f"{order}u{allocated // 8}").tobytes()
    dataset.add_new("PixelData", "OB" if allocated == 8 else "OW", data + b"\0" * (len(data) % 2))
    for keyword, value in fields.items():
        setattr(dataset, keyword, value)
    for keyword, (vr, value) in (raw or {}).items():
        with patch.object(pydicom.config, "replace_un_with_known_vr", False):
            dataset[keyword] = DataElement(keyword, vr, value, validation_mode=IGNORE)
    if syntax == RLELossless:
        dataset.compress(RLELossless, encoding_plugin="pydicom")  # GDCM's ends the process on an odd number of bytes
    little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the odd values that are wanted here
        pydicom.dcmwrite(path, dataset, little_endian=little, implicit_vr=implicit, enforce_file_format=True)
    path.write_bytes(path.read_bytes().replace(b"\x28\0\x20\x01SS", b"\x28\0\x20\x01" + padding_vr.encode()))
    return path


def lookup_table(
    first: int, entries: list[int], bits: int, first_vr: str = "US", data_vr: str = "US", claimed: int = -1
) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", first_vr, [(len(entries) if claimed < 0 else claimed) % 65536, first, bits])
    data = np.array(entries, "<u2").tobytes() if data_vr == "OW" else entries
    item.add_new("LUTData", data_vr, data)
    return item


def packed_table(entries: list[int]) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), 0, 8])
    item.add_new("LUTData", "OW", bytes(entries))
    return item


def item_of(**elements: object) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def implicit_sequence(keyword: str, *items: Dataset) -> bytes:
    """A sequence's value as it lies in an implicit file, and in an element of VR UN."""
    holder, file = item_of(**{keyword: list(items)}), DicomBytesIO()
    file.is_little_endian = file.is_implicit_VR = True
    write_dataset(file, holder)
    return file.getvalue()[8:]


def frame_groups(keyword: str, **macros: dict[str, object]) -> dict[str, list[Dataset]]:
    return {keyword: [item_of(**{macro: [item_of(**elements)] for macro, elements in macros.items()})]}


def random_radiograph(path: Path, seed: int) -> Path:
    """A radiograph whose header is drawn at random: mostly what is met, now and then what is not allowed."""
    rng = np.random.default_rng(seed)

    def one_of(*choices: object) -> object:
        return choices[rng.integers(len(choices))]

    def maybe(probability: float) -> bool:
        return bool(rng.random() < probability)

    def random_table(needed: int) -> Dataset:
        bits = int(one_of(8, 10, 12, 14, 16, 16, 17))
        used = int(one_of(bits, bits, needed, bits + 1))
        count = int(one_of(1, 2, 100, 255, 256, 1000, 4096))
        entries = np.sort(rng.integers(0, 1 << min(used, 16), count)).tolist()
        if maybe(0.1):
            entries = [int(entries[0])] * count
        first_vr = str(one_of("US", "SS"))
        first = int(one_of(0, 10, 1024, -1024, -10, 40000))
        first = first % 65536 if first_vr == "US" else (first + 32768) % 65536 - 32768
        if bits == 8 and maybe(0.4):
            return packed_table([value & 255 for value in entries])
        claimed = count + 1 if maybe(0.05) else -1
        return lookup_table(first, entries, bits, first_vr, str(one_of("US", "OW")), claimed)

    allocated = int(one_of(8, 16, 16, 16))
    bits = int(rng.integers(1, allocated + 1)) if maybe(0.3) else int(one_of(allocated, min(12, allocated)))
    signed = maybe(0.3)
    fields: dict[str, object] = {
        "bits": bits, "allocated": allocated, "signed": signed,
        "photometric": one_of("MONOCHROME1", "MONOCHROME2"), "syntax": one_of(*SYNTAXES),
    }  # fmt: skip
    if maybe(0.2):
        fields["HighBit"] = int(rng.integers(bits - 1, allocated + 1))
    if maybe(0.2) and fields["syntax"] != RLELossless:  # which pydicom would not write
        fields["NumberOfFrames"] = one_of(0, 1, 1, 2)
    raw: dict[str, tuple[str, bytes]] = {}
    rescale = {
        "RescaleSlope": one_of(1, 1, -1, 0, 0.37, "1e-3", "1e40"), "RescaleIntercept": one_of(0, -1024, 4095, 0.5),
    }  # fmt: skip
    window = {
        "WindowCenter": one_of(0, 100, 2048, -500.5, [40, 9]), "WindowWidth": one_of(4096, 700.25, 300, 1, 0, [80, 3]),
    }  # fmt: skip
    if maybe(0.4):
        window["VOILUTFunction"] = one_of("LINEAR", "LINEAR_EXACT", "SIGMOID", "sigmoid", "CUBIC")
    if maybe(0.2):
        groups = one_of("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
        shown = {**window, "VOILUTSequence": [random_table(bits)]} if maybe(0.4) else window
        macros = {"PixelValueTransformationSequence": rescale, "FrameVOILUTSequence": shown}
        fields |= frame_groups(str(groups), **macros)
    if maybe(0.5):
        fields |= rescale
    if maybe(0.4):
        fields |= window
    elif maybe(0.3):
        vr = str(one_of("UN", "OB"))
        raw |= {
            "WindowCenter": (vr, b"1000"),
            "WindowWidth": (vr, bytes(str(one_of("700\\3 ", "+900", "x1")), "ascii")),
        }
    if maybe(0.2):
        fields["ModalityLUTSequence"] = [random_table(bits)]
    if maybe(0.3):
        fields["VOILUTSequence"] = [random_table(bits)]
    if maybe(0.2):
        shape = one_of("IDENTITY", "INVERSE", "inverse", "LIN OD", "OTHER")
        raw["PresentationLUTShape"] = (str(one_of("CS", "UN")), str(shape).encode())
    if maybe(0.1):
        fields.pop(str(one_of(*rescale, *window)), None)
    if maybe(0.25):
        low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
        fields["PixelPaddingValue"] = int(rng.integers(low, high))
        if maybe(0.5):
            fields["PixelPaddingRangeLimit"] = int(rng.integers(low, high))
        fields["padding_vr"] = one_of("US", "SS")
    return dicom(path, raw=raw, **fields)
