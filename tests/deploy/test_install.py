"""What `cmake --install` puts in place, moved elsewhere: pkg-config from C, find_package from C++."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from deploy.imaging_program import assert_it_reads_radiographs, write_imaging_program
from deploy.scripted_models import CLASS_NAMES, expected, make_model, save_model

PROJECT = Path(__file__).parents[2]

C_VIEWER = """
#include <egaze/egaze.h>
#include <stdio.h>

int main(int argc, char** argv) {
  egaze_predictor* predictor = NULL;
  float probs[3];
  size_t i;
  if (argc != 3) return 2;
  if (egaze_create(argv[1], NULL, &predictor) != EGAZE_OK ||
      egaze_predict_file(predictor, argv[2], probs, NULL) != EGAZE_OK) {
    fprintf(stderr, "%s\\n", egaze_last_error());
    egaze_free(predictor);
    return 1;
  }
  for (i = 0; i < egaze_class_count(predictor); ++i) {
    printf("%s %.9g\\n", egaze_class_name(predictor, i), probs[i]);
  }
  egaze_free(predictor);
  return 0;
}
"""

PROJECT_FILE = """
cmake_minimum_required(VERSION 3.22)
project(viewers LANGUAGES CXX)
find_package(egaze 0.1 CONFIG REQUIRED COMPONENTS kernels runtime)
foreach(kind IN ITEMS runtime shared)
  add_executable(with_${kind} main.cpp)
  target_link_libraries(with_${kind} PRIVATE egaze::${kind})
endforeach()
get_target_property(imported egaze::runtime IMPORTED)
if(NOT imported)
  message(FATAL_ERROR "the compiled runtime is not used")
endif()
"""


def call(*words: object, code: int = 0, **options: object) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == code, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def prefix(runner: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installed package that was moved after it was installed."""
    if shutil.which("cmake") is None:
        pytest.skip("CMake is missing: pip install cmake")
    folder = tmp_path_factory.mktemp("install")
    call("cmake", "--install", runner.parents[2], "--prefix", folder / "first")
    (folder / "first").rename(folder / "second")
    return folder / "second"


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray]:
    """A model, a radiograph, and Python's probabilities."""
    folder, model = tmp_path_factory.mktemp("question"), make_model()
    radiograph = np.random.default_rng(4).random((60, 80), dtype=np.float32)
    np.save(folder / "radiograph.npy", radiograph)
    return save_model(folder / "model.pt", model), folder / "radiograph.npy", expected(model, radiograph)[0]


def assert_answers(lines: list[str], class_probs: np.ndarray) -> None:
    names, numbers = zip(*(line.split() for line in lines), strict=True)
    assert list(names) == CLASS_NAMES
    np.testing.assert_allclose([float(number) for number in numbers], class_probs, rtol=0, atol=1e-5)


def libraries(prefix: Path) -> Path:
    (found,) = {path.parent for path in prefix.rglob("libegaze.*") if path.suffix in {".so", ".dylib"}}
    return found


def test_a_c_program_by_pkg_config(prefix, question, tmp_path):
    compiler = shutil.which("cc")
    if compiler is None or shutil.which("pkg-config") is None:
        pytest.skip("a C compiler or pkg-config is missing")
    model, radiograph, class_probs = question
    (tmp_path / "viewer.c").write_text(C_VIEWER)
    environment = {**os.environ, "PKG_CONFIG_PATH": str(libraries(prefix) / "pkgconfig")}
    flags = call("pkg-config", "--cflags", "--libs", "egaze", env=environment).split()
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    call(compiler, *strict, "-o", tmp_path / "viewer", tmp_path / "viewer.c", *flags)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries(prefix))}
    assert_answers(call(tmp_path / "viewer", model, radiograph, env=environment).splitlines(), class_probs)
    assert "none.pt: no such file" in call(tmp_path / "viewer", "none.pt", radiograph, code=1, env=environment)


def test_programs_by_find_package_static_and_shared(prefix, question, tmp_path):
    model, radiograph, class_probs = question
    (tmp_path / "CMakeLists.txt").write_text(PROJECT_FILE)
    shutil.copy(PROJECT / "csrc" / "examples" / "embed" / "main.cpp", tmp_path)
    import torch

    torch_dir = Path(torch.__file__).parent
    call("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
         f"-DEGAZE_TORCH_DIR={torch_dir}")  # fmt: skip
    call("cmake", "--build", tmp_path / "build")
    for kind in ("runtime", "shared"):
        lines = call(tmp_path / "build" / f"with_{kind}", model, radiograph).splitlines()
        assert_answers(lines[:3], class_probs)
    # A newer egaze than the installed one is not promised.
    (tmp_path / "CMakeLists.txt").write_text(PROJECT_FILE.replace("egaze 0.1", "egaze 0.9"))
    wrong = call("cmake", "-S", tmp_path, "-B", tmp_path / "other", f"-DCMAKE_PREFIX_PATH={prefix}", code=1)
    assert '"0.9"' in wrong


def test_a_program_of_imaging_alone_needs_no_torch(prefix, tmp_path):
    write_imaging_program(tmp_path, compiled=True)
    call("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    call("cmake", "--build", tmp_path / "build")
    assert_it_reads_radiographs(tmp_path / "build" / "imaging_program", tmp_path)


def test_the_readme_s_viewer(prefix, question, tmp_path):
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## C\+\+\n(.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    code = {
        language: re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)[1] for language in ("cpp", "cmake", "sh")
    }
    model, radiograph, class_probs = question
    (tmp_path / "main.cpp").write_text(code["cpp"], encoding="utf-8")
    (tmp_path / "CMakeLists.txt").write_text(code["cmake"], encoding="utf-8")
    shutil.copy(model, tmp_path / "model.pt")
    shutil.copy(radiograph, tmp_path / "heatmap.npy")
    # The wheel's package compiles the runtime first, as test_embed.py does; the installed one has it.
    said = call("sh", "-euc", code["sh"].replace("$(egaze cmake-prefix)", str(prefix)), cwd=tmp_path)
    names, numbers = zip(*(line.split() for line in said.splitlines()[-3:]), strict=True)
    assert list(names) == CLASS_NAMES
    np.testing.assert_allclose([float(number) for number in numbers], class_probs, rtol=0, atol=1e-5)


def test_nothing_of_the_build_is_in_the_package_files(prefix, runner):
    build = str(runner.parents[2])
    for path in prefix.rglob("*"):
        if path.suffix in {".cmake", ".pc", ".h", ".hpp"}:
            assert build not in path.read_text(encoding="utf-8"), path
