"""Environments in which egaze is tested beside .venv: `nox --list` shows them, `nox -s tests-3.12` runs one.

Each builds the wheel, installs it without asking pip for its dependencies, and brings those that its name says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests", "oldest"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
RUNTIME_TORCH = {"torch", "torchvision"}
#: What stands on torch, and what the tests without torch need of the extra `test`.
ON_TORCH = {"lightning-fabric", "timm", *RUNTIME_TORCH}
FOR_TESTS = {"hypothesis", "imageio-ffmpeg", "pyjpegls", "pytest", "pytest-xdist"}
TESTS_WITHOUT_TORCH = ("gaze", "imaging", "metrics", "sources", "study", "pictures")
PYTEST = ("pytest", "--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder")
#: Old dependencies use what others of today deprecate, which is nothing that egaze could mend.
WITH_OLD_DEPENDENCIES = ("-W", "ignore::DeprecationWarning")
#: Those of users; what egaze is compared with is newer than the oldest of what egaze needs.
EXTRAS = ("dicom", "mlflow", "onnx", "pacs", "ray", "tensorboard", "tune", "video")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests that need no torch, on each Python, with the newest dependencies."""
    install_wheel(session)
    session.install(*map(str, without_torch()))
    run_without_torch(session)


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """The same on the oldest Python, with the oldest of each dependency that pyproject.toml allows."""
    session.install(*map(oldest_of, build_requirements()))
    install_wheel(session, "--no-build-isolation")
    session.install(*map(oldest_of, without_torch()))
    run_without_torch(session, *WITH_OLD_DEPENDENCIES)


@nox.session(python=PYTHONS[0], name="oldest-torch")
def oldest_torch(session: nox.Session) -> None:
    """Every test, Python and C++, with the oldest of everything, torch and extras too (`-- FILE...`: those files)."""
    session.install(*map(oldest_of, build_requirements()))
    install_wheel(session, "--no-build-isolation")
    optional = [need for extra in EXTRAS for need in requirements(extra)]
    session.install(*map(oldest_of, [*requirements(), *optional, *for_tests()]))
    run_with_runner(session, *WITH_OLD_DEPENDENCIES, *session.posargs)


@nox.session(name="try-torch")
def try_torch(session: nox.Session) -> None:
    """Every test, Python and C++, with another torch: `nox -s try-torch -- VERSION [FILE...]`."""
    if not session.posargs:
        session.error("which torch? nox -s try-torch -- 2.15.0")
    version, *files = session.posargs
    session.install(*map(str, build_requirements()))
    install_wheel(session)
    others = [need for need in [*requirements(), *requirements("test")] if need.name not in RUNTIME_TORCH]
    session.install(f"torch=={version}", "torchvision", *map(str, others))
    run_with_runner(session, *files)
    bound = next(need for need in requirements() if need.name == "torch")
    if files:
        session.log(f"these files pass with torch {version}; without names of files all tests are run")
    elif not bound.specifier.contains(version):
        session.log(f"torch {version} can be let in: raise the bound of `{bound}` in pyproject.toml")


def install_wheel(session: nox.Session, *options: str) -> None:
    """Build the wheel and install it without dependencies."""
    folder = Path(session.create_tmp())
    build = ("--config-settings", f"build-dir={folder / 'build'}")
    session.run("pip", "wheel", "--quiet", "--no-deps", *options, *build, "--wheel-dir", str(folder), ".")
    (wheel,) = folder.glob("egaze-*.whl")
    session.install("--no-deps", "--force-reinstall", str(wheel))
    wheel.unlink()


def run_without_torch(session: nox.Session, *options: str) -> None:
    """Run the tests that need no torch, where there is none."""
    session.run("python", "-c", "import importlib.util; assert importlib.util.find_spec('torch') is None")
    session.chdir("tests")
    session.run(*PYTEST, "--quiet", *options, *(session.posargs or TESTS_WITHOUT_TORCH))


def run_with_runner(session: nox.Session, *options: str) -> None:
    """Build the runtime and `egaze-run` against the session's torch, and run the C++ and the Python tests."""
    build = Path(session.create_tmp()) / "cpp"
    torch = session.run("python", "-c", "import torch; print(torch.__path__[0])", silent=True)
    session.run("cmake", "-S", ".", "-B", str(build), "-G", "Ninja", f"-DEGAZE_TORCH_DIR={str(torch).strip()}")
    session.run("cmake", "--build", str(build))
    session.run("ctest", "--test-dir", str(build), "--output-on-failure")
    runner = str(build / "csrc" / "runner" / "egaze-run")
    session.run(*PYTEST, *options, env={"EGAZE_REQUIRE_RUNNER": "1", "EGAZE_RUN": runner, "OMP_WAIT_POLICY": "PASSIVE"})


def requirements(extra: str = "") -> Iterator[Requirement]:
    """What egaze needs on this Python, or what one of its extras adds."""
    project = PROJECT["project"]
    for line in project["optional-dependencies"][extra] if extra else project["dependencies"]:
        need = Requirement(line)
        if need.name == project["name"]:
            for other in need.extras:
                yield from requirements(other)
        else:
            yield need


def build_requirements() -> list[Requirement]:
    """What building needs; CMake and ninja come from PyPI here, so that their versions are known."""
    cmake = f"cmake>={PROJECT['tool']['scikit-build']['cmake']['version'].removeprefix('>=')}"
    return [Requirement(line) for line in (*PROJECT["build-system"]["requires"], cmake, "ninja")]


def without_torch() -> list[Requirement]:
    """What egaze and its tests need where torch is not wanted."""
    ours = [need for need in requirements() if need.name not in ON_TORCH]
    return [*ours, *for_tests()]


def for_tests() -> list[Requirement]:
    """The tools of the tests."""
    return [need for need in requirements("test") if need.name in FOR_TESTS]


def oldest_of(need: Requirement) -> str:
    """The requirement, pinned to the oldest version that it allows."""
    pinned = Requirement(str(need))
    for bound in need.specifier:
        if bound.operator == ">=":
            pinned.specifier = type(need.specifier)(f"=={bound.version}")
    return str(pinned)
