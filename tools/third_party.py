"""Draw THIRD_PARTY.md: licences of what is installed with egaze and, apart, with each extra, and of what is linked.

    python tools/third_party.py [--out THIRD_PARTY.md]

It asks the packages that are installed where it runs, so `make third-party` installs all extras first.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent

#: Extras that develop egaze; the others are for its users.
DEVELOPMENT = ("reference", "test", "benchmark", "dev", "fuzz")

#: What C++ code is linked with, by the name in `find_package`: library, licence, and where it is used.
LINKED = {
    "EgazeTorch": (
        "libtorch, of the package torch",
        "BSD-3-Clause",
        "the runtime, where it is found; its parts are torch's",
    ),
    "EgazeOpenVINO": (
        "OpenVINO, of the package openvino",
        "Apache-2.0, and those of its parts",
        "the runtime, where it is found; its parts are openvino's",
    ),
    "pybind11": ("pybind11, headers", "BSD-3-Clause", "the wheel's compiled module"),
    "PNG": ("libpng, with zlib", "libpng-2.0, Zlib", "imaging in C++ and egaze-run, where it is found"),
    "JPEG": ("libjpeg-turbo", "IJG, BSD-3-Clause, Zlib", "imaging in C++ and egaze-run, where it is found"),
    "DCMTK": ("DCMTK", "BSD-3-Clause, and those of its parts", "DICOM in C++ and egaze-run, where it is found"),
    "OpenSSL": ("OpenSSL 3, libcrypto", "Apache-2.0", "signatures in C++ and egaze-run, where it is found"),
    "GTest": ("GoogleTest", "BSD-3-Clause", "C++ tests only"),
}
#: Found by CMake, and no library of others: the system's threads, Python itself, and egaze.
SYSTEM = ("Threads", "Python", "Python3", "egaze")

#: What a package's metadata does not tell.
REMARKS = {
    "imageio-ffmpeg": "the wheel holds a program ffmpeg, which is under the GPL and runs as a process of its own",
    "opencv-python-headless": "the wheel holds FFmpeg's libraries, under the LGPL",
    "cuda-toolkit": "an empty package, which names the ones of NVIDIA",
    "numpy": "the wheel holds OpenBLAS and GCC's runtime libraries",
    "scipy": "the wheel holds OpenBLAS and GCC's runtime libraries",
    "pillow": "the wheel holds libjpeg-turbo, libpng, OpenJPEG and others",
    "python-gdcm": "the wheel holds GDCM with its decoders",
}

#: Licences of packages that not every Python or machine has.
NOT_EVERYWHERE = {"tomli": ("MIT", "before Python 3.11 only"), "atheris": ("Apache-2.0", "where it has a wheel")}

# Classifiers as SPDX names them.
_SHORT = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Other/Proprietary License": "proprietary",
}
_BY_TEXT = (
    ("Apache License", "Apache-2.0"),
    ("MIT License", "MIT"),
    ("Permission is hereby granted, free of charge", "MIT"),
    ("Redistribution and use in source and binary forms", "BSD"),
)
UNKNOWN = "not stated"


def project() -> dict[str, object]:
    """The table `project` of pyproject.toml."""
    content: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return content


def groups() -> dict[str, list[Requirement]]:
    """What pyproject.toml asks for: "" for egaze itself, then each extra."""
    asked = project()
    texts = {"": asked["dependencies"], **asked["optional-dependencies"]}  # type: ignore[dict-item]
    return {name: [Requirement(text) for text in items] for name, items in texts.items()}


def closure(asked: Iterable[Requirement]) -> tuple[dict[str, Distribution], set[str]]:
    """All packages that requirements bring, by canonical name, and the names of those that are not installed here."""
    found: dict[str, Distribution] = {}
    missing: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting: list[tuple[Requirement, str]] = []
    for need in asked:
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            waiting += [(need, extra) for extra in ("", *need.extras)]
        else:
            missing.add(canonicalize_name(need.name))
    while waiting:
        need, extra = waiting.pop()
        name = canonicalize_name(need.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        if name == "egaze":  # an extra that takes in another one
            waiting += [(item, more) for item in groups()[extra] for more in ("", *item.extras)] if extra else []
            continue
        try:
            package = distribution(need.name)
        except PackageNotFoundError:
            missing.add(name)
            continue
        found[name] = package
        for item in map(Requirement, package.requires or ()):
            if item.marker is None or item.marker.evaluate({"extra": extra}):
                waiting += [(item, more) for more in ("", *item.extras)]
    return found, missing


def licence(package: Distribution) -> str:
    """A package's licence as its metadata or, failing these, the text of its licence says."""
    metadata = package.metadata
    if stated := metadata.get("License-Expression"):
        return str(stated)
    classifiers = [
        item.split(" :: ")[-1] for item in metadata.get_all("Classifier") or () if item.startswith("License")
    ]
    if named := [_SHORT.get(item, item) for item in classifiers if item != "OSI Approved"]:
        return ", ".join(named)
    text = (metadata.get("License") or "").strip()
    if text and text.upper() != "UNKNOWN" and len(text) <= 60:
        return text.splitlines()[0]
    for file in package.files or ():
        if re.search("licen[sc]e|copying", file.name, re.IGNORECASE) and (path := Path(str(file.locate()))).is_file():
            content = path.read_text(encoding="utf-8", errors="replace")
            if found := next((name for said, name in _BY_TEXT if said in content), None):
                return f"{found} (by its text)"
    return UNKNOWN


def draw() -> str:
    """The page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    asked = groups()
    base, missing = closure(asked[""])
    yield "# Third-party licences"
    yield ""
    yield (
        "Drawn by `make third-party` on Linux x86-64; other systems and later versions can differ. egaze itself is "
        "under Apache-2.0, and its wheel and source hold no code of these packages."
    )
    yield ""
    yield "## Installed with `pip install egaze`"
    yield from _table(base, missing)
    shown = set(base)
    for title, names in (
        (
            "Installed with an extra, each beside the above",
            [name for name in sorted(asked) if name not in ("", *DEVELOPMENT)],
        ),
        ("Installed to develop egaze, each beside all above", DEVELOPMENT),
    ):
        yield ""
        yield f"## {title}"
        of_users: set[str] = set()
        for name in names:
            found, missing = closure(asked[name])
            yield ""
            yield f"### `egaze[{name}]`"
            yield from _table({key: item for key, item in found.items() if key not in shown}, missing)
            (shown if name in DEVELOPMENT else of_users).update(found)
        shown |= of_users
    yield ""
    yield "## Linked by C++ code"
    yield ""
    yield (
        "Nothing of these is part of egaze's wheel or source but headers of pybind11 that were compiled; they come "
        "from the system or from the packages above."
    )
    yield ""
    yield "| `find_package` | library | licence | used by |"
    yield "|---|---|---|---|"
    for name, row in LINKED.items():
        yield f"| {name} | {' | '.join(row)} |"


def _table(found: dict[str, Distribution], missing: set[str]) -> Iterator[str]:
    yield ""
    if not found and not missing:
        yield "Nothing more."
        return
    yield "| package | version | licence | |"
    yield "|---|---|---|---|"
    for name in sorted({*found, *missing}):
        if name in missing:
            stated, remark = NOT_EVERYWHERE.get(name, (UNKNOWN, "not installed where this was drawn"))
            yield f"| {name} | | {stated} | {remark} |"
        else:
            version = found[name].version.partition("+")[0]
            yield f"| {name} | {version} | {licence(found[name])} | {REMARKS.get(name, '')} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "THIRD_PARTY.md")
    out = parser.parse_args().out
    page = draw()
    out.write_text(page, encoding="utf-8")
    print(f"{out}: {page.count('| not stated |')} packages state no licence")


if __name__ == "__main__":
    main()
