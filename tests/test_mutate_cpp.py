"""The changes that `make mutants` makes of C++ code."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent

spec = importlib.util.spec_from_file_location("mutate_cpp", ROOT / "tools" / "mutate_cpp.py")
mutate_cpp = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mutate_cpp)

SOURCE = """#include <array>
template <int n> // 3 < 4
std::array<int, 2> pair(int* at) {
  return a <= b && x1 + 0.5 > y ? true : -1;  // b - 3
}
"""


def test_operators_numbers_and_truths_are_changed_and_nothing_else():
    found = [(line, old, new) for line, _, old, new in mutate_cpp.changes(SOURCE)]
    assert found == [
        (3, "2", "3"),
        (4, "<=", "<"),
        (4, "&&", "||"),
        (4, "+", "-"),
        (4, "0.5", "1.5"),
        (4, ">", ">="),
        (4, "true", "false"),
        (4, "1", "2"),
    ]


def test_a_change_is_made_in_its_place_alone():
    for change in mutate_cpp.changes(SOURCE):
        before, after = SOURCE.splitlines(), mutate_cpp.changed(SOURCE, *change).splitlines()
        assert [number for number, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b] == [change[0]]


def test_the_kernels_have_many():
    kernels = (ROOT / "csrc" / "kernels").glob("*.cpp")
    assert sum(len(list(mutate_cpp.changes(path.read_text(encoding="utf-8")))) for path in kernels) > 500
