"""Which C++ knows of torch and OpenVINO, and what public headers show."""

from __future__ import annotations

import re
from pathlib import Path

CSRC = Path(__file__).parents[1] / "csrc"
SOURCES = [path for path in CSRC.rglob("*") if path.suffix in {".cpp", ".hpp", ".h", ".inc"}]
ENGINE = CSRC / "runtime" / "torchscript"


def included(path: Path) -> list[str]:
    return re.findall(r'^#include ([<"][^>"]+)[>"]', path.read_text(encoding="utf-8"), re.MULTILINE)


def of_torch(path: Path) -> list[str]:
    return [name for name in included(path) if name.startswith(("<torch/", "<ATen/", "<c10/", "<caffe2/"))]


def test_only_the_engine_knows_torch():
    knowing = {path for path in SOURCES if of_torch(path)}
    assert ENGINE / "torchscript_engine.cpp" in knowing
    assert {path.parent for path in knowing} == {ENGINE}
    # What the predictor sees of the engine.
    assert ENGINE / "torchscript_engine.hpp" not in knowing


def test_only_its_engine_knows_openvino():
    knowing = {path for path in SOURCES if any(name.startswith("<openvino/") for name in included(path))}
    assert knowing == {CSRC / "runtime" / "openvino" / "openvino_engine.cpp"}


def test_public_headers_show_nothing_from_behind_them():
    for path in (CSRC / "include" / "egaze").iterdir():
        inside = [name for name in included(path) if name.startswith('"') and not name.startswith('"egaze/')]
        assert inside == [], path
    assert not (CSRC / "include" / "egaze" / "depthwise.hpp").exists()
