"""What is released: versions that agree, a whole source distribution, and a command that prepares a release."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import egaze

ROOT = Path(__file__).parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
LARGEST_FILE_BYTES, LARGEST_ARCHIVE_BYTES = 1_000_000, 10_000_000


@pytest.fixture
def release():
    """tools/release.py as a module."""
    spec = importlib.util.spec_from_file_location("release_script", ROOT / "tools" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(folder, *arguments):
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@egaze.example")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of the files that a release changes, with its history."""
    for name in ("pyproject.toml", "CHANGELOG.md", "conda/recipe.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CITATION.cff").write_text(
        f"cff-version: 1.2.0\nversion: {egaze.__version__}\ndate-released: 2020-01-01\n"
    )
    for variable in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{variable}_NAME", "Tester")
        monkeypatch.setenv(f"{variable}_EMAIL", "tester@egaze.example")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def released_by(release, project, monkeypatch, *arguments):
    monkeypatch.setattr(release, "ROOT", project)
    monkeypatch.setattr(sys, "argv", ["release.py", *arguments])
    return release.main()


def test_every_file_states_the_version_of_the_installed_package(release):
    assert set(release.stated_versions(ROOT).values()) == {egaze.__version__}


def test_the_changelog_begins_with_what_is_unreleased_and_knows_the_version(release):
    headings = re.findall(r"^## (.*)$", release.changelog(ROOT), re.MULTILINE)
    assert headings[0] == "Unreleased"
    versions = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d", heading)[1] for heading in headings[1:]]
    assert versions == sorted(versions, key=release.numbers, reverse=True)
    # Before the first release the changelog has no version.
    assert versions[:1] in ([], [egaze.__version__])


def test_a_dry_run_changes_nothing(release, project, monkeypatch, capsys):
    assert released_by(release, project, monkeypatch, "98.0.0", "--dry-run") == 0
    said = capsys.readouterr().out
    assert (
        "would write conda/recipe.yaml" in said and "tag v98.0.0" in said and "[ ] git push origin main v98.0.0" in said
    )
    assert git(project, "status", "--porcelain") == "" and git(project, "tag") == ""
    assert len(git(project, "log", "--oneline").splitlines()) == 1


def test_a_release_writes_the_version_everywhere_and_tags_it(release, project, monkeypatch):
    before = release.unreleased(project)
    assert released_by(release, project, monkeypatch, "98.0.0") == 0
    assert set(release.stated_versions(project).values()) == {"98.0.0"} and len(release.stated_versions(project)) == 3
    assert re.search(
        r"## Unreleased\n\n## \[98\.0\.0\] - 20\d\d-\d\d-\d\d\n" + re.escape(before[:50]), release.changelog(project)
    )
    assert "2020-01-01" not in (project / "CITATION.cff").read_text()
    assert git(project, "status", "--porcelain") == "" and git(project, "tag", "--points-at", "HEAD") == "v98.0.0"
    assert "CHANGELOG.md has nothing under `## Unreleased`" in release.faults_of(project, "98.0.1")
    assert "the tag v98.0.0 exists" in release.faults_of(project, "98.0.0")


@pytest.mark.parametrize(
    ("version", "break_it", "said"),
    [
        ("0.0.1", None, "0.0.1 is not newer than"),
        ("v98.0.0", None, "v98.0.0 is no version of three numbers"),
        ("98.0.0", lambda folder: (folder / "new.txt").write_text("") or git(folder, "add", "."), "not committed"),
        ("98.0.0", lambda folder: git(folder, "switch", "--quiet", "--create", "other"), "the branch other, not main"),
        (
            "98.0.0",
            lambda folder: (folder / "CITATION.cff").write_text("version: 9.9.9\n"),
            "different versions: pyproject.toml",
        ),
    ],
)
def test_what_is_not_ready_is_told_and_nothing_is_done(release, project, monkeypatch, capsys, version, break_it, said):
    if break_it:
        break_it(project)
    assert released_by(release, project, monkeypatch, version) == 1
    assert said in capsys.readouterr().err
    assert git(project, "tag") == ""


@pytest.mark.skipif(importlib.util.find_spec("scikit_build_core") is None, reason="needs scikit-build-core")
def test_the_source_distribution_holds_what_it_needs_and_no_data(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    from scikit_build_core.build import build_sdist

    with tarfile.open(tmp_path / build_sdist(str(tmp_path))) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
    held = {member.name.partition("/")[2] for member in members}
    needed = {"pyproject.toml", "CMakeLists.txt", "LICENSE", "README.md", "CHANGELOG.md", "Makefile", "PKG-INFO"}
    for folder in ("cmake", "csrc", "egaze", "tests", "tools"):
        for path in (ROOT / folder).rglob("*"):
            name = path.relative_to(ROOT)
            made_by_tools = path.suffix in (".so", ".pyc") or any(part.startswith(".") for part in name.parts[:-1])
            if path.is_file() and not made_by_tools:
                needed.add(name.as_posix())
    assert needed - held == set()
    assert {name.partition("/")[0] for name in held} & {".ci", ".github", ".venv", "build", "demo", "dist"} == set()
    assert [member.name for member in members if member.size > LARGEST_FILE_BYTES] == []
    assert sum(member.size for member in members) < 2 * LARGEST_ARCHIVE_BYTES
    assert next(tmp_path.glob("*.tar.gz")).stat().st_size < LARGEST_ARCHIVE_BYTES


def requirement_lines(text):
    """Names with bounds, from lines such as `"numpy>=1.26",` or `- numpy >=1.26`."""
    return {name: bounds.replace(" ", "") for name, bounds in re.findall(r"([\w-]+) ?(>=[\d.]+(?:, ?<[\d.]+)?)", text)}


def test_the_conda_recipe_asks_for_what_the_package_asks_for():
    recipe = (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    named = {"torch": "pytorch", "python-gdcm": "gdcm", "matplotlib": "matplotlib-base"}
    block = PYPROJECT.partition("\ndependencies = [")[2].partition("\n]")[0]
    wanted = {named.get(name, name): bounds for name, bounds in requirement_lines(block).items()}
    run = requirement_lines(recipe.partition("  run:\n")[2].partition("\ntests:")[0])
    assert run.pop("python") == re.search(r'requires-python = "(.*)"', PYPROJECT)[1]
    assert run == wanted and len(wanted) > 20


def test_the_documents_name_every_extra():
    page = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    block = PYPROJECT.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    extras = re.findall(r"^([\w-]+) = \[", block, re.MULTILINE)
    assert len(extras) > 10
    assert [extra for extra in extras if f"| `{extra}` |" not in page] == []
