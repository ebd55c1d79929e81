"""The documents' links within the project lead somewhere, and the map names every package."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "THIRD_PARTY")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_map_names_every_package():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in (ROOT / "egaze").glob("*/__init__.py")}
    folders = {path.name for path in (ROOT / "csrc").iterdir() if path.is_dir() and path.name != "include"}
    assert [name for name in sorted(packages) if f"`egaze/{name}/`" not in text] == []
    assert [name for name in sorted(folders) if f"`csrc/{name}/`" not in text] == []
