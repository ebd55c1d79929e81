"""Small changes of the kernels' C++ code, each compiled and tested: first by the C++ tests, then by Python's."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "build" / "mutants"
TREE, VENV, BUILD = PLACE / "tree", PLACE / "venv", PLACE / "cpp"
LOG = PLACE / "kernels.jsonl"

#: What stands between spaces, as clang-format writes binary operators, and what takes its place.
_OPERATORS = {
    **{"<": "<=", ">": ">=", "<=": "<", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&"},
    **{"+": "-", "-": "+", "*": "/", "/": "*", "+=": "-=", "-=": "+=", "*=": "/="},
}
_PLACES = re.compile(
    r"(?<= )(?:[<>]=?|[=!]=|&&|\|\||[-+*/]=?)(?= )|(?<![\w.\"])\d+(?:\.\d+)?(?![\w.\"])|\b(?:true|false)\b"
)
_TESTS = ("depthwise", "gaze_events", "heatmap", "resize", "fit", "sample", "threads")


def changes(source: str) -> Iterator[tuple[int, int, str, str]]:
    """All changes of a source: line from 1, column from 0, what stands there, and what takes its place."""
    for number, line in enumerate(source.splitlines(), start=1):
        code = line.partition("//")[0]
        if re.match(r"\s*(#|static_assert|using |template)", code):
            continue
        for found in _PLACES.finditer(code):
            text = found[0]
            if text in ("true", "false"):
                other = "false" if text == "true" else "true"
            elif text[0].isdigit():
                other = f"{float(text) + 1}" if "." in text else str(int(text) + 1)
            elif text in _OPERATORS:
                other = _OPERATORS[text]
            else:
                continue
            yield number, found.start(), text, other


def changed(source: str, line: int, column: int, old: str, new: str) -> str:
    """The source with one change."""
    lines = source.splitlines(keepends=True)
    text = lines[line - 1]
    assert text[column:].startswith(old)
    lines[line - 1] = text[:column] + new + text[column + len(old) :]
    return "".join(lines)


def restore(file: Path) -> None:
    """Put a file of the copy back; one that is as it should be keeps its time, so that nothing is built anew."""
    target = TREE / file
    if not target.exists() or target.read_bytes() != (ROOT / file).read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, target)  # with the time of now, so that what was built of a mutant is built anew


def mutate(file: Path, tests: list[str], mutants: int, until: float) -> Counter[str]:
    """Try changes of a file until the time is up; return how many were killed, survived, or are left.

    Changes that do not compile are not counted. Results are kept in build/mutants/kernels.jsonl.
    """
    source = (ROOT / file).read_text(encoding="utf-8")
    digest = hashlib.sha256(source.encode()).hexdigest()
    able = list(changes(source))
    drawn = random.Random(0).sample(able, min(mutants, len(able)))
    lines = LOG.read_text(encoding="utf-8").splitlines() if LOG.exists() else []
    known = {tuple(item["change"]): item["outcome"] for item in map(json.loads, lines) if item["sha256"] == digest}
    if any(change not in known for change in drawn):
        _configure()
        if (before := _outcome(tests)) != "survived":
            raise SystemExit(f"{file}: the tests fail without any change ({before})")
    for change in drawn:
        if change in known or time.monotonic() > until:
            continue
        (TREE / file).write_text(changed(source, *change), encoding="utf-8")
        known[change] = _outcome(tests)
        with LOG.open("a", encoding="utf-8") as log:
            log.write(json.dumps({"sha256": digest, "change": change, "outcome": known[change]}) + "\n")
    restore(file)
    counts = Counter(known.get(change, "left") for change in drawn)
    for line, _, old, new in (change for change in drawn if known.get(change) == "survived"):
        print(f"survived: {file}:{line}: {old} became {new}")
    return counts


def _configure() -> None:
    options = ("EGAZE_BUILD_PYTHON=ON", "EGAZE_BUILD_IMAGING=OFF", "EGAZE_BUILD_RUNTIME=OFF", "EGAZE_BUILD_TESTS=ON")
    asked = [f"{VENV}/bin/python", "-c", "import pybind11; print(pybind11.get_cmake_dir())"]
    pybind11 = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    more = (
        f"pybind11_DIR={pybind11}",
        f"Python_EXECUTABLE={VENV}/bin/python",
        "CMAKE_BUILD_TYPE=Release",
        "CMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF",
    )
    command = ["cmake", "-S", TREE, "-B", BUILD, "-G", "Ninja", *(f"-D{item}" for item in (*options, *more))]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _outcome(tests: list[str]) -> str:
    """Build what stands in the tree and test it."""
    if subprocess.run(["cmake", "--build", BUILD], capture_output=True).returncode:
        return "does not compile"
    for name in _TESTS:
        if not _passes([f"{BUILD}/tests/cpp/test_{name}"]):
            return "killed"
    shutil.copy2(next((BUILD / "csrc" / "bindings").glob("_core*.so")), TREE / "egaze")
    return (
        "survived"
        if _passes([f"{VENV}/bin/python", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests])
        else "killed"
    )


def _passes(command: list[str]) -> bool:
    try:
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        return not subprocess.run(command, cwd=TREE, env=environment, capture_output=True, timeout=600).returncode
    except subprocess.TimeoutExpired:
        return False
