"""An outside project that reads radiographs with egaze::imaging and knows nothing of torch."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np

PROJECT = """
cmake_minimum_required(VERSION 3.22)
project(imaging_program LANGUAGES CXX)
find_package(egaze CONFIG REQUIRED COMPONENTS imaging)
if(TARGET egaze::runtime OR EGAZE_TORCH_DIR)
  message(FATAL_ERROR "asked for imaging alone")
endif()
get_target_property(compiled egaze::imaging IMPORTED)
if(NOT "${compiled}" STREQUAL "@COMPILED@")
  message(FATAL_ERROR "imported: ${compiled}")
endif()
add_executable(imaging_program main.cpp)
target_link_libraries(imaging_program PRIVATE egaze::imaging)
"""

PROGRAM = """
#include <cstdio>
#include <egaze/error.hpp>
#include <egaze/radiograph.hpp>
int main(int, char** argv) {
  try {
    const egaze::Radiograph radiograph = egaze::read_radiograph(argv[1]);
    std::printf("%zu %zu", radiograph.height, radiograph.width);
    for (const float pixel : radiograph.pixels) std::printf(" %.9g", pixel);
  } catch (const egaze::Error& error) {
    std::printf("%s", egaze::error_name(error.code()));
  }
}
"""


def write_imaging_program(folder: Path, compiled: bool = False) -> None:
    """The project's files; `compiled` is whether the package must hold a compiled egaze::imaging."""
    (folder / "CMakeLists.txt").write_text(PROJECT.replace("@COMPILED@", str(compiled).upper()))
    (folder / "main.cpp").write_text(PROGRAM)


def assert_it_reads_radiographs(program: Path, folder: Path) -> None:
    radiograph = np.array([[0, 40000, 65535], [1, 2, 3]], np.uint16)
    np.save(folder / "radiograph.npy", radiograph)
    said = _said(program, folder / "radiograph.npy").split()
    assert said[:2] == ["2", "3"]
    np.testing.assert_array_equal(
        np.array(said[2:], np.float32), radiograph.ravel().astype(np.float32) / np.float32(65535)
    )
    assert _said(program, folder / "none.npy") == "file_not_found"
    if shutil.which("ldd") is not None:
        assert "torch" not in _said("ldd", program)


def _said(*words: object) -> str:
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, check=True).stdout
