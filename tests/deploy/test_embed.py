"""Outside projects that know egaze only by its wheel: find_package(egaze) must build them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from deploy.imaging_program import assert_it_reads_radiographs, write_imaging_program
from deploy.scripted_models import CLASS_NAMES, expected, make_model, save_model

PROJECT = Path(__file__).parents[2]


def call(*words: object, folder: Path | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
    # Python's own build front ends must not see the folder they are started in.
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=900, cwd=folder)
    assert done.returncode == code, f"{words}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


def tool(name: str) -> str | None:
    beside_python = Path(sys.executable).parent / name
    return str(beside_python) if beside_python.is_file() else shutil.which(name)


@pytest.fixture(scope="module")
def cmake() -> list[str]:
    """CMake, and the generator that was asked for or is there."""
    path = tool("cmake")
    if path is None:
        if os.environ.get("EGAZE_REQUIRE_RUNNER") == "1":
            pytest.fail("CMake is missing: pip install cmake")
        pytest.skip("CMake is missing: pip install cmake")
    ninja = tool("ninja")
    return [path, *(["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"] if ninja else [])]


@pytest.fixture(scope="module")
def sdk(cmake: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ package of a freshly built and installed wheel."""
    if importlib.util.find_spec("scikit_build_core") is None or importlib.util.find_spec("pybind11") is None:
        pytest.skip("a wheel is built with scikit-build-core and pybind11: pip install scikit-build-core pybind11")
    folder = tmp_path_factory.mktemp("wheel")
    # A build folder of its own: the project's may belong to an editable install.
    call(sys.executable, "-m", "pip", "wheel", PROJECT, "--no-deps", "--no-build-isolation", "-q", "-w", folder,
         "--config-settings", f"build-dir={folder / 'build'}", folder=folder)  # fmt: skip
    (wheel,) = folder.glob("egaze-*.whl")
    site = folder / "site"
    call(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel, folder=folder)
    return site / "egaze" / "sdk"


def configure_and_build(cmake: list[str], source: Path, sdk: Path, **variables: object) -> Path:
    build = source / "build"
    options = [f"-D{name}={value}" for name, value in variables.items()]
    call(cmake[0], "-S", source, "-B", build, *cmake[1:], f"-DCMAKE_PREFIX_PATH={sdk}", *options)
    call(cmake[0], "--build", build)
    return build


def torch_folder() -> Path:
    return Path(importlib.util.find_spec("torch").origin).parent


def commands_of(readme: Path) -> list[str]:
    """The lines of a README's first block of shell commands."""
    (block, *_) = re.findall(r"```sh\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    return block.splitlines()


def test_the_embed_examples_readme_gives_pythons_numbers(cmake, sdk, tmp_path):
    source = tmp_path / "embed"
    shutil.copytree(PROJECT / "csrc" / "examples" / "embed", source)
    model = make_model()
    path = save_model(source / "model.pt", model, fit="letterbox")
    array = (np.random.default_rng(0).random((90, 50)) * 65535).astype(np.uint16)
    np.save(source / "radiograph.npy", array)

    # All that the commands see: the wheel's `egaze`, CMake, and a Python that has torch.
    site = sdk.parents[1]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(site / "bin"), str(Path(cmake[0]).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(site),
        "EGAZE_TORCH_DIR": str(torch_folder()),
        **({"CMAKE_GENERATOR": "Ninja"} if "Ninja" in cmake else {}),
    }
    configure, build, predict = commands_of(source / "README.md")
    for line in (configure, build):
        done = subprocess.run(["sh", "-c", line], cwd=source, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    lines = call("sh", "-c", predict, folder=source).stdout.splitlines()
    class_probs, _ = expected(model, array.astype(np.float32) / np.float32(65535), "letterbox")
    names, numbers = zip(*(line.split() for line in lines[:3]), strict=True)
    assert list(names) == CLASS_NAMES
    np.testing.assert_allclose([float(number) for number in numbers], class_probs, rtol=0, atol=1e-5)
    assert [len(line) for line in lines[3:]] == [32] * 16

    path.unlink()
    missing = call("sh", "-c", predict, folder=source, code=1)
    assert missing.stderr.splitlines() == ["embed: model.pt: no such file (No such file or directory)"]


KERNELS_ONLY = {
    "CMakeLists.txt": """
cmake_minimum_required(VERSION 3.22)
project(kernels_only LANGUAGES CXX)
find_package(egaze CONFIG REQUIRED COMPONENTS kernels)
if(TARGET egaze::runtime OR EGAZE_TORCH_DIR)
  message(FATAL_ERROR "asked for kernels alone")
endif()
add_executable(kernels_only main.cpp)
target_link_libraries(kernels_only PRIVATE egaze::kernels)
""",
    "main.cpp": """
#include <cstdio>
#include <vector>
#include <egaze/heatmap.hpp>
int main() {
  std::vector<float> heatmap(64 * 64);
  const std::vector<egaze::Fixation> fixations = {{32.0f, 32.0f, 2.0f, 3.0f, 3.0f}};
  egaze::rasterize_fixations(fixations, 64, 64, {}, heatmap.data());
  double sum = 0.0;
  for (const float value : heatmap) sum += value;
  std::printf("%.4f", sum);
}
""",
}


def test_a_program_of_kernels_alone_needs_no_torch(cmake, sdk, tmp_path):
    for name, text in KERNELS_ONLY.items():
        (tmp_path / name).write_text(text)
    build = configure_and_build(cmake, tmp_path, sdk)
    # A heatmap's mass is its fixations' weight, less what lies beyond four sigmas.
    assert float(call(build / "kernels_only").stdout) == pytest.approx(2.0, abs=1e-3)


def test_a_program_of_imaging_alone_needs_no_torch(cmake, sdk, tmp_path):
    write_imaging_program(tmp_path)
    # The image libraries are of no matter here, and DICOM's takes long to compile.
    build = configure_and_build(cmake, tmp_path, sdk, EGAZE_WITH_DCMTK="OFF")
    assert_it_reads_radiographs(build / "imaging_program", tmp_path)


def test_a_missing_torch_is_named(cmake, sdk, tmp_path):
    source = tmp_path / "embed"
    shutil.copytree(PROJECT / "csrc" / "examples" / "embed", source)
    done = subprocess.run(
        [cmake[0], "-S", source, "-B", source / "build", *cmake[1:], f"-DCMAKE_PREFIX_PATH={sdk}",
         f"-DEGAZE_TORCH_DIR={tmp_path}"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode != 0
    message = " ".join(done.stderr.split())
    assert "the runtime component needs libtorch" in message and "EGAZE_TORCH_DIR" in message
