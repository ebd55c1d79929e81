"""What `make audit` and `make sbom` say of what pip-audit and cyclonedx-bom tell."""

import importlib.util
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent.parent / "tools"


def load(name, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


KNOWN = {"name": "numpy", "version": "1.0", "vulns": []}
HURT = {"name": "pillow", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
UNASKED = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}
OWN = {"name": "egaze", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([KNOWN, OWN], 0, "no known vulnerability in 1 packages"),
        ([KNOWN, HURT, UNASKED], 1, "pillow 1.0: PYSEC-1, mended in 1.1"),
        ([KNOWN, UNASKED], 2, "NOT AUDITED: the service answered for 1 of 2 packages"),
        ([OWN], 2, "NOT AUDITED: the service answered for 0 of 0 packages"),
    ],
    ids=["clean", "hurt", "unasked", "nothing"],
)
def test_an_audit_that_asked_nothing_is_not_clean(packages, code, said, monkeypatch):
    found, lines = load("audit", monkeypatch).verdict({"dependencies": packages})
    assert found == code and lines[0].startswith(said)


def test_a_bill_of_materials_has_what_egaze_needs_and_nothing_else(monkeypatch):
    bom = {
        "metadata": {"component": {"bom-ref": "root"}},
        "components": [{"bom-ref": "a==1", "name": "A_b"}, {"bom-ref": "pip==1", "name": "pip"}],
        "dependencies": [
            {"ref": "root", "dependsOn": ["a==1", "pip==1"]},
            {"ref": "a==1", "dependsOn": ["pip==1"]},
            {"ref": "pip==1"},
        ],
    }
    kept = load("sbom", monkeypatch).keep(bom, {"a-b"})
    assert kept["components"] == bom["components"][:1]
    assert kept["dependencies"] == [{"ref": "root", "dependsOn": ["a==1"]}, {"ref": "a==1"}]


def test_the_bill_of_materials_follows_dependencies(monkeypatch):
    sbom = load("sbom", monkeypatch)
    names = sbom.wanted([])
    assert {"torch", "sympy", "pydicom"} <= names and not {"pip", "pytest", "onnxruntime"} & names
    with pytest.raises(SystemExit, match="egaze has no extra 'more'"):
        sbom.wanted(["more"])
