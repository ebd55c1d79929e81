"""Checks an installed wheel by itself: its compiled module, its C++ package, and what it needs no torch for.

Usage: python tools/check_wheel.py, in an environment that has egaze and NumPy, from a folder without egaze's sources.
"""

from __future__ import annotations

import sys
from importlib.metadata import files

import numpy as np

import egaze


def main() -> None:
    """Stop with an AssertionError where the wheel lacks something."""
    fixations = egaze.Fixations(x_px=[900, 1400, 1650], y_px=[800, 1200, 1900], duration_s=[0.35, 0.6, 0.2])
    heatmap = egaze.rasterize_fixations(fixations, (3056, 2544), sigma_px=150)
    assert abs(float(heatmap.sum()) - 1.15) < 1e-3, heatmap.sum()
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    assert (int(row), int(column)) == (1200, 1400), (row, column)
    assert egaze.resize(heatmap, (224, 224)).shape == (224, 224)

    prefix = egaze.cmake_prefix()
    headers, cmake, sources = "include/egaze/heatmap.hpp", "lib/cmake/egaze/egazeConfig.cmake", "share/egaze/runtime"
    for name in (headers, cmake, sources):
        assert (prefix / name).exists(), name
    folders = {path.parts[0] for path in files("egaze") or ()} - {".."}  # the program `egaze` is in ../../../bin
    assert all(folder.startswith("egaze") for folder in folders), folders
    print(f"egaze {egaze.__version__} on Python {sys.version.split()[0]}: the wheel is whole")


if __name__ == "__main__":
    main()
