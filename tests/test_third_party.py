"""THIRD_PARTY.md fits what pyproject.toml asks for and what CMake looks for."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")

spec = importlib.util.spec_from_file_location("third_party", ROOT / "tools" / "third_party.py")
third_party = importlib.util.module_from_spec(spec)
spec.loader.exec_module(third_party)

AGAIN = "make third-party"


def rows(text):
    """Name and licence of each package in a part of the page."""
    return {cells[0]: cells[2] for line in text.splitlines() if len(cells := line.strip("| ").split(" | ")) >= 3}


def part(heading):
    """The text below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    below = PAGE.split(heading + "\n", 1)[1]
    return re.split(rf"^#{{1,{level}}} ", below, maxsplit=1, flags=re.MULTILINE)[0]


BASE = rows(part("## Installed with `pip install egaze`"))


@pytest.mark.parametrize("group", third_party.groups())
def test_the_page_names_all_that_is_asked_for(group):
    needs = {third_party.canonicalize_name(need.name) for need in third_party.groups()[group]} - {"egaze"}
    listed = set(BASE)
    if group in third_party.DEVELOPMENT:
        listed = set(rows(PAGE))
    elif group:
        listed |= set(rows(part(f"### `egaze[{group}]`")))
    assert needs <= listed, AGAIN


def test_the_page_has_no_other_groups():
    groups = set(re.findall(r"^### `egaze\[(.+)\]`$", PAGE, re.MULTILINE))
    assert groups == set(third_party.groups()) - {""}, AGAIN


def test_users_install_nothing_of_unknown_licence_or_under_the_gpl():
    users = PAGE.partition("## Installed to develop egaze")[0]
    unknown = [name for name, licence in rows(users).items() if licence in ("", third_party.UNKNOWN)]
    assert unknown == ["cuda-toolkit"]  # an empty package
    assert [line for line in users.splitlines() if re.search(r"\b[AL]?GPL", line.rpartition(" | ")[0])] == []


def test_what_runs_here_is_read_as_the_page_says():
    found, missing = third_party.closure(third_party.groups()[""])
    assert missing <= set(third_party.NOT_EVERYWHERE)
    assert third_party.licence(found["click"]) == BASE["click"] == "BSD-3-Clause"
    assert {"torch", "numpy", "timm", "sympy"} <= set(found)
    assert "onnxruntime" not in found


def test_the_page_names_each_library_that_is_linked():
    files = [
        ROOT / "CMakeLists.txt",
        *(ROOT / "csrc").rglob("CMakeLists.txt"),
        *(ROOT / "csrc").rglob("*.cmake"),
        *(ROOT / "tests").rglob("CMakeLists.txt"),
    ]
    wanted = {
        name
        for path in files
        for name in re.findall(r"^ *find_package\((\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    } - set(third_party.SYSTEM)
    assert wanted == set(third_party.LINKED)
    linked = PAGE.partition("## Linked by C++ code")[2]
    for name, (library, licence, _) in third_party.LINKED.items():
        assert f"| {name} | {library} | {licence} |" in linked, AGAIN
