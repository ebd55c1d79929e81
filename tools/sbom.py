"""Write a software bill of materials in CycloneDX's format: egaze, what it needs and, if asked, what extras need.

    python tools/sbom.py --cyclonedx FOLDER --out FILE.json [--extras onnx,dicom]

FOLDER holds the programs of an environment with cyclonedx-bom, which describes all packages that are installed where
this runs; of these, the ones are kept that egaze asks for, directly or not. The result is validated again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from third_party import NOT_EVERYWHERE, ROOT, canonicalize_name, closure, groups, project

_VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(error and f"not valid CycloneDX 1.6: {error}")
"""


def keep(bom: dict[str, object], names: set[str]) -> dict[str, object]:
    """Return a bill of materials with the packages of these canonical names only, and egaze itself as its subject."""
    own = bom["metadata"]["component"]["bom-ref"]  # type: ignore[index]
    kept = [item for item in bom["components"] if canonicalize_name(item["name"]) in names]  # type: ignore[attr-defined]
    refs = {own, *(item["bom-ref"] for item in kept)}
    dependencies = []
    for item in bom["dependencies"]:  # type: ignore[attr-defined]
        if item["ref"] in refs:
            on = [ref for ref in item.get("dependsOn", ()) if ref in refs]
            dependencies.append({"ref": item["ref"], **({"dependsOn": on} if on else {})})
    return {**bom, "components": kept, "dependencies": dependencies}


def wanted(extras: list[str]) -> set[str]:
    """The canonical names of all packages that egaze needs with these extras; exits if one is not installed."""
    asked = groups()
    if unknown := [extra for extra in extras if extra not in asked]:
        sys.exit(f"egaze has no extra {unknown[0]!r}; there are {', '.join(sorted(filter(None, asked)))}")
    found, missing = closure([need for extra in ("", *extras) for need in asked[extra]])
    if absent := sorted(missing - set(NOT_EVERYWHERE)):
        sys.exit(
            f"not installed, so not in the bill of materials: {', '.join(absent)}; install egaze with these extras"
        )
    return set(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cyclonedx", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--extras", default="")
    options = parser.parse_args()
    names = wanted([extra for extra in options.extras.split(",") if extra])
    with tempfile.TemporaryDirectory() as folder:
        everything = Path(folder) / "all.json"
        command = ("cyclonedx-py", "environment", "--pyproject", str(ROOT / "pyproject.toml"), "--spec-version", "1.6")
        command += (
            "--output-format",
            "JSON",
            "--output-file",
            str(everything),
            "--output-reproducible",
            sys.executable,
        )
        subprocess.run([str(options.cyclonedx / command[0]), *command[1:]], check=True)
        bom = keep(json.loads(everything.read_text(encoding="utf-8")), names)
    text = json.dumps(bom, indent=2) + "\n"
    subprocess.run([str(options.cyclonedx / "python"), "-c", _VALIDATE], input=text, text=True, check=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")
    print(f"{options.out}: {project()['name']} {project()['version']} and {len(bom['components'])} packages")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
