"""The facts about an installation that a report of a fault needs, and nothing about whose it is."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

#: Extras for work on egaze itself.
_OF_DEVELOPERS = ("benchmark", "browser", "dev", "fuzz", "reference", "test")

#: What DICOM's compressed pixels may be compressed by, with the names of pydicom's transfer syntaxes.
_COMPRESSIONS = {
    "RLE": ("RLELossless",),
    "JPEG of 8 bits, lossy": ("JPEGBaseline8Bit",),
    "JPEG of 12 bits, lossy": ("JPEGExtended12Bit",),
    "JPEG lossless": ("JPEGLossless", "JPEGLosslessSV1"),
    "JPEG-LS": ("JPEGLSLossless", "JPEGLSNearLossless"),
    "JPEG 2000": ("JPEG2000Lossless", "JPEG2000"),
}


def installation() -> dict[str, Any]:
    """Tell versions, extras, devices, the compiled module, image formats and egaze-run, as a JSON object.

    Paths, names of users and hosts, and values of environment variables are left out. What cannot be imported is said
    by the kind of its error, and stops nothing.
    """
    return {
        "egaze": version("egaze"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "packages": {name: _version(name) for name in _required(None)},
        "extras": _extras(),
        "devices": _devices(),
        "compiled_module": _compiled_module(),
        "radiographs": _radiographs(),
        "egaze_run": _runner(),
        "environment": sorted(name for name in os.environ if name.startswith("EGAZE_")),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _required(extra: str | None) -> list[str]:
    """The packages that egaze needs, or that one of its extras brings."""
    found = []
    for line in requires("egaze") or []:
        of = re.search(r"extra == ['\"]([^'\"]+)['\"]", line)
        if (of and of[1]) == extra and "python_version" not in line:
            found.append(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0])
    return sorted(found)


def _extras() -> dict[str, dict[str, str | None]]:
    """The versions of each extra's packages, None where one is missing."""
    names = {found for line in requires("egaze") or [] for found in re.findall(r"extra == ['\"]([^'\"]+)", line)}
    return {extra: {name: _version(name) for name in _required(extra)} for extra in sorted(names - set(_OF_DEVELOPERS))}


def _devices() -> dict[str, Any]:
    try:
        import torch
    except Exception as error:  # torch fails in many ways where it does not fit the machine
        return {"error": f"torch cannot be imported ({type(error).__name__})"}
    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "cpu_threads": torch.get_num_threads(),
        "cuda": cuda if torch.cuda.is_available() else [],
        "cuda_of_torch": torch.version.cuda,
    }


def _compiled_module() -> dict[str, Any]:
    from egaze import _core

    try:
        level = _core.simd_level()
    except ValueError:
        level = "unknown, because EGAZE_SIMD names none of them"
    return {"compiler": _core.compiler(), "simd": level, "simd_levels": list(_core.simd_levels())}


def _radiographs() -> dict[str, Any]:
    """Which files of radiographs can be read, and by which libraries."""
    from PIL import features

    jpeg = {"libjpeg-turbo": features.version_feature("libjpeg_turbo")}
    if jpeg["libjpeg-turbo"] is None:
        jpeg = {"libjpeg": features.version("jpg")}
    libraries = {"pillow": _version("pillow"), **jpeg, "zlib": features.version("zlib")}
    try:
        from pydicom import uid
        from pydicom.pixels.decoders.base import get_decoder
    except Exception as error:
        return {"error": f"pydicom cannot be imported ({type(error).__name__})", "libraries": libraries}
    dicom = {
        name: all(get_decoder(getattr(uid, syntax)).is_available for syntax in syntaxes)
        for name, syntaxes in _COMPRESSIONS.items()
    }
    return {"png_jpeg_npy": True, "dicom_uncompressed": True, "dicom": dicom, "libraries": libraries}


def _runner() -> dict[str, str] | None:
    """What egaze-run on the PATH says of itself; None if it is not there."""
    program = shutil.which("egaze-run")
    if program is None:
        return None
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        return {"error": f"does not run ({type(error).__name__})"}
    first, *formats = told.splitlines() or [""]
    return {"version": first, **dict(line.split(": ", 1) for line in formats if ": " in line)}
