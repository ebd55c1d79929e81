"""Prepares a release: checks what must be true, then writes the version, dates the changelog, commits and tags.

Usage: python tools/release.py VERSION [--dry-run]. Nothing leaves this machine: pushing the tag is the last step of the
checklist that is printed, and publishes.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: Where the version stands, and the line that holds it.
VERSION_LINES = {
    "pyproject.toml": r'(?m)^version = "(.*)"$',
    "conda/recipe.yaml": r'(?m)^  version: "(.*)"$',
    "CITATION.cff": r'(?m)^version: "?([\w.]+)"?$',
}
CHECKLIST = """\
What remains, in this order:
  [ ] .ci/run on this commit, on a machine of its own
  [ ] the oldest of every dependency:  make nox SESSION=oldest-torch
  [ ] benchmarks that are claimed are of this version:  python benchmarks/render.py changes nothing
  [ ] make sdist wheel, and the wheel tried in an environment without a compiler
  [ ] git push origin main v{version}    (the workflow `release` builds the wheels and publishes them)
  [ ] install from the index in an empty environment:  pip install egaze=={version} && egaze info
  [ ] conda/recipe.yaml: the sha256 of the published source distribution"""


def main() -> int:
    """Prepare the release; return 1 where something is not ready."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="check and show, change nothing")
    options = parser.parse_args()
    today = datetime.date.today().isoformat()
    faults = faults_of(ROOT, options.version)
    for fault in faults:
        print(f"not ready: {fault}", file=sys.stderr)
    if faults:
        return 1
    changed = released(ROOT, options.version, today)
    for path in changed:
        print(f"{'would write' if options.dry_run else 'writes'} {path.relative_to(ROOT)}")
    if options.dry_run:
        print(f"would commit and tag v{options.version}")
    else:
        for path, text in changed.items():
            path.write_text(text, encoding="utf-8")
        git(ROOT, "commit", "--quiet", "--all", "--message", f"Release {options.version}")
        git(ROOT, "tag", "--annotate", f"v{options.version}", "--message", f"egaze {options.version}")
    print(CHECKLIST.format(version=options.version))
    return 0


def faults_of(root: Path, version: str) -> list[str]:
    """What stands in the way of releasing this version."""
    faults = []
    current = stated_versions(root)
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        return [f"{version} is no version of three numbers, such as 0.2.0"]
    if len(set(current.values())) > 1:
        faults.append("files state different versions: " + ", ".join(f"{name} {v}" for name, v in current.items()))
    first = not any(line.startswith("## [") for line in changelog(root).splitlines())
    newest = current["pyproject.toml"]
    if numbers(version) < numbers(newest) or (numbers(version) == numbers(newest) and not first):
        faults.append(f"{version} is not newer than {newest}")
    if not unreleased(root).strip():
        faults.append("CHANGELOG.md has nothing under `## Unreleased`")
    if git(root, "status", "--porcelain"):
        faults.append("there are changes that are not committed")
    if (branch := git(root, "branch", "--show-current")) != "main":
        faults.append(f"this is the branch {branch or '(none)'}, not main")
    if git(root, "tag", "--list", f"v{version}"):
        faults.append(f"the tag v{version} exists")
    return faults


def stated_versions(root: Path) -> dict[str, str]:
    """The version that each file states."""
    found = {}
    for name, pattern in VERSION_LINES.items():
        if (root / name).is_file():
            (found[name],) = re.findall(pattern, (root / name).read_text(encoding="utf-8"))
    return found


def released(root: Path, version: str, date: str) -> dict[Path, str]:
    """The files as they are after the release."""
    changed = {}
    for name in stated_versions(root):
        text = (root / name).read_text(encoding="utf-8")
        (held,) = re.finditer(VERSION_LINES[name], text)
        changed[root / name] = text[: held.start(1)] + version + text[held.end(1) :]
    if (citation := root / "CITATION.cff") in changed:
        changed[citation] = re.sub(r"(?m)^date-released: .*$", f"date-released: {date}", changed[citation])
    heading = f"## Unreleased\n\n## [{version}] - {date}\n"
    changed[root / "CHANGELOG.md"] = changelog(root).replace("## Unreleased\n", heading, 1)
    return changed


def changelog(root: Path) -> str:
    """The changelog's text."""
    return (root / "CHANGELOG.md").read_text(encoding="utf-8")


def unreleased(root: Path) -> str:
    """What the changelog says of the next version."""
    return changelog(root).partition("## Unreleased\n")[2].partition("\n## ")[0]


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared."""
    return tuple(int(part) for part in version.split("."))


def git(root: Path, *arguments: str) -> str:
    """Run git in the project."""
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
