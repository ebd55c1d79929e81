"""The Python fuzzers, which run by hand: each can read its seeds."""

import importlib.util
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import pytest

from egaze.tables import records

FUZZ = Path(__file__).parent / "fuzz"


@pytest.fixture
def fuzzer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """One of the programs, with nothing in place of atheris; what it changes for itself is restored."""
    atheris = ModuleType("atheris")
    atheris.instrument_imports = lambda include: nullcontext()
    monkeypatch.setitem(sys.modules, "atheris", atheris)
    monkeypatch.syspath_prepend(FUZZ)
    for variable in ("EGAZE_MAX_RADIOGRAPH_PIXELS", "POLARS_MAX_THREADS"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.setattr(records, "_READ_BYTES", records._READ_BYTES)
    spec = importlib.util.spec_from_file_location(request.param, FUZZ / f"{request.param}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("fuzzer", ["fuzz_tables"], indirect=True)
def test_tables_and_transcripts(fuzzer, tmp_path):
    for name, content in fuzzer.WHOLE.items():
        (tmp_path / name).write_bytes(content)
    for number, (name, content) in enumerate(fuzzer.WHOLE.items()):
        fuzzer.read(tmp_path, name)
        fuzzer.try_one(tmp_path, bytes([number]) + content)
        fuzzer.try_one(tmp_path, bytes([128 + number, 80]) + b"\0")


@pytest.mark.parametrize("fuzzer", ["fuzz_radiographs"], indirect=True)
def test_radiographs(fuzzer, tmp_path):
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    fuzzer.write_seeds(seeds)
    fuzzer.RADIOGRAPH = tmp_path / "radiograph"
    written = sorted(seeds.iterdir())
    assert {path.suffix for path in written} == {".dcm", ".png", ".jpg", ".npy"}
    for path in written:
        fuzzer.read_bytes(path.read_bytes())
        fuzzer.read_bytes(path.read_bytes()[:-40])
