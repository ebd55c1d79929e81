"""Runs clang-tidy on all C++ files, for `make lint` and pre-commit.

A file is checked again only if it, a header of egaze that it includes, .clang-tidy, its compile command or clang-tidy
has changed since the file was last free of findings. The compile commands come from build/lint, a build folder that is
configured but not built. The exit code is 1 if there is a finding. Files that need a library which this machine lacks
are named and not checked.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "lint"
FOLDERS = ("csrc", "tests/cpp", "tests/fuzz")
BIN = Path(sys.executable).parent


def configure() -> None:
    """Configure build/lint with everything that can be built, against the torch and pybind11 of this Python."""
    torch = importlib.util.find_spec("torch")
    options = [
        *("-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DEGAZE_BUILD_PYTHON=ON", "-DEGAZE_BUILD_FUZZERS=ON"),
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_DIR={output(sys.executable, '-m', 'pybind11', '--cmakedir').strip()}",
        f"-DEGAZE_BUILD_RUNTIME={'ON' if torch else 'OFF'}",
        f"-DEGAZE_TORCH_DIR={Path(torch.origin).parent if torch else ''}",
    ]
    said = output("cmake", "-S", ROOT, "-B", BUILD, *options)
    for line in re.findall(r"^-- (egaze: .*: no .*)$", said, re.MULTILINE):
        print(f"clang-tidy: code for a library that is missing is not checked: {line}")


def output(*command: object) -> str:
    """What a command prints; ends the program with all of it if the command fails."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env={**os.environ, "PATH": path})
    if done.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def compile_commands(database: Path, root: Path) -> dict[Path, dict[str, str]]:
    """One entry of a compile database per source file, and entries for the embedding example.

    The example is a project of its own, so the database lacks it. It sees only the public headers.
    """
    entries = {Path(entry["file"]): entry for entry in json.loads(database.read_text(encoding="utf-8"))}
    for path in (root / "csrc" / "examples").rglob("*.cpp"):
        command = shlex.join(["c++", "-std=c++20", f"-I{root / 'csrc' / 'include'}", "-c", str(path)])
        entries[path] = {"directory": str(root), "file": str(path), "command": command}
    return entries


@cache
def included_names(path: Path) -> frozenset[str]:
    """The names, without folders, of the files that a file includes."""
    names = re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', path.read_text(encoding="utf-8"), re.MULTILINE)
    return frozenset(name.rpartition("/")[2] for name in names)


def with_headers(source: Path, headers: list[Path]) -> list[Path]:
    """A source file and the headers of egaze that it may include, directly or through others."""
    found, new = {source}, {source}
    while new:
        names = frozenset[str]().union(*map(included_names, new))
        new = {header for header in headers if header.name in names} - found
        found |= new
    return sorted(found)


def digest(source: Path, entry: dict[str, str], headers: list[Path], version: str, checks: bytes) -> str:
    """A digest of everything in egaze on which the findings of a source file depend."""
    sha256 = hashlib.sha256(f"{version}\n{entry['command']}\n".encode() + checks)
    for path in with_headers(source, headers):
        sha256.update(f"\n{path}\n".encode() + path.read_bytes())
    return sha256.hexdigest()


def findings(source: Path) -> str:
    """The findings of clang-tidy in a file, or "" if there are none."""
    command = [str(BIN / "clang-tidy"), "--quiet", f"-p={BUILD / 'tidy'}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout or done.stderr


def main() -> int:
    configure()
    entries = compile_commands(BUILD / "compile_commands.json", ROOT)
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")]
    headers = [path for path in files if path.suffix in (".h", ".hpp", ".inc")]
    sources = sorted(path for path in files if path.suffix == ".cpp")
    compiled = [path for path in sources if path in entries]
    for path in sources:
        if path not in entries:
            print(f"clang-tidy: {path.relative_to(ROOT)} is not checked: it is not built here (is a library missing?)")

    # Some sources are compiled into several targets; with all entries, clang-tidy would check them as often.
    (BUILD / "tidy").mkdir(exist_ok=True)
    database = json.dumps([entries[path] for path in compiled])
    (BUILD / "tidy" / "compile_commands.json").write_text(database, encoding="utf-8")

    clean = BUILD / "clean"
    clean.mkdir(exist_ok=True)
    version = output(BIN / "clang-tidy", "--version")
    checks = b"".join(path.read_bytes() for path in (ROOT / ".clang-tidy", *(ROOT / "tests").glob(".clang-tidy")))
    stamps = {path: clean / digest(path, entries[path], headers, version, checks) for path in compiled}
    changed = [path for path, stamp in stamps.items() if not stamp.exists()]
    print(f"clang-tidy: {len(compiled)} files, {len(changed)} of them changed", flush=True)

    faulty = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (path, found) in enumerate(zip(changed, pool.map(findings, changed), strict=True), start=1):
            if found:
                faulty += 1
                print(found, flush=True)
            else:
                stamps[path].touch()
            if sys.stderr.isatty():
                print(f"\r{done} of {len(changed)} files", end="\n" if done == len(changed) else "", file=sys.stderr)
    return 1 if faulty else 0


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    sys.exit(main())
