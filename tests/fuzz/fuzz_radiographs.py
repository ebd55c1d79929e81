"""Coverage-guided fuzzing of reading radiographs: any bytes give pixels in [0, 1] or a RadiographError, and no warning.

    python tests/fuzz/fuzz_radiographs.py -max_total_time=600 [CORPUS]

The seeds are radiographs in every file format and encoding, which this program writes itself. The C and C++ code of the
decoders is not instrumented, but a crash in it is a finding too.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import atheris
from installation import require_ordinary_installation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["EGAZE_MAX_RADIOGRAPH_PIXELS"] = str(1 << 18)  # bounds the time of one execution

with atheris.instrument_imports(include=["egaze.imaging", "pydicom.pixels", "pydicom.encaps", "PIL"]):
    from egaze.imaging import PRESENTATIONS, read_stored

import numpy as np
import pydicom
from imaging.dicom_radiographs import STORED, voi_lut, write_dicom
from PIL import Image
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from egaze.errors import RadiographError

SYNTAXES = [
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless,
    JPEGBaseline8Bit, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless,
    JPEG2000Lossless, JPEG2000,
]  # fmt: skip


def write_seeds(folder: Path) -> None:
    grey = (np.add.outer(np.arange(32), np.arange(40)) * 3).astype(np.uint8)
    for syntax in SYNTAXES:
        deep = grey if syntax == JPEGBaseline8Bit else grey.astype(np.uint16) * 16
        write_dicom(folder / f"{syntax}.dcm", deep, syntax=syntax, bits=8 if deep is grey else 12)
    extended = Path(pydicom.__file__).parent / "data" / "test_files" / "JPGExtended.dcm"
    shutil.copy(extended, folder / "extended.dcm")
    described = {
        "window": {"WindowCenter": [2000, 1], "WindowWidth": [900, 2], "VOILUTFunction": "SIGMOID"},
        "rescale": {"RescaleSlope": "-1.5", "RescaleIntercept": "9", "RescaleType": "US", "PixelPaddingValue": 34,
                    "PixelPaddingRangeLimit": 68, "PhotometricInterpretation": "MONOCHROME1"},
        "lut": {"ModalityLUTSequence": [voi_lut(list(range(4096)))], "VOILUTSequence": [voi_lut(bytes(256), vr="OW")]},
        "high-bit": {"HighBit": 15, "NumberOfFrames": 1},
    }  # fmt: skip
    for name, elements in described.items():
        write_dicom(folder / f"{name}.dcm", STORED, **elements)
        write_dicom(folder / f"{name}-implicit.dcm", STORED, syntax=ImplicitVRLittleEndian, **elements)
    pictures = [
        Image.fromarray(grey),
        Image.fromarray(grey.astype(np.uint16) * 257),
        Image.fromarray(grey).convert("RGBA"),
    ]
    pictures += [Image.fromarray(grey).convert("P"), Image.fromarray(grey > 50)]
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number}.png")
    Image.fromarray(grey).save(folder / "grey.jpg")
    Image.fromarray(grey).convert("RGB").save(folder / "progressive.jpg", progressive=True)
    for array in (grey, grey.astype(np.uint16), np.float32(grey / 255.0)):
        np.save(folder / f"{array.dtype}.npy", array)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's mutation, with correct checksums in PNG files, because a wrong one ends the decoding early."""
    mutated = bytearray(atheris.Mutate(data, max_size))
    at = 8
    while mutated.startswith(b"\x89PNG") and at + 12 <= len(mutated):
        end = at + 12 + int.from_bytes(mutated[at : at + 4], "big")
        if end > len(mutated):
            break
        mutated[end - 4 : end] = zlib.crc32(mutated[at + 4 : end - 4]).to_bytes(4, "big")
        at = end
    return bytes(mutated)


def read_bytes(data: bytes) -> None:
    RADIOGRAPH.write_bytes(data)
    policy = PRESENTATIONS[data[-1] % len(PRESENTATIONS)] if data else "voi"
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            pixels = read_stored(RADIOGRAPH, presentation=policy).present().pixels
        except RadiographError as error:
            assert "\n" not in str(error) and "ecret" not in str(error), error
            pixels = np.zeros((1, 1), np.float32)
    assert not warned, warned[0].message
    assert pixels.ndim == 2 and pixels.dtype == np.float32 and pixels.min() >= 0 and pixels.max() <= 1


if __name__ == "__main__":
    require_ordinary_installation()
    with tempfile.TemporaryDirectory() as scratch:
        RADIOGRAPH = Path(scratch) / "radiograph"
        seeds = Path(scratch) / "seeds"
        seeds.mkdir()
        write_seeds(seeds)
        own = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
        options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
        corpus = [*own, str(seeds)] if own else [str(seeds)]
        arguments = [sys.argv[0], "-max_len=65536", "-timeout=20", "-rss_limit_mb=4096", *options, *corpus]
        atheris.Setup(arguments, read_bytes, custom_mutator=mutate)
        atheris.Fuzz()
