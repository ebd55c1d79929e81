"""Imports point up: a package knows only those above it."""

import ast
from pathlib import Path

import pytest

import egaze

# From the top. Packages of one line do not know each other.
LAYERS = [
    {"errors", "_core"},
    {"atomic", "cluster", "labels", "lazy_names", "progress", "registry", "serialize", "settings", "tables"},
    {"gaze", "imaging", "metrics", "unfinished"},
    {"sources"},
    {"study"},
    {"targets"},
    {"loading", "pictures"},
    {"models"},
    {"training"},
    {"evaluation", "explain", "deploy", "tuning"},
    {"dicom_objects", "report"},
    {"sharing"},
    {"demo"},
    {"cli"},
]
# Heatmaps, radiographs, tables and metrics are of use where torch is not installed.
WITHOUT_TORCH = {
    "errors",
    "atomic",
    "cluster",
    "labels",
    "lazy_names",
    "progress",
    "registry",
    "serialize",
    "settings",
    "tables",
    "unfinished",
    "gaze",
    "imaging",
    "metrics",
    "sources",
    "study",
    "targets",
    "pictures",
}

# `Study.as_dataset` asks a higher floor, when it is called.
CALLED_UPWARD = {("study/study.py", "egaze.loading.dataset"), ("study/study.py", "egaze.targets")}

ROOT = next(Path(folder) for folder in egaze.__path__ if (Path(folder) / "__init__.py").exists())
FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.stem not in {"__init__", "__main__"})


def package_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"egaze.{alias.name}" for alias in node.names]
            yield from names if node.module == "egaze" else [node.module]


def test_every_package_has_its_place():
    assert {package_of(path) for path in FILES} <= set().union(*LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_up(path):
    own = package_of(path)
    level = next(number for number, layer in enumerate(LAYERS) if own in layer)
    allowed = set().union(*LAYERS[:level], {own})
    if own == "cli":
        allowed |= {"cmake_prefix"}
    for name in imported(path):
        parts = name.split(".")
        if (path.relative_to(ROOT).as_posix(), name) in CALLED_UPWARD:
            continue
        if parts[0] == "egaze":
            assert len(parts) > 1 and parts[1] in allowed, f"{path} imports {name}"
        if own in WITHOUT_TORCH:
            assert parts[0] not in {"torch", "timm", "lightning_fabric"}, f"{path} imports {name}"


def test_the_stub_names_what_the_module_has():
    stub = ast.parse((ROOT / "_core.pyi").read_text(encoding="utf-8"))
    promised = {node.name for node in stub.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert promised == {name for name in dir(egaze._core) if not name.startswith("_")}
